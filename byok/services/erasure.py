"""Sees deleted ciphertext out of the database files: a row stands for each deletion until a checkpoint got through.

Never waits for one: a reader that holds SQLite's log only delays it, and `finish` is called again.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlmodel import Session, col, delete, func, select

from byok.ground.db import Database
from byok.ground.tables import Erasure


class Erasures:
    """Marks what is being erased, and finishes it."""

    def __init__(self, *, db: Database) -> None:
        self._db = db

    def mark(self, session: Session, *, company_id: UUID, what: str, now: datetime) -> None:
        """Notes a deletion in the transaction that makes it, so that no crash can lose it."""
        session.add(Erasure(company_id=company_id, what=what, requested_at=now))

    def finish(self) -> bool:
        """Empties SQLite's log if anything is marked. Call it after the deletion is committed.

        Returns:
            Whether nothing is left to erase.
        """
        with self._db.read() as session:
            # Read before the log is emptied: what is marked afterwards is not covered by it.
            marked = session.exec(select(Erasure.id)).all()
        if not marked:
            return True
        if not self._db.truncate_log():
            return False
        with self._db.write() as session:
            session.exec(delete(Erasure).where(col(Erasure.id).in_(marked)))
        return True

    def open(self, session: Session, *, company_id: UUID) -> int:
        """How many deletions of the company are still being erased."""
        return session.exec(select(func.count()).where(Erasure.company_id == company_id)).one()
