"""Lets a column's questions be asked one after the other: each waits for the answer before it, whoever writes that.

Refuses to end anything, and to wait for an answer that nobody writes any more.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Mapping
from uuid import UUID

import sqlalchemy as sa

from byok.core import answer_rows
from byok.core.checkpoints import InThread
from byok.core.run import report
from byok.ground.db import Database


class Order:
    """Belongs to the runner's loop.

    Args:
        ends: this process's answers that have not ended, each with what ends it; looked at anew each time.
        tick: seconds between two looks at an answer of another process, or one that is on its way into this one.
    """

    def __init__(
        self, *, db: Database, ends: Mapping[UUID, asyncio.Task[None]], in_thread: InThread, tick: float
    ) -> None:
        self._db, self._ends, self._in_thread, self._tick = db, ends, in_thread, tick

    async def wait_for(self, answer_id: UUID, *, tell: Callable[[str], None]) -> bool:
        """Returns when that answer has ended; whether there was any waiting.

        Args:
            tell: is told once, in a sentence, where there is.
        """
        waited = False
        while True:
            end = self._ends.get(answer_id)
            if end is None and not await self._is_written(answer_id):
                return waited
            if not waited:
                waited = True
                tell("Waits for the answer before it.")
            if end is not None:
                await asyncio.wait({end})
                return True
            await asyncio.sleep(self._tick)

    async def _is_written(self, answer_id: UUID) -> bool:
        try:
            return await self._in_thread(functools.partial(self._look, answer_id))
        except sa.exc.SQLAlchemyError as error:
            report(error, "it could not be seen whether an answer has ended; trying again")
            return True

    def _look(self, answer_id: UUID) -> bool:
        with self._db.read() as session:
            return answer_rows.is_running(session.connection(), answer_id)
