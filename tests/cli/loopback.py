"""A provider on a loopback port, for commands that run as processes: one right key, one model, two pieces of text."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "loopback-" + "k" * 20
TEXTS = ("Hello", " world")
USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}


class Loopback(ThreadingHTTPServer):
    """`release` lets answers go on after their first piece; `asked` is every body that came in.

    The first `busy` questions are refused.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.release = threading.Event()
        self.release.set()
        self.asked: list[dict[str, Any]] = []
        self.busy = 0

    @property
    def catalogue(self) -> str:
        """The provider as a catalogue file."""
        url = f"http://127.0.0.1:{self.server_address[1]}/v1"
        return f'[loop]\nname = "Loop"\nbase_url = "{url}"\nprivate_network = true\nkey_format = "loopback-..."\n'


@contextmanager
def loopback() -> Iterator[Loopback]:
    """A running one."""
    server = Loopback()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.release.set()
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Loopback

    def log_message(self, *_: object) -> None:
        """Says nothing."""

    def do_GET(self) -> None:
        if self.headers.get("Authorization") != f"Bearer {KEY}":
            self._answer(401, {"error": {"message": "Incorrect API key", "code": "invalid_api_key"}})
        else:
            self._answer(200, {"data": [{"id": "small", "object": "model"}]})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked.append(json.loads(body))
        if len(self.server.asked) <= self.server.busy:
            self._answer(503, {"error": {"message": "Overloaded"}})
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        try:
            for text in TEXTS:
                self._event({"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]})
                self.server.release.wait(30)
            self._event({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "usage": USAGE})
            self.wfile.write(b"data: [DONE]\n\n")
        except OSError:  # hung up on, as some tests want it
            self.close_connection = True

    def _event(self, event: dict[str, Any]) -> None:
        whole = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "small", **event}
        self.wfile.write(f"data: {json.dumps(whole)}\n\n".encode())
        self.wfile.flush()

    def _answer(self, status: int, body: dict[str, Any]) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
