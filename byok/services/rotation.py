"""Moves every sealed row under the first master key. Data keys are sealed anew; no API key is opened for it.

Refuses to overwrite: a row that changed meanwhile is left as it is, and found again by the next round or the next run.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from byok.core.vault import Vault
from byok.ground.clock import Clock, utc_now
from byok.ground.db import Database
from byok.ground.errors import KeyUnreadableError
from byok.services.erasure import Erasures
from byok.services.sealed_rows import PAGE, TABLES, SealedTable

Progress = Callable[[int, int], None]
AT_ONCE = 20  # rows in one transaction on SQLite: each has to wait for its turn among all who write there
GAP = 0.02  # seconds between two of them, a few times as long as one takes: SQLite has one writer, and no queue
PATIENCE = 5.0
ROUNDS = 10  # a process that goes on sealing under another key is not run after forever


@dataclass(frozen=True, slots=True)
class Rotated:
    """How many rows were sealed anew; how many changed under our hands, and do not open with any master key here.

    `erased` is False while SQLite's log may still hold data keys as they were sealed before: the app goes on with it.
    """

    resealed: int = 0
    changed: int = 0
    unreadable: int = 0
    erased: bool = True

    def __add__(self, other: Rotated) -> Rotated:
        return Rotated(self.resealed + other.resealed, self.changed + other.changed, self.unreadable + other.unreadable)


class Rotation:
    """Re-seals row by row in short transactions, so that it can be cut off anywhere and run again.

    Args:
        patience: seconds in which SQLite's log is to be emptied at the end, while others may be reading.
    """

    def __init__(
        self, *, db: Database, vault: Vault, clock: Clock = utc_now, page: int = PAGE, patience: float = PATIENCE
    ) -> None:
        self._db, self._vault, self._clock, self._page, self._patience = db, vault, clock, page, patience
        self._erasures = Erasures(db=db)
        # On PostgreSQL several at once could wait for each other with somebody who changes the same rows.
        self._at_once = AT_ONCE if db.is_sqlite else 1

    def rotate(self, progress: Progress = lambda done, total: None) -> Rotated:
        """Seals whatever another master key seals under the first one, until a round finds nothing to do.

        Args:
            progress: told after each page: rows looked at, and how many there were at the start.

        Returns:
            All that were sealed anew; of the other two, what the last round left.
        """
        resealed, done = 0, Rotated()
        for _ in range(ROUNDS):
            done = self._round(progress)
            resealed += done.resealed
            # A round that moved rows is followed by another: a process may have sealed under the old key meanwhile.
            if done.resealed == 0:
                break
        return Rotated(resealed, done.changed, done.unreadable, erased=self._empty_log())

    def _empty_log(self) -> bool:
        """Sees to it that SQLite's log, too, keeps nothing that the old key opens; False where a reader holds it."""
        until = time.monotonic() + self._patience
        while not self._erasures.finish(anyway=True):
            if time.monotonic() >= until:
                return False
            time.sleep(GAP)
        return True

    def _round(self, progress: Progress) -> Rotated:
        first, done, seen = self._vault.master_key_ids[0], Rotated(), 0
        with self._db.read() as session:
            total = sum(table.left(session.connection(), not_under=first) for table in TABLES)
        for table in TABLES:
            after: Any = None
            while True:
                with self._db.read() as session:
                    rows = table.page(session.connection(), not_under=first, after=after, limit=self._page)
                if not rows:
                    break
                for some in _batched(rows, self._at_once):
                    done += self._reseal(table, some)
                after, seen = rows[-1]._mapping[table.id.name], seen + len(rows)
                progress(seen, max(seen, total))
        return done

    def _reseal(self, table: SealedTable, rows: Sequence[Any]) -> Rotated:
        done = Rotated()
        # Sealed inside the transaction: who drops a master key holds it from the count of rows to the file's change.
        with self._db.write_core() as connection:
            for row in rows:
                try:
                    fresh = table.resealed(self._vault, row)
                except KeyUnreadableError:
                    done += Rotated(unreadable=1)
                    continue
                swapped = connection.execute(sa.update(table.table).where(table.unchanged(row)).values(fresh))
                done += Rotated(resealed=1) if swapped.rowcount else Rotated(changed=1)
            if done.resealed and self._db.is_sqlite:
                self._erasures.mark_rotation(connection, now=self._clock())
        if self._db.is_sqlite:
            time.sleep(GAP)
        return done


def _batched(rows: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    """The rows, so many at a time."""
    return (rows[start : start + size] for start in range(0, len(rows), size))
