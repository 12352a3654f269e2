"""A key made up to be found wherever it leaks, a provider that repeats it in every failure, and an ear on all logs."""

from __future__ import annotations

import base64
import json
import logging
import secrets
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from urllib.parse import quote, quote_plus

from tests.loopback_server import LoopbackServer, QuietHandler

LOGGERS = ("", "httpx", "httpcore", "sqlalchemy", "streamlit", "alembic", "asyncio", "byok", "web")


class Canary:
    """One key, and every form in which it could turn up. Its last four characters are the hint, which is no secret.

    Args:
        plain: letters and digits alone, as some providers make them: such a key could pass for an id.
    """

    def __init__(self, *, plain: bool = False) -> None:
        # Characters that JSON and URLs write otherwise, between two runs that no form changes.
        self._runs = (secrets.token_hex(16), secrets.token_hex(12))
        self.key = "".join(self._runs) if plain else "sk-" + '/+"='.join(self._runs)
        raw = self.key.encode()
        shifted = tuple(base64.b64encode(b"\0" * n + raw)[n + 1 : -4] for n in range(3))
        forms = {
            *(run.encode() for run in self._runs),
            raw,
            raw[:12],
            raw.hex().encode(),
            raw.hex().upper().encode(),
            *shifted,
            *(form.replace(b"+", b"-").replace(b"/", b"_") for form in shifted),
            quote(self.key, safe="").encode(),
            quote_plus(self.key).encode(),
            json.dumps(self.key)[1:-1].encode(),
        }
        self._forms = tuple(forms)

    def __repr__(self) -> str:
        return "Canary()"

    def sings_in(self, found: bytes | str) -> bool:
        """Whether any form of the key stands in it."""
        text = found.encode("utf-8", "replace") if isinstance(found, str) else found
        return any(form in text for form in self._forms)


class Ear(logging.Handler):
    """Keeps every record of every logger at DEBUG, with all that a formatter could make of it."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.heard: list[tuple[str, str]] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keeps the words, the arguments and the traceback."""
        parts = [record.getMessage(), repr(record.args), logging.Formatter().format(record)]
        self.heard.append((record.name, "\n".join(parts)))

    def names(self) -> set[str]:
        """The loggers that were heard, by their first name."""
        return {name.partition(".")[0] for name, _ in self.heard}


@contextmanager
def ear() -> Iterator[Ear]:
    """Listens to all loggers at DEBUG, as an operator who looks for a fault would have them."""
    listening = Ear()
    known = [logging.getLogger(name) for name in LOGGERS]
    known += [one for one in logging.Logger.manager.loggerDict.values() if isinstance(one, logging.Logger)]
    before = [(one, one.level, one.propagate, one.disabled) for one in dict.fromkeys(known)]
    for one, *_ in before:
        one.setLevel(logging.DEBUG)
        one.propagate, one.disabled = True, False
    logging.getLogger().addHandler(listening)
    try:
        yield listening
    finally:
        logging.getLogger().removeHandler(listening)
        for one, level, propagate, disabled in before:
            one.setLevel(level)
            one.propagate, one.disabled = propagate, disabled


def told(error: BaseException | None) -> str:
    """All that an exception and those behind it say: text, repr, attributes, traceback."""
    words: list[str] = []
    waiting, seen = [error], set()
    while waiting:
        one = waiting.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        words += [str(one), repr(one), repr(one.args), repr(vars(one)), "".join(traceback.format_exception(one))]
        # Also the context that "from None" only hides: a debugger and an error tracker show it.
        waiting += [one.__cause__, one.__context__]
    return "\n".join(words)


class Nest(LoopbackServer):
    """A provider on loopback that repeats the key it was sent, in the body and in headers, in the way of `failure`."""

    def __init__(self) -> None:
        super().__init__(_Handler)
        self.failure = "none"
        self.let_go = threading.Event()
        self.asked: list[str] = []
        self.keys: set[str] = set()
        self.elsewhere = ""

    def release(self) -> None:
        """Whatever still waits."""
        self.let_go.set()


