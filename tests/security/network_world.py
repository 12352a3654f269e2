"""Name servers that say what a test wants, and dialers that note whom they call and lead every call to loopback."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpcore
import httpx

from byok.core.catalogue import Catalogue, Provider
from byok.core.key_auth import KeyAuth
from byok.core.wire import ChatCall, Finding, Wire, make_http_client
from byok.ground.errors import ProviderError
from tests.certificates import trusted

OPENAI = Catalogue.load().get("openai")
LISTED = b'{"object": "list", "data": [{"id": "gpt-x", "object": "model", "created": 1}]}'


class Names:
    """A name server: each look-up takes the next answer, the last one for ever. `asked` are the names."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self._answers: Iterator[Sequence[str]] = iter(answers)
        self._last: Sequence[str] = ()
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        self._last = next(self._answers, self._last)
        return self._last


class Dialer(httpcore.AsyncNetworkBackend):
    """Connects to a loopback port whatever the address is, so that a test calls nobody else. `called` are those."""

    def __init__(self, port: int | None = None) -> None:
        self._port, self._real = port, httpcore.AnyIOBackend()
        self.called: list[str] = []

    async def connect_tcp(self, host: str, port: int, *args: Any, **more: Any) -> httpcore.AsyncNetworkStream:
        self.called.append(host)
        if self._port is None:
            raise httpcore.ConnectError
        return await self._real.connect_tcp("127.0.0.1", self._port, *args, **more)


class Listener:
    """A provider on loopback that counts. `heads` are the requests, as they came."""

    def __init__(self) -> None:
        self.connections = 0
        self.heads: list[str] = []
        self.port = 0
        self.serving: set[asyncio.Task[None]] = set()

    def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Takes a connection."""
        self.connections += 1
        self.serving.add(asyncio.ensure_future(self._serve(reader, writer)))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                self.heads.append((await reader.readuntil(b"\r\n\r\n")).decode("latin-1"))
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n")
                writer.write(b"content-length: %d\r\n\r\n%b" % (len(LISTED), LISTED))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def listening(host: str = "127.0.0.1", **more: Any) -> AsyncIterator[Listener]:
    """A running one; `more` may hold an SSL context."""
    listener = Listener()
    server = await asyncio.start_server(listener, host, 0, **more)
    listener.port = server.sockets[0].getsockname()[1]
    try:
        yield listener
    finally:
        server.close()
        for one in listener.serving:
            one.cancel()
        await asyncio.gather(*listener.serving, return_exceptions=True)


def at(base_url: str, *, private: bool) -> Provider:
    """OpenAI's row with another address, as if the catalogue had let it pass."""
    return OPENAI.model_copy(update={"base_url": base_url, "private_network": private})


def auth() -> httpx.Auth:
    """A key that is none."""
    return KeyAuth(lambda: "made-up", header="Authorization", prefix="Bearer ")


async def check(http: httpx.AsyncClient, provider: Provider) -> Finding:
    """A key test."""
    return await Wire(http).check(provider, base_url=provider.base_url, auth=auth())


async def ask(http: httpx.AsyncClient, provider: Provider) -> ProviderError | None:
    """A question; what it was refused with."""
    call = ChatCall(provider, provider.base_url, "gpt-x", [{"role": "user", "content": "Hello"}], auth())
    try:
        async for _ in Wire(http).chat(call):
            pass
    except ProviderError as error:
        return error
    return None


def client(names: Names | None = None, dialer: Dialer | None = None, **more: Any) -> httpx.AsyncClient:
    """The product's client, with the system's resolver where none is handed in."""
    handed = {"resolve": names} if names else {}
    return make_http_client(**{"trust": trusted(), "dial": dialer, **handed, **more})
