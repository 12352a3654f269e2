"""Keeps answers as they grow, and hears who asks for a stop in another process. Refuses to end anything by itself."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol, TypeVar
from uuid import UUID

import sqlalchemy as sa

from byok.core import answer_rows
from byok.core.live import Live
from byok.core.run import Run, report
from byok.ground.db import Database

T = TypeVar("T")

TICK = 0.5  # seconds between two looks: text is kept, and other processes' requests to stop are heard


class InThread(Protocol):
    """Runs a function where it may wait for the database."""

    def __call__(self, function: Callable[[], T], /) -> Awaitable[T]: ...


class Checkpoints:
    """One task of the runner's loop.

    Args:
        runs: the runner's own, by id; looked at anew each time.
        stop: hangs an answer up.
        tick: seconds between two looks.
    """

    def __init__(
        self,
        *,
        db: Database,
        runs: Mapping[UUID, Run],
        in_thread: InThread,
        stop: Callable[[UUID], None],
        tick: float,
    ) -> None:
        self._db, self._runs, self._in_thread, self._stop, self._tick = db, runs, in_thread, stop, tick

    async def keep(self) -> None:
        """Looks for as long as it is not cancelled."""
        kept: dict[UUID, int] = {}
        while True:
            await asyncio.sleep(self._tick)
            runs = {run.job.answer_id: run for run in list(self._runs.values()) if run.job.answer_id is not None}
            if not runs:
                kept.clear()
                continue
            grown = [run.live for key, run in runs.items() if kept.get(key, 0) != run.live.version]
            versions = {live.answer_id: live.version for live in grown}
            try:
                stops = await self._in_thread(functools.partial(self._look, list(runs), grown))
            except sa.exc.SQLAlchemyError as error:
                report(error, "a checkpoint could not be written; trying again")
                continue
            kept = {key: version for key, version in kept.items() if key in runs} | versions
            for answer_id in stops:
                self._stop(answer_id)

    def _look(self, answers: list[UUID], grown: list[Live]) -> set[UUID]:
        snapshots = [(live.answer_id, live.snapshot()) for live in grown]
        if snapshots:
            with self._db.write_core() as connection:
                answer_rows.checkpoint(connection, [(key, one.text, one.reasoning) for key, one in snapshots])
        with self._db.read() as session:
            return answer_rows.to_stop(session.connection(), answers)
