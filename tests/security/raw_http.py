"""Requests written byte by byte over a socket: what no client library would send, a hostile page's handshake too."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO

Field = tuple[str, str]
HANDSHAKE: Sequence[Field] = (
    ("Connection", "Upgrade"),
    ("Upgrade", "websocket"),
    ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ("Sec-WebSocket-Protocol", "streamlit"),
)
STREAM = "/_stcore/stream"


@dataclass(frozen=True)
class Answer:
    """A response without its body. `fields` by name in small letters; of several of one name, the last."""

    status: int
    fields: dict[str, str]


class _Socket:
    def __init__(self, data: bytes) -> None:
        self.data = data

    def makefile(self, *_: object) -> BytesIO:
        return BytesIO(self.data)


def ask(port: int, method: str, path: str, fields: Sequence[Field], body: bytes = b"") -> Answer:
    """Sends exactly this, and reads the head of what is answered."""
    if body:
        fields = [*fields, ("Content-Length", str(len(body)))]
    head = "".join(f"{name}: {value}\r\n" for name, value in fields)
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + body)
        found = b""
        while b"\r\n\r\n" not in found:
            more = connection.recv(65536)
            assert more, "the connection was closed without an answer"
            found += more
    response = http.client.HTTPResponse(_Socket(found.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"), method=method)  # type: ignore[arg-type]
    response.begin()
    return Answer(response.status, {name.lower(): value for name, value in response.getheaders()})


def handshake(port: int, fields: Sequence[Field], *, path: str = STREAM) -> Answer:
    """Asks for a websocket; 101 is one that was opened."""
    return ask(port, "GET", path, [*fields, *HANDSHAKE])
