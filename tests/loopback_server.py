"""HTTP servers that tests play themselves: on a loopback port of their own, ended and waited for. They log nothing."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


class LoopbackServer(ThreadingHTTPServer):
    """Each request has a thread of its own. `origin` is where it listens."""

    daemon_threads = True

    def __init__(self, handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self.origin = f"http://127.0.0.1:{self.server_port}"

    @contextmanager
    def running(self) -> Iterator[Self]:
        """Serves until the block ends."""
        thread = threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self.release()
            self.shutdown()
            self.server_close()
            thread.join()

    def release(self) -> None:
        """Lets requests go on that the test holds up; for those servers that hold any."""


class QuietHandler(BaseHTTPRequestHandler):
    """A request."""

    def send(self, status: int, data: bytes, *, kind: str = "application/json", **headers: str) -> None:
        """The whole answer; of a header's name each `_` is sent as `-`."""
        self.send_response(status)
        lengths = {"content-type": kind, "content-length": str(len(data))}
        for name, value in {**lengths, **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
        """Says nothing."""
