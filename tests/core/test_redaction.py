"""What reaches a log when somebody, against the rules, hands a key to it."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from uuid import uuid4

import pytest

from byok.core.redaction import GONE, Redaction, install, mask, quiet_http

BODY = "Ab3" * 16
KEYS = {
    "openai": "sk-" + "proj-" + BODY,
    "anthropic": "sk-" + "ant-api03-" + BODY,
    "openrouter": "sk-" + "or-v1-" + "0a" * 32,
    "groq": "gsk_" + BODY,
    "gemini": "AI" + "za" + BODY[:35],
    "gemini-new": "AQ" + "." + BODY,
    "nvidia": "nvapi-" + BODY,
    "mistral": "a1B2" * 8,
    "together": "0f" * 32,
    "together-new": "tgp_v1_" + BODY[:43],
    "local": "local-" + "0f" * 20,
    "session": "aZ0_-" * 9,
}


class Log:
    """A logger of one test's own, and what its handler wrote."""

    def __init__(self) -> None:
        self.logger = logging.Logger("test", logging.DEBUG)
        self.written = io.StringIO()
        self.logger.addHandler(logging.StreamHandler(self.written))
        install(self.logger)

    def __str__(self) -> str:
        return self.written.getvalue()


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
def levels() -> Iterator[None]:
    loggers = [logging.getLogger(name) for name in ("httpx", "httpcore")]
    before = [logger.level for logger in loggers]
    yield
    for logger, level in zip(loggers, before, strict=True):
        logger.setLevel(level)


@pytest.fixture
def root_filters() -> Iterator[None]:
    places: list[logging.Filterer] = [logging.getLogger(), *logging.getLogger().handlers]
    before = [list(place.filters) for place in places]
    yield
    for place, filters in zip(places, before, strict=True):
        place.filters[:] = filters


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
def test_a_key_of_every_shape_is_masked_in_a_message(log: Log, key: str) -> None:
    log.logger.info("checking %s", f"with {key}, failed")
    assert key not in str(log)
    assert str(log) == f"checking with {GONE}, failed\n"


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
def test_a_key_inside_an_argument_is_masked(log: Log, key: str) -> None:
    log.logger.debug("request %r and %d", {"headers": [(b"x", key.encode())]}, 3)
    assert key not in str(log)
    assert str(log).endswith("and 3\n")


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer {}",
        "authorization: Basic {}",
        "{{'Authorization': 'Bearer {}'}}",
        "[(b'authorization', b'Bearer {}')]",
        "x-api-key: {}",
        '"x-goog-api-key": "{}"',
        "api_key='{}'",
        "Cookie: byok={}; other=1",
        "GET https://api.example/v1/models?key={}&alt=json",
        "postgresql://byok:{}@db.example/byok",
        "password={}",
    ],
)
def test_what_carries_a_secret_is_masked_whatever_the_secret_looks_like(text: str) -> None:
    secret = "plain" + "words"
    assert secret not in mask(text.format(secret))
    assert GONE in mask(text.format(secret))


def test_the_text_of_an_exception_is_masked(log: Log) -> None:
    key = KEYS["openai"]
    try:
        try:
            raise ValueError(f"bad header {key}")  # noqa: TRY301
        except ValueError as error:
            raise RuntimeError("outer") from error
    except RuntimeError:
        log.logger.exception("failed")
    assert key not in str(log)
    assert "ValueError: bad header" in str(log)
    assert "RuntimeError: outer" in str(log)


def test_an_exception_that_is_masked_is_not_left_for_others_to_format() -> None:
    try:
        raise ValueError(KEYS["groq"])  # noqa: TRY301
    except ValueError as error:
        record = logging.LogRecord("x", logging.ERROR, __file__, 1, "m", None, (type(error), error, None))
    assert Redaction().filter(record)
    assert record.exc_info is None
    assert KEYS["groq"] not in str(record.exc_text)


def test_arguments_that_do_not_fit_are_not_printed_raw(log: Log, capsys: pytest.CaptureFixture[str]) -> None:
    key = KEYS["nvidia"]
    log.logger.info("one %s", "a", key)
    log.logger.info("%d", key)
    assert str(log).count("its arguments do not fit") == 2
    assert key not in str(log) + "".join(capsys.readouterr())


def test_what_holds_no_key_is_left_as_it_is(log: Log) -> None:
    words = f"company northwind-labs, attempt {uuid4()}, POST /chat/completions 200 in 12 ms, model openai/gpt-oss-20b"
    log.logger.info("%s", words)
    assert str(log) == words + "\n"


def test_a_plain_exception_keeps_its_traceback(log: Log) -> None:
    try:
        raise KeyError("nothing")  # noqa: TRY301
    except KeyError:
        log.logger.exception("failed")
    assert "Traceback (most recent call last)" in str(log)
    assert "test_redaction.py" in str(log)


def test_installing_again_adds_nothing(log: Log) -> None:
    install(log.logger)
    handler = log.logger.handlers[0]
    assert sum(isinstance(known, Redaction) for known in handler.filters) == 1
    assert sum(isinstance(known, Redaction) for known in log.logger.filters) == 1


def test_the_handlers_of_other_loggers_are_covered_too(root_filters: None) -> None:
    other = logging.getLogger(f"test.{uuid4().hex}")
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    other.addHandler(handler)
    install()
    other.warning("key %s", KEYS["mistral"])
    other.removeHandler(handler)
    assert written.getvalue() == f"key {GONE}\n"


def test_http_libraries_do_not_log_requests(levels: None) -> None:
    quiet_http()
    assert not logging.getLogger("httpx").isEnabledFor(logging.INFO)
    assert not logging.getLogger("httpcore.http11").isEnabledFor(logging.DEBUG)
