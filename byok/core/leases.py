"""Leases: each process says that it is alive, and whoever finds one that is not settles what it left open.

Refuses to touch anything of a process whose lease still stands. Where several machines share a database, it is the one
that says what time it is: their own clocks may differ by more than a lease lasts.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from concurrent.futures import Future
from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa

from byok.core.ledger import settle_lost
from byok.core.loop import LoopThread
from byok.ground.clock import Clock, utc_now
from byok.ground.db import Database
from byok.ground.ids import new_id
from byok.ground.tables.attempts import OPEN
from byok.ground.tables.types import metadata

LEASE = timedelta(seconds=10)
RENEW_EVERY = 3.0  # seconds: two renewals may fail before the lease is lost

log = logging.getLogger(__name__)

LEASES = metadata.tables["process_lease"]
ATTEMPTS = metadata.tables["attempt"]
ANSWERS = metadata.tables["answer"]


class Lease:
    """This process's lease. `id` is fixed from the start; the row exists from `start` to `close`.

    Args:
        what: `app` or `command`, for people who look into the table.
        clock: this machine's, for a database on it.
    """

    def __init__(
        self, *, db: Database, loop: LoopThread, what: str, clock: Clock = utc_now, renew_every: float = RENEW_EVERY
    ) -> None:
        self.id: UUID = new_id()
        self._db, self._loop, self._what, self._clock, self._every = db, loop, what, clock, renew_every
        self._lock = threading.Lock()
        self._renewals: Future[None] | None = None

    def start(self) -> UUID:
        """Takes the lease, settles what dead processes left, and keeps renewing. Calling it again changes nothing.

        Returns:
            The process's id.
        """
        if self._renewals is None:
            with self._lock:
                if self._renewals is None:
                    self._renew()
                    self._renewals = self._loop.spawn(self._keep())
        return self.id

    def close(self) -> None:
        """Gives the lease back. Settle everything of this process before: afterwards it counts as dead."""
        with self._lock:
            renewals, self._renewals = self._renewals, None
        if renewals is None:
            return
        renewals.cancel()
        with self._lock, self._db.write_core() as connection:
            connection.execute(sa.delete(LEASES).where(LEASES.c.id == self.id))

    def _renew_unless_closed(self) -> None:
        with self._lock:
            if self._renewals is not None:
                self._renew()

    def _renew(self) -> None:
        with self._db.write_core() as connection:
            now = self._clock() if self._db.is_sqlite else connection.execute(sa.select(sa.func.now())).scalar_one()
            mine = sa.update(LEASES).where(LEASES.c.id == self.id).values(expires_at=now + LEASE)
            if connection.execute(mine).rowcount == 0:  # the first time, or another process took this one for dead
                connection.execute(
                    sa.insert(LEASES).values(id=self.id, what=self._what, started_at=now, expires_at=now + LEASE)
                )
        sweep(self._db, now)

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(self._every)
            try:
                await asyncio.to_thread(self._renew_unless_closed)
            except sa.exc.SQLAlchemyError as error:
                log.warning("the lease could not be renewed (%s); trying again", type(error).__name__)


def sweep(db: Database, now: datetime) -> int:
    """Settles what processes without a living lease left open: attempts become unknown, answers interrupted.

    An attempt whose answer has text counts as answered; one without an answer's row, as `byok chat` asks, does not: its
    own row changes once, when it is settled, so that nothing says whether text had come. Renew your own lease before.

    Args:
        now: by the clock that the leases go by.

    Returns:
        How many attempts and answers were settled.
    """
    open_attempts = OPEN & ~_alive(ATTEMPTS.c.process_id, now)
    open_answers = (ANSWERS.c.state == "running") & ~_alive(ANSWERS.c.process_id, now)
    with db.read() as session:
        wanted = sa.select(sa.exists().where(open_attempts) | sa.exists().where(open_answers))
        wanted = wanted.add_columns(sa.exists().where(LEASES.c.expires_at <= now))
        if not any(session.connection().execute(wanted).one()):
            return 0
    with db.write_core() as connection:
        # Leases go first: one that is renewed at this very moment is then either kept, or its owner starts a new one.
        connection.execute(sa.delete(LEASES).where(LEASES.c.expires_at <= now))
        has_text = sa.exists().where((ANSWERS.c.id == ATTEMPTS.c.answer_id) & (ANSWERS.c.text != ""))
        attempts = settle_lost(connection, open_attempts, status="unknown", answered=has_text, at=now)
        answers = connection.execute(
            sa.update(ANSWERS).where(open_answers).values(state="interrupted", finished_at=now)
        )
        return attempts + answers.rowcount


def _alive(process_id: sa.ColumnElement[UUID], now: datetime) -> sa.ColumnElement[bool]:
    return sa.exists().where((LEASES.c.id == process_id) & (LEASES.c.expires_at > now))
