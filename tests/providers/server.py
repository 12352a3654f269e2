"""Puts a provider's behaviour on a loopback socket, and breaks the connection where that is the situation."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.loopback_server import LoopbackServer, QuietHandler
from tests.providers.answers import Request
from tests.providers.behaviour import Behaviour


class ProviderServer(LoopbackServer):
    """A provider that listens. `requests` are all that arrived."""

    def __init__(self, behaviour: Behaviour) -> None:
        super().__init__(_Handler)
        self.behaviour = behaviour
        self.requests: list[Request] = []
        self.let_go = threading.Event()
        self.base_url = self.origin + behaviour.base

    def release(self) -> None:
        """Whatever still waits."""
        self.let_go.set()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hung up is no news."""


class _Handler(QuietHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._serve({})

    def do_POST(self) -> None:
        self._serve(json.loads(self.rfile.read(int(self.headers["content-length"]))))

    def _serve(self, body: dict[str, Any]) -> None:
        server = self.server
        assert isinstance(server, ProviderServer)
        self.close_connection = True
        parts = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, parts.path, dict(parse_qsl(parts.query)), headers, body)
        server.requests.append(request)
        if server.behaviour.situation == "silence":
            server.let_go.wait()
        elif server.behaviour.situation == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
        else:
            answer = server.behaviour.answer(request)
            self.send_response(answer.status)
            for name, value in {
                "connection": "close",
                "content-length": str(len(answer.body)),
                **answer.headers,
            }.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.body)


@contextmanager
def serving(behaviour: Behaviour) -> Iterator[ProviderServer]:
    """The behaviour on a socket."""
    with ProviderServer(behaviour).running() as server:
        yield server
