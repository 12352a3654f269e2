"""Masks what looks like a key in log records. A second line only: no code hands a key to a log in the first place.

It errs on the side of too much, and never stops a record.
"""

from __future__ import annotations

import logging
import re
import traceback
from collections.abc import Iterator

from byok.core.told import told

GONE = "[hidden]"
TOLD = "told_without_words"
"""The attribute of a record that says what may be said of its exception, where the exception itself was taken away."""

_HEADER = re.compile(
    r"""((?:proxy-)?authorization|(?:set-)?cookie|(?:x-(?:goog-)?)?api[-_]?key|client[-_]secret|password)
        (['"]?\s*[:=,]\s*(?:SecretStr\()?b?)(?:'[^'\r\n]*'|"[^"\r\n]*"|[^\s'"][^\r\n'"]*)""",
    re.IGNORECASE | re.VERBOSE,
)
_ADDRESS = re.compile(r"([?&](?:api[-_]?key|key|token|access_token|ticket)=)[^&\s'\"]+", re.IGNORECASE)
_USER_INFO = re.compile(r"(://[^\s/:@'\"]*):[^\s/@'\"]+@")
_KEY_LIKE = re.compile(
    r"""
      (?i:\b(?:bearer|basic)\s+)[\w\-.~+/=]{6,}
    | (?<![A-Za-z0-9])(?:sk|gsk|nvapi|tgp|pk|rk|xai|hf|pplx|local)[-_][\w\-]{16,}
    | (?<![A-Za-z0-9])(?:AIza|AQ\.|ya29\.|eyJ)[\w\-.]{16,}
    | \b(?=[A-Za-z]*[0-9])(?=[0-9]*[A-Za-z])[A-Za-z0-9]{28,}\b
    | (?<![\w\-])(?=[\w\-]*[0-9])(?=[\w\-]*[a-z])(?=[\w\-]*[A-Z])[\w\-]{36,}
    | (?<![\w+/])(?!/)(?=[\w+/]*[0-9])(?=[\w+/]*[a-z])(?=[\w+/]*[A-Z])[A-Za-z0-9+/]{40,}={0,2}
    | (?<![0-9.])[0-9]{40,}(?![0-9.])
    """,
    re.VERBOSE,
)


def mask(text: str) -> str:
    """The text without values of key-carrying headers, fields and addresses, and without key-like words."""
    text = _HEADER.sub(rf"\1\2{GONE}", text)
    text = _ADDRESS.sub(rf"\1{GONE}", text)
    text = _USER_INFO.sub(rf"\1:{GONE}@", text)
    return _KEY_LIKE.sub(GONE, text)


class Redaction(logging.Filter):
    """Masks message, arguments, exception and stack of each record that passes."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Always True: a record is changed, never stopped."""
        try:
            message = record.getMessage()
        except Exception:  # noqa: BLE001 - whatever a __str__ raises; logging itself would print the arguments raw
            message, record.args = f"{record.msg!r} (its arguments do not fit)", None
        masked = mask(message)
        if masked != message or record.args is None:
            record.msg, record.args = masked, None
        if record.exc_info and record.exc_info[1] is not None and not hasattr(record, TOLD):
            setattr(record, TOLD, [mask(line) for line in told(record.exc_info[1])])
        if record.exc_info and not record.exc_text:
            text = "".join(traceback.format_exception(*record.exc_info)).rstrip("\n")
            record.exc_text = mask(text)
            if record.exc_text != text:
                record.exc_info = None  # what a handler would format for itself
        elif record.exc_text:
            record.exc_text = mask(record.exc_text)
        if record.stack_info:
            record.stack_info = mask(record.stack_info)
        return True


def install(logger: logging.Logger | None = None) -> None:
    """Puts the filter on a logger and on all handlers there are. Safe to call again, after others made handlers.

    Args:
        logger: the root logger where not given; then the handlers of all other loggers are covered too.
    """
    root = logging.getLogger()
    logger = logger or root
    places: list[logging.Filterer] = [logger, *logger.handlers]
    if logger is root:
        # A logger's own filter sees only what is logged to it, so handlers carry it: uvicorn's and Streamlit's too.
        places += _handlers_of_others()
    for place in places:
        guard(place)


def guard(place: logging.Filterer) -> None:
    """Puts the filter on one handler or logger, unless it is there."""
    if not any(isinstance(known, Redaction) for known in place.filters):
        place.addFilter(Redaction())


def quiet_http() -> None:
    """Keeps the HTTP libraries from logging requests: addresses at INFO, headers at DEBUG."""
    # A logger further down may have been given a level of its own, and then does not ask the one above.
    known = [name for name in list(logging.Logger.manager.loggerDict) if name.startswith(("httpx.", "httpcore."))]
    for name in ("httpx", "httpcore", *known):
        logging.getLogger(name).setLevel(logging.WARNING)


def _handlers_of_others() -> Iterator[logging.Handler]:
    for other in list(logging.Logger.manager.loggerDict.values()):
        if isinstance(other, logging.Logger):
            yield from other.handlers
