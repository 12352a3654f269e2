"""A provider on loopback that knows which key each question must come with, and counts those that come with another."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import UUID

from tests.security.rotation_world import key_of


class KeyChecker(ThreadingHTTPServer):
    """Answers the id of the row whose key was sent, where it is the right one; refuses otherwise."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.origin = f"http://127.0.0.1:{self.server_port}"
        self.right, self.wrong, self._count = 0, 0, threading.Lock()

    def counted(self, *, right: bool) -> bool:
        """Notes one request."""
        with self._count:
            self.right, self.wrong = self.right + right, self.wrong + (not right)
        return right

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that was killed: nobody else's business."""


class _Handler(BaseHTTPRequestHandler):
    server: KeyChecker

    def do_GET(self) -> None:
        self._answer(200, json.dumps({"object": "list", "data": [{"id": "small", "object": "model"}]}))

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        asked = UUID(body["messages"][-1]["content"])
        wanted = f"Bearer {key_of(asked).get_secret_value()}"
        if not self.server.counted(right=self.headers.get("authorization") == wanted):
            self._answer(401, json.dumps({"error": {"message": "Incorrect API key", "code": "invalid_api_key"}}))
            return
        chunks: tuple[tuple[dict[str, str], str | None], ...] = (({"content": f"Yes, {asked}."}, None), ({}, "stop"))
        lines = [
            json.dumps(
                {"id": "1", "model": "small", "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}
            )
            for delta, reason in chunks
        ]
        self._answer(200, "".join(f"data: {line}\n\n" for line in (*lines, "[DONE]")), kind="text/event-stream")

    def _answer(self, status: int, text: str, *, kind: str = "application/json") -> None:
        data = text.encode()
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
        """Says nothing."""


@contextmanager
def key_checker() -> Iterator[KeyChecker]:
    """A running one."""
    server = KeyChecker()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
