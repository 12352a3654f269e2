"""The audit log as the admins of a company read it: newest first, filtered, as CSV, and whether it is whole.

Refuses to change anything, and to show another company's rows. The operator's own chain is for `audit_check`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

import sqlalchemy as sa

from byok.core.audit import EVENTS
from byok.core.audit_check import Checked, check
from byok.core.plans import Plans
from byok.core.vault import Vault
from byok.ground.clock import Clock
from byok.ground.db import Database
from byok.ground.tables.audit import OPERATOR
from byok.ground.tables.types import metadata
from byok.services.access import Actor, admit
from byok.services.audit_rows import EntryView, Wanted, as_csv, entries, in_words, readable, snapshot
from byok.services.operator_record import OperatorRecord

PAGE: Final = 50
MOST: Final = 100_000
"""Rows in one CSV file."""
_e, _p = EVENTS.c, metadata.tables["person"].c


@dataclass(frozen=True, slots=True)
class Entries:
    """A page of rows, the newest first. `more` says that there are older ones."""

    rows: tuple[EntryView, ...]
    more: bool


@dataclass(frozen=True, slots=True)
class Named:
    """A person whose entries can be asked for. Several may have the same name; a username is one person's."""

    id: UUID
    name: str
    username: str


@dataclass(frozen=True, slots=True)
class Choices:
    """What can be filtered by: people by name, and (action, in words)."""

    people: tuple[Named, ...]
    actions: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Verified:
    """Whether the record is whole, as of `at`. `faults` are those of the company's own chain."""

    entries: int
    faults: tuple[str, ...]
    operator_whole: bool
    at: datetime

    @property
    def whole(self) -> bool:
        """Whether nothing was changed, removed, reordered or cut off."""
        return not self.faults and self.operator_whole


class Audit:
    """What the page may do. Each call admits its actor anew, as an admin, on any plan."""

    def __init__(self, *, db: Database, plans: Plans, vault: Vault, clock: Clock) -> None:
        self._db, self._plans, self._vault, self._clock = db, plans, vault, clock
        self._operators = OperatorRecord(vault=vault, clock=clock)

    def list(
        self, actor: Actor, wanted: Wanted | None = None, *, before: int | None = None, limit: int = PAGE
    ) -> Entries:
        """Rows of the company's chain, the newest first.

        Args:
            before: only rows with a lower number: the last one of the page before.

        Raises:
            NotAllowedError: a member asks.
        """
        with self._db.read() as session:
            company_id = admit(session, actor, self._plans, admin=True).company.id
            rows = entries(session.connection(), company_id, wanted, before=before, limit=limit + 1)
        return Entries(tuple(rows[:limit]), more=len(rows) > limit)

    def csv(self, actor: Actor, wanted: Wanted | None = None) -> bytes:
        """The same as CSV, the newest `MOST` rows.

        Raises:
            NotAllowedError: a member asks.
        """
        return as_csv(self.list(actor, wanted, limit=MOST).rows)

    def choices(self, actor: Actor) -> Choices:
        """The people of the company, and the actions that stand in its chain.

        Raises:
            NotAllowedError: a member asks.
            RecordSpoiltError: an action cannot be read.
        """
        with self._db.read() as session:
            company_id = admit(session, actor, self._plans, admin=True).company.id
            connection = session.connection()
            people = sa.select(_p.id, _p.name, _p.username).where(_p.company_id == company_id)
            found = connection.execute(people.order_by(_p.name, _p.username))
            actions = sa.select(_e.action).where(_e.chain_id == company_id).distinct().order_by(_e.action)
            with readable(connection):
                named = tuple((action, in_words(action)) for action in connection.execute(actions).scalars())
            return Choices(tuple(Named(*row) for row in found), named)

    def count(self, actor: Actor) -> int:
        """How many rows there are.

        Raises:
            NotAllowedError: a member asks.
        """
        with self._db.read() as session:
            company_id = admit(session, actor, self._plans, admin=True).company.id
            of_it = sa.select(sa.func.count()).where(_e.chain_id == company_id)
            return int(session.connection().execute(of_it).scalar_one())

    def verify(self, actor: Actor) -> Verified:
        """Reads the company's chain from end to end, and compares it with the operator's, which notes its beginning.

        Raises:
            NotAllowedError: a member asks.
        """
        with self._db.read() as session:
            company_id = admit(session, actor, self._plans, admin=True).company.id
        with snapshot(self._db) as connection:
            operators = self._operators.read(connection)
            checked = check(connection, self._vault, only=company_id, operator=operators)
            found = {one.chain_id: one for one in checked}
        mine, operator = (found.get(one, Checked(one)) for one in (company_id, OPERATOR))
        return Verified(mine.entries, tuple(mine.faults), not operator.faults, self._clock())
