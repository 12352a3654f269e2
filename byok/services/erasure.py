"""Sees deleted ciphertext out of the database files: a row stands for each deletion until a checkpoint got through.

Never waits for one: a reader that holds SQLite's log only delays it, and `finish` is called again.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col, delete, func, select

from byok.ground.db import Database
from byok.ground.ids import new_id
from byok.ground.tables import Erasure
from byok.ground.tables.types import metadata

ROTATION: Final = "rotation"
"""What is erased after a rotation: data keys of all companies, as they were sealed before. One mark stands for it."""
_MARKS, _COMPANIES = metadata.tables["erasure"], metadata.tables["company"]


class Erasures:
    """Marks what is being erased, and finishes it."""

    def __init__(self, *, db: Database) -> None:
        self._db = db

    def mark(self, session: Session, *, company_id: UUID, what: str, now: datetime) -> None:
        """Notes a deletion in the transaction that makes it, so that no crash can lose it."""
        session.add(Erasure(company_id=company_id, what=what, requested_at=now))

    def mark_rotation(self, connection: sa.Connection, *, now: datetime) -> None:
        """The same for data keys that are sealed anew, of whichever companies; under one of them, since it needs one.

        Each time under a new id: `finish` takes away only what was marked before it emptied the log.
        """
        connection.execute(sa.delete(_MARKS).where(_MARKS.c.what == ROTATION))
        company_id = connection.execute(sa.select(_COMPANIES.c.id).limit(1)).scalar()
        if company_id is not None:
            mark = {"id": new_id(), "company_id": company_id, "what": ROTATION, "requested_at": now}
            connection.execute(sa.insert(_MARKS).values(mark))

    def finish(self, *, anyway: bool = False) -> bool:
        """Empties SQLite's log if anything is marked. Call it after the deletion is committed.

        Args:
            anyway: also where nothing is marked.

        Returns:
            Whether nothing is left to erase.
        """
        with self._db.read() as session:
            # Read before the log is emptied: what is marked afterwards is not covered by it.
            marked = session.exec(select(Erasure.id)).all()
        if not marked and not anyway:
            return True
        if not self._db.truncate_log():
            return False
        with self._db.write() as session:
            session.exec(delete(Erasure).where(col(Erasure.id).in_(marked)))
        return True

    def open(self, session: Session, *, company_id: UUID) -> int:
        """How many deletions of the company are still being erased."""
        mine = (Erasure.company_id == company_id, Erasure.what != ROTATION)
        return session.exec(select(func.count()).where(*mine)).one()
