"""Lets answers wait for their turn on the runner's loop, and tells each how many are before it.

Refuses to hold a place for an answer that was hung up: whoever stops waiting is out of the line.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from uuid import UUID

from byok.core.waiting_line import Ticket, WaitingLine

Tell = Callable[[str], None]


class Turns:
    """Belongs to one event loop; make it once for a process."""

    def __init__(self, line: WaitingLine | None = None) -> None:
        self._line = line or WaitingLine()
        self._waiting: dict[UUID, tuple[asyncio.Future[None], Tell]] = {}
        self._told: dict[UUID, int] = {}

    @asynccontextmanager
    async def turn(self, ticket: Ticket, *, tell: Tell) -> AsyncIterator[bool]:
        """Waits for the ticket's turn, and holds its place until the block ends; gives whether there was any waiting.

        Args:
            tell: is told in a sentence, whenever it changes, how many are before it; never where there is no waiting.
        """
        called: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[ticket.id] = called, tell
        self._line.join(ticket)
        try:
            self._go_on()
            waits = not called.done()
            await called
            yield waits
        finally:
            self._waiting.pop(ticket.id, None)
            self._told.pop(ticket.id, None)
            self._line.leave(ticket)
            self._go_on()

    def _go_on(self) -> None:
        for ticket in self._line.call():
            called, _ = self._waiting.pop(ticket.id)
            self._told.pop(ticket.id, None)
            if not called.done():
                called.set_result(None)
        if not self._waiting:
            return
        for key, before in self._line.places().items():
            if self._told.get(key) != before:
                self._told[key] = before
                self._waiting[key][1](f"Waiting for a free place: {_many(before)} before this one.")


def _many(before: int) -> str:
    return "nobody is" if before == 0 else "1 is" if before == 1 else f"{before} are"