class _Handler(QuietHandler):
    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self._serve()

    def _serve(self) -> None:
        nest = self.server
        assert isinstance(nest, Nest)
        carried = (self.headers.get(name, "") for name in ("authorization", "x-api-key", "x-goog-api-key"))
        self.key = "".join(carried).removeprefix("Bearer ")
        nest.asked.append(self.path)
        nest.keys.add(self.key)
        self.close_connection = True
        FAILURES[nest.failure](self, nest)

    def say(self, status: int, body: str, *, kind: str = "application/json", **headers: str) -> None:
        self.send_response(status)
        for name, value in {"content-type": kind, "connection": "close", **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        for name in ("x-request-id", "www-authenticate", "retry-after", "x-echo"):
            self.send_header(name, self.key)
        self.end_headers()
        self.wfile.write(body.encode())

    def error(self, status: int) -> None:
        words = f"Incorrect API key provided: {self.key} ({self.key.encode().hex()}, {quote(self.key, safe='')})."
        named = {"message": words, "type": self.key, "code": "invalid_api_key" if status == 401 else self.key}
        self.say(status, json.dumps({"error": {**named, "param": self.key}, "request_id": self.key}))


def _none(to: _Handler, _: Nest) -> None:
    if to.command == "GET":
        to.say(200, json.dumps({"object": "list", "data": [{"id": "gpt-5.4-mini", "object": "model", "created": 1}]}))
    else:
        chunks: tuple[tuple[dict[str, str], str], ...] = ({"content": "Fine."}, ""), ({}, "stop")
        lines = (json.dumps({"choices": [{"index": 0, "delta": d, "finish_reason": f or None}]}) for d, f in chunks)
        to.say(200, "".join(f"data: {line}\n\n" for line in lines) + "data: [DONE]\n\n", kind="text/event-stream")


def _broken_stream(to: _Handler, _: Nest) -> None:
    first = json.dumps({"choices": [{"index": 0, "delta": {"content": "Once"}, "finish_reason": None}]})
    bad = json.dumps({"error": {"message": f"overloaded for {to.key}", "code": to.key}})
    to.say(200, f"data: {first}\n\ndata: {bad}\n\n", kind="text/event-stream")


def _silence(_: _Handler, nest: Nest) -> None:
    nest.let_go.wait()


def _no_http(to: _Handler, _: Nest) -> None:
    to.wfile.write(f"{to.key} {to.key}\r\n{to.key}\r\n\r\n".encode())


def _half_a_header(to: _Handler, _: Nest) -> None:
    to.wfile.write(f"HTTP/1.1 200 OK\r\n{to.key}\r\ncontent-length: {to.key}\r\n\r\n".encode())


def _elsewhere(to: _Handler, nest: Nest) -> None:
    to.say(307, to.key, location=f"{nest.elsewhere}/v1/models?key={quote(to.key, safe='')}")


def _packed(to: _Handler, _: Nest) -> None:
    to.say(200, f"not gzip: {to.key}", content_encoding="gzip")


FAILURES: Mapping[str, Callable[[_Handler, Nest], None]] = MappingProxyType(
    {
        "none": _none,
        "rejected": lambda to, _: to.error(401),
        "no credit": lambda to, _: to.error(402),
        "limited": lambda to, _: to.error(403),
        "not found": lambda to, _: to.error(404),
        "too often": lambda to, _: to.error(429),
        "outage": lambda to, _: to.error(500),
        "plain words": lambda to, _: to.say(400, f"bad key {to.key}", kind="text/plain"),
        "malformed body": lambda to, _: to.say(200, '{"data": [{"id": "' + to.key),
        "a gateway's page": lambda to, _: to.say(502, f"<html><title>{to.key}</title></html>", kind="text/html"),
        "broken stream": _broken_stream,
        "timeout": _silence,
        "no HTTP": _no_http,
        "a broken header": _half_a_header,
        "a redirect": _elsewhere,
        "not unpackable": _packed,
    }
)


@contextmanager
def nest() -> Iterator[Nest]:
    """A running provider."""
    with Nest().running() as server:
        yield server
