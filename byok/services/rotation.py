"""Moves every sealed row under the first master key. Data keys are sealed anew; no API key is opened for it.

Refuses to overwrite: a row that changed meanwhile is left as it is, and found again by the next round or the next run.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from byok.core.vault import Vault
from byok.ground.db import Database
from byok.ground.errors import KeyUnreadableError
from byok.services.sealed_rows import PAGE, TABLES, SealedTable

Progress = Callable[[int, int], None]
GAP = 2.0  # times as long as a row took, others have the database to themselves
LONGEST_GAP = 0.002  # seconds: a row that had to wait for its turn is no reason to wait longer
ROUNDS = 10  # a process that goes on sealing under another key is not run after forever


@dataclass(frozen=True, slots=True)
class Rotated:
    """How many rows were sealed anew; how many changed under our hands, and do not open with any master key here."""

    resealed: int = 0
    changed: int = 0
    unreadable: int = 0

    def __add__(self, other: Rotated) -> Rotated:
        return Rotated(self.resealed + other.resealed, self.changed + other.changed, self.unreadable + other.unreadable)


class Rotation:
    """Re-seals row by row, each in a transaction of its own, so that it can be cut off anywhere and run again."""

    def __init__(self, *, db: Database, vault: Vault, page: int = PAGE) -> None:
        self._db, self._vault, self._page = db, vault, page

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
        self._db.truncate_log()  # so that SQLite's log, too, keeps nothing that the old key opens
        return Rotated(resealed, done.changed, done.unreadable)

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
                for row in rows:
                    began = time.monotonic()
                    done += self._reseal(table, row)
                    if self._db.is_sqlite:  # one writer, and no queue: whoever writes on and on keeps the others out
                        time.sleep(min(LONGEST_GAP, GAP * (time.monotonic() - began)))
                after, seen = rows[-1]._mapping[table.id.name], seen + len(rows)
                progress(seen, max(seen, total))
        return done

    def _reseal(self, table: SealedTable, row: Any) -> Rotated:
        # Sealed inside the transaction: who drops a master key holds it from the count of rows to the file's change.
        with self._db.write_core() as connection:
            try:
                fresh = table.resealed(self._vault, row)
            except KeyUnreadableError:
                return Rotated(unreadable=1)
            swapped = connection.execute(sa.update(table.table).where(table.unchanged(row)).values(fresh))
            return Rotated(resealed=1) if swapped.rowcount else Rotated(changed=1)
