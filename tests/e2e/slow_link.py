"""A slow link in front of a server on loopback: one narrow wire for all connections together, that can be cut.

It copies bytes and reads none of them, so it carries HTTP, event streams and websockets alike.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import Coroutine
from contextlib import suppress
from types import TracebackType
from typing import Any, Self, TypeVar

T = TypeVar("T")
PIECE = 1460  # bytes that take turns on the wire, as packets do
# Small, so that little waits between the server and the wire: the server must feel how slow it is.
BUFFER = 32 * 1024
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: closing sends RST


class _Wire:
    """One direction: says when a piece has passed."""

    def __init__(self, bits_per_second: float | None) -> None:
        self.passed = 0  # bytes
        self._rate: float | None = None
        self._free_at = 0.0
        if bits_per_second:
            self.narrow(bits_per_second)

    def narrow(self, bits_per_second: float) -> None:
        """Lets no more pass from now on."""
        self._rate = bits_per_second / 8

    async def carry(self, size: int) -> None:
        """Returns when `size` bytes have passed behind all that was there before."""
        if self._rate is not None:
            now = asyncio.get_running_loop().time()
            self._free_at = max(now, self._free_at) + size / self._rate
            await asyncio.sleep(self._free_at - now)
        self.passed += size


class SlowLink:
    """A port that leads to another one, slowly; a context manager.

    Args:
        target_port: where the server listens, on loopback.
        bits_per_second: from the server to the browser, all connections together; the other way is not limited.
        latency: seconds that each way takes besides.
    """

    def __init__(self, target_port: int, bits_per_second: float = 1_000_000, latency: float = 0.0) -> None:
        self._target, self._latency = target_port, latency
        self._down, self._up = _Wire(bits_per_second), _Wire(None)
        self._open: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self._bound = _bound(0)
        self.port = int(self._bound.getsockname()[1])
        self.url = f"http://127.0.0.1:{self.port}"
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    @property
    def down(self) -> int:
        """Bytes that have passed from the server to the browser."""
        return self._down.passed

    @property
    def up(self) -> int:
        """Bytes that have passed from the browser to the server."""
        return self._up.passed

    def narrow(self, bits_per_second: float) -> None:
        """From now on it is as narrow as that."""
        self._down.narrow(bits_per_second)

    def cut(self) -> None:
        """Resets every open connection, and lets new ones be refused."""
        self._run(self._cut())

    def mend(self) -> None:
        """Takes connections again, on the same port."""
        self._run(self._mend())

    def __enter__(self) -> Self:
        self._thread.start()
        self.mend()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, why: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._run(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._bound.close()

    def _run(self, what: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(what, self._loop).result(20)

    async def _mend(self) -> None:
        if self._server is None:
            self._server = await asyncio.start_server(self._connect, sock=self._bound, limit=BUFFER)

    async def _cut(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
            self._bound = _bound(self.port)  # kept, but deaf
        for writer in self._open:
            _reset(writer)

    async def _end(self) -> None:
        await self._cut()
        # Each ends by itself once its connection is gone, after the piece that it has on the wire.
        await asyncio.gather(*(asyncio.all_tasks() - {asyncio.current_task()}), return_exceptions=True)

    async def _connect(self, reader: asyncio.StreamReader, browser: asyncio.StreamWriter) -> None:
        """One connection, until either side ends it: what was under way then still arrives."""
        _narrow(browser.get_extra_info("socket"), socket.SO_SNDBUF)
        self._open.add(browser)
        try:
            behind = socket.socket()
            behind.setblocking(False)
            _narrow(behind, socket.SO_RCVBUF)
            try:
                await asyncio.get_running_loop().sock_connect(behind, ("127.0.0.1", self._target))
            except OSError:
                behind.close()
                _reset(browser)
                return
            answers, server = await asyncio.open_connection(sock=behind, limit=BUFFER)
            self._open.add(server)
            try:
                down = self._copy(answers, browser, self._down)
                await asyncio.gather(down, self._copy(reader, server, self._up))
            finally:
                self._open.discard(server)
                server.close()
        finally:
            self._open.discard(browser)
            browser.close()

    async def _copy(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, wire: _Wire) -> None:
        """Copies until the source ends or breaks; then so does the sink."""
        under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(maxsize=4096)
        loop = asyncio.get_running_loop()

        async def deliver() -> None:
            while (parcel := await under_way.get())[1]:
                await asyncio.sleep(parcel[0] - loop.time())
                if not sink.is_closing():
                    sink.write(parcel[1])
                    with suppress(ConnectionError):
                        await sink.drain()

        delivery = asyncio.create_task(deliver())
        try:
            while (piece := await source.read(PIECE)) and not sink.is_closing():
                await wire.carry(len(piece))
                await under_way.put((loop.time() + self._latency, piece))
            await under_way.put((0.0, b""))
            await delivery
            if not sink.is_closing():
                sink.write_eof()
        except OSError:  # also where the sink went while it was being ended
            _reset(sink)
        finally:
            delivery.cancel()


def _bound(port: int) -> socket.socket:
    """A socket with a port, that does not listen."""
    bound = socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind(("127.0.0.1", port))
    return bound


def _narrow(side: socket.socket, which: int) -> None:
    side.setsockopt(socket.SOL_SOCKET, which, BUFFER)


def _reset(writer: asyncio.StreamWriter) -> None:
    if not writer.is_closing():
        side: socket.socket = writer.get_extra_info("socket")
        side.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        writer.transport.abort()
