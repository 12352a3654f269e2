"""A provider on a loopback port, for commands that run as processes: one right key, one model, two pieces of text."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.loopback_server import LoopbackServer, QuietHandler

KEY = "loopback-" + "k" * 20
TEXTS = ("Hello", " world")
USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}


class Loopback(LoopbackServer):
    """`let_go` lets answers go on after their first piece; `asked` is every body that came in.

    The first `busy` questions are refused.
    """

    def __init__(self) -> None:
        super().__init__(_Handler)
        self.let_go = threading.Event()
        self.let_go.set()
        self.asked: list[dict[str, Any]] = []
        self.busy = 0

    def release(self) -> None:
        """Whatever still waits."""
        self.let_go.set()

    @property
    def catalogue(self) -> str:
        """The provider as a catalogue file."""
        url = f"{self.origin}/v1"
        return f'[loop]\nname = "Loop"\nbase_url = "{url}"\nprivate_network = true\nkey_format = "loopback-..."\n'


@contextmanager
def loopback() -> Iterator[Loopback]:
    """A running one."""
    with Loopback().running() as server:
        yield server


class _Handler(QuietHandler):
    protocol_version = "HTTP/1.1"
    server: Loopback

    def do_GET(self) -> None:
        if self.headers.get("Authorization") != f"Bearer {KEY}":
            self._say(401, {"error": {"message": "Incorrect API key", "code": "invalid_api_key"}})
        else:
            self._say(200, {"data": [{"id": "small", "object": "model"}]})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked.append(json.loads(body))
        if len(self.server.asked) <= self.server.busy:
            self._say(503, {"error": {"message": "Overloaded"}})
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        try:
            for text in TEXTS:
                self._event({"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]})
                self.server.let_go.wait(30)
            self._event({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "usage": USAGE})
            self.wfile.write(b"data: [DONE]\n\n")
        except OSError:  # hung up on, as some tests want it
            self.close_connection = True

    def _event(self, event: dict[str, Any]) -> None:
        whole = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "small", **event}
        self.wfile.write(f"data: {json.dumps(whole)}\n\n".encode())
        self.wfile.flush()

    def _say(self, status: int, body: dict[str, Any]) -> None:
        self.send(status, json.dumps(body).encode())
