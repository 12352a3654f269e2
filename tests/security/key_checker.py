"""A provider on loopback that knows which key each question must come with, and counts those that come with another."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from tests.loopback_server import LoopbackServer, QuietHandler
from tests.security.rotation_world import key_of


class KeyChecker(LoopbackServer):
    """Answers the id of the row whose key was sent, where it is the right one; refuses otherwise."""

    request_queue_size = 256

    def __init__(self) -> None:
        super().__init__(_Handler)
        self.right, self.wrong, self._count = 0, 0, threading.Lock()

    def counted(self, *, right: bool) -> bool:
        """Notes one request."""
        with self._count:
            self.right, self.wrong = self.right + right, self.wrong + (not right)
        return right

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that was killed: nobody else's business."""


class _Handler(QuietHandler):
    server: KeyChecker

    def do_GET(self) -> None:
        self.send(200, json.dumps({"object": "list", "data": [{"id": "small", "object": "model"}]}).encode())

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        asked = UUID(body["messages"][-1]["content"])
        wanted = f"Bearer {key_of(asked).get_secret_value()}"
        if not self.server.counted(right=self.headers.get("authorization") == wanted):
            self.send(401, json.dumps({"error": {"message": "Incorrect API key", "code": "invalid_api_key"}}).encode())
            return
        chunks: tuple[tuple[dict[str, str], str | None], ...] = (({"content": f"Yes, {asked}."}, None), ({}, "stop"))
        lines = [
            json.dumps(
                {"id": "1", "model": "small", "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}
            )
            for delta, reason in chunks
        ]
        text = "".join(f"data: {line}\n\n" for line in (*lines, "[DONE]"))
        self.send(200, text.encode(), kind="text/event-stream")


@contextmanager
def key_checker() -> Iterator[KeyChecker]:
    """A running one."""
    with KeyChecker().running() as server:
        yield server
