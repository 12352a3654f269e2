"""The pieces of a body that lie here already, and the waits for the others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from byok.core.wire.pieces import Pieces


def with_pieces(
    parts: Callable[[asyncio.Event], AsyncIterator[bytes]], asking: Callable[[Pieces, asyncio.Event], Awaitable[None]]
) -> None:
    """Runs `asking` with the pieces of `parts`, and the gate that both share."""

    async def run() -> None:
        gate = asyncio.Event()
        await asking(Pieces(parts(gate)), gate)

    asyncio.run(run())


async def two_and_a_gate(gate: asyncio.Event) -> AsyncIterator[bytes]:
    yield b"a"
    yield b"b"
    await gate.wait()
    await asyncio.sleep(0)
    yield b"c"


def test_what_is_here_is_had_at_once_and_the_rest_is_waited_for() -> None:
    async def asking(pieces: Pieces, gate: asyncio.Event) -> None:
        assert (pieces.ready(), pieces.ready(), pieces.ready()) == (b"a", b"b", b"")
        asyncio.get_running_loop().call_soon(gate.set)
        assert await pieces.next() == b"c"
        assert pieces.ready() == b""
        with pytest.raises(StopAsyncIteration):
            await pieces.next()

    with_pieces(two_and_a_gate, asking)


def test_without_looking_first_every_piece_is_waited_for() -> None:
    async def asking(pieces: Pieces, gate: asyncio.Event) -> None:
        gate.set()
        assert [await pieces.next() for _ in range(3)] == [b"a", b"b", b"c"]

    with_pieces(two_and_a_gate, asking)


def test_what_fails_at_once_fails_where_it_is_waited_for() -> None:
    async def parts(_gate: asyncio.Event) -> AsyncIterator[bytes]:
        yield b"a"
        raise OSError("broken")

    async def asking(pieces: Pieces, _gate: asyncio.Event) -> None:
        assert (pieces.ready(), pieces.ready()) == (b"a", b"")
        with pytest.raises(OSError, match="broken"):
            await pieces.next()

    with_pieces(parts, asking)


def test_a_cancellation_reaches_what_is_waited_for() -> None:
    cancelled: list[bool] = []

    async def parts(gate: asyncio.Event) -> AsyncIterator[bytes]:
        try:
            await gate.wait()
        except asyncio.CancelledError:
            cancelled.append(True)
            raise
        yield b"never"

    async def asking(pieces: Pieces, _gate: asyncio.Event) -> None:
        async def look() -> None:
            assert pieces.ready() == b""
            await pieces.next()

        task = asyncio.ensure_future(look())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with_pieces(parts, asking)
    assert cancelled == [True]


def test_a_wait_that_survives_its_cancellation_goes_on() -> None:
    async def parts(gate: asyncio.Event) -> AsyncIterator[bytes]:
        try:
            await gate.wait()
        except asyncio.CancelledError:
            await asyncio.sleep(0)
        yield b"all the same"

    async def asking(pieces: Pieces, _gate: asyncio.Event) -> None:
        async def look() -> bytes:
            assert pieces.ready() == b""
            return await pieces.next()

        task = asyncio.ensure_future(look())
        await asyncio.sleep(0)
        task.cancel()
        assert await task == b"all the same"

    with_pieces(parts, asking)
