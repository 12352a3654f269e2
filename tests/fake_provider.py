"""A provider on a real loopback socket that speaks the OpenAI style and says exactly what a test tells it to."""

from __future__ import annotations

import json
import select
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any

from byok.core.provider import Provider
from tests.loopback_server import LoopbackServer, QuietHandler

Script = Callable[["Exchange"], None]


class HungUpError(Exception):
    """The client has closed the connection."""


class Exchange:
    """One request and what is answered to it."""

    def __init__(self, handler: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
        self._handler, self.body, self._began = handler, body, False
        self.model = "fake-1-2026"  # what it says has answered

    def text(self, text: str) -> None:
        """Streams a piece of text."""
        self.chunk({"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]})

    def reasoning(self, text: str) -> None:
        """Streams a piece of reasoning."""
        self.chunk({"choices": [{"index": 0, "delta": {"reasoning_content": text}, "finish_reason": None}]})

    def finish(self, reason: str = "stop", *, tokens: tuple[int, int] | None = (11, 7)) -> None:
        """Ends the answer properly, with token counts (in, out) if there are any."""
        self.chunk({"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
        if tokens is not None:
            self.chunk({"choices": [], "usage": {"prompt_tokens": tokens[0], "completion_tokens": tokens[1]}})
        self._write(b"data: [DONE]\n\n")

    def chunk(self, fields: dict[str, Any]) -> None:
        """Streams one event."""
        self._begin(200, "text/event-stream")
        self._write(b"data: " + json.dumps({"id": "c", "model": self.model, **fields}).encode() + b"\n\n")

    def refuse(self, status: int, message: str) -> None:
        """Answers with an error instead."""
        self._begin(status, "application/json")
        self._write(json.dumps({"error": {"message": message}}).encode())

    def wait(self, gate: threading.Event) -> None:
        """Goes on when the gate opens; notices at once when the client hangs up."""
        while not gate.wait(0.002):
            if select.select([self._handler.connection], [], [], 0)[0] and not self._handler.connection.recv(1):
                raise HungUpError

    def _begin(self, status: int, kind: str) -> None:
        if not self._began:
            self._began = True
            self._handler.send_response(status)
            self._handler.send_header("content-type", kind)
            self._handler.send_header("x-request-id", "req-1")
            self._handler.send_header("connection", "close")
            self._handler.end_headers()

    def _write(self, data: bytes) -> None:
        self._handler.wfile.write(data)
        self._handler.wfile.flush()


class FakeProvider:
    """The server. `script` says what each request is answered; it can be changed at any time.

    Args:
        id: by which the catalogue knows it. habits: more of its row.
    """

    def __init__(self, id: str = "fake", **habits: Any) -> None:  # noqa: A002 - the catalogue's own word
        self.script: Script = answer("Hello.")
        self.requests: list[dict[str, Any]] = []
        self.keys: list[str] = []  # what each request was authorised with
        self.models: list[str] = []  # what any key opens; here and in the next two, `{key}` stands for the key
        self.names: dict[str, str] = {}  # what models are called, where they are
        self.refused: str | None = None  # why every key is refused
        self.hung_up = threading.Event()
        fake = self

        class Handler(QuietHandler):
            def do_GET(self) -> None:
                key = self.headers.get("authorization", "").removeprefix("Bearer ")
                rows = [{"id": one, "object": "model", "name": fake.names.get(one, one)} for one in fake.models]
                said: dict[str, Any] = {"object": "list", "data": rows}
                if fake.refused is not None:
                    said = {"error": {"message": fake.refused}}
                body = json.dumps(said).replace("{key}", json.dumps(key)[1:-1]).encode()
                self.send(200 if fake.refused is None else 401, body)

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                fake.keys.append(self.headers.get("authorization", "").removeprefix("Bearer "))
                fake.requests.append(body)
                try:
                    fake.script(Exchange(self, body))
                except (HungUpError, ConnectionError):
                    fake.hung_up.set()

        self.server = LoopbackServer(Handler)
        self.base_url = f"{self.server.origin}/v1"
        row = {"name": "Fake AI", "private_network": True, "stream_usage": "include_usage"} | habits
        self.provider = Provider(id=id, base_url=self.base_url, **row)


@contextmanager
def fake_provider(**row: Any) -> Iterator[FakeProvider]:
    """A running server."""
    fake = FakeProvider(**row)
    with fake.server.running():
        yield fake


def answer(text: str) -> Script:
    """A script that answers `text` in one piece, with 11 tokens in and 7 out."""

    def script(exchange: Exchange) -> None:
        exchange.text(text)
        exchange.finish()

    return script


def held(gate: threading.Event, *, first: str = "Once", then: str = " upon a time") -> Script:
    """A script that answers `first`, waits for the gate, and answers `then`."""

    def script(exchange: Exchange) -> None:
        exchange.text(first)
        exchange.wait(gate)
        exchange.text(then)
        exchange.finish()

    return script


def refuse(status: int, message: str = "no") -> Script:
    """A script that refuses."""
    return lambda exchange: exchange.refuse(status, message)
