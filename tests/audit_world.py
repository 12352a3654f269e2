"""Chains of the audit log to be read and spoiled, on any database, and a hand that writes past the product."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from byok.core.audit import EVENTS, HEADS, Chains, Happening
from byok.core.audit_check import Checked, Head, check
from byok.core.master_keys import MasterKeys
from byok.core.vault import Vault
from byok.ground.db import Database
from byok.ground.ids import new_id
from byok.ground.tables.audit import OPERATOR

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
Rows = list[dict[str, Any]]
Hand = Callable[[sa.Connection], object]
SQLITE = ("PRAGMA foreign_keys=OFF", "PRAGMA foreign_keys=ON")
POSTGRES = ("SET session_replication_role = replica", "SET session_replication_role = DEFAULT")


def fresh_vault() -> Vault:
    return Vault(MasterKeys.parse("t1:" + base64.b64encode(secrets.token_bytes(32)).decode()))


class AuditWorld:
    """Two companies with rows of all kinds, and the operator's chain, which notes their beginnings."""

    def __init__(self, db: Database, *, rows: int = 6, vault: Vault | None = None) -> None:
        self.db, self.vault = db, vault or fresh_vault()
        self.chains = Chains(vault=self.vault)
        self.acme, self.rival, self.ada = new_id(), new_id(), new_id()
        for number in range(rows):
            self.add("key.tested", self.acme, number)
            self.add("session.began", self.rival, number)
        self.add("demo.reset", OPERATOR, 0)

    def add(self, action: str, chain_id: UUID, number: int = 0, *, vault: Vault | None = None) -> int:
        """One more row, as a service writes it."""
        with self.db.write_core() as connection:
            return self.add_on(connection, action, chain_id, number, vault=vault)

    def add_on(
        self, connection: sa.Connection, action: str, chain_id: UUID, number: int = 0, *, vault: Vault | None = None
    ) -> int:
        """The same in a transaction of the caller's."""
        what = Happening(
            action,
            chain_id,
            self.ada if number % 2 else None,
            "Ada" if number % 2 else "operator",
            f"Product team {number}",
            f"{number:016x}",
            "OpenAI: accepted",
            "127.0.0.1",
            f"r{number}",
        )
        at = NOON + timedelta(seconds=number, microseconds=number)
        return (Chains(vault=vault) if vault else self.chains).add(connection, what, at=at)

    def check(
        self, *, only: UUID | None = None, noted: Sequence[Head] = (), vault: Vault | None = None
    ) -> list[Checked]:
        with self.db.engine.connect() as connection:
            return check(connection, vault or self.vault, only=only, noted=noted)

    def faults(self, **more: Any) -> list[str]:
        return [fault for one in self.check(**more) for fault in one.faults]

    def head(self, chain_id: UUID) -> Head:
        (found,) = (one.head for one in self.check() if one.chain_id == chain_id)
        assert found is not None
        return found

    def events(self, chain_id: UUID) -> Rows:
        """The rows of a chain, in its order."""
        with self.db.engine.connect() as connection:
            mine = sa.select(EVENTS).where(EVENTS.c.chain_id == chain_id).order_by(EVENTS.c.seq)
            return [dict(row) for row in connection.execute(mine).mappings()]

    def heads(self) -> dict[UUID, dict[str, Any]]:
        with self.db.engine.connect() as connection:
            return {row["chain_id"]: dict(row) for row in connection.execute(sa.select(HEADS)).mappings()}

    def spoil(self, hand: Hand, *, then: Hand | None = None, noted: Sequence[Head] = ()) -> list[str]:
        """What is found wrong after somebody wrote past the product; all is then as it was.

        Args:
            hand: what he does; no foreign key holds him back.
            then: what the product does before anybody checks, in the same transaction.
            noted: heads that were noted elsewhere.
        """
        with self._unbound() as connection:
            hand(connection)
            if then is not None:
                then(connection)
            found = check(connection, self.vault, noted=noted)
            connection.rollback()
        return [fault for one in found for fault in one.faults]

    def write(self, hand: Hand) -> None:
        """Writes past the product, for good."""
        with self._unbound() as connection:
            hand(connection)
            connection.commit()

    @contextmanager
    def _unbound(self) -> Iterator[sa.Connection]:
        """A connection on which foreign keys are not looked at."""
        with self.db.engine.connect() as connection:
            sqlite = self.db.is_sqlite
            off, on = SQLITE if sqlite else POSTGRES
            connection.connection.cursor().execute(off)
            try:
                yield connection
            finally:
                connection.connection.cursor().execute(on)
                if not sqlite:
                    connection.commit()

    def all(self) -> tuple[Rows, Rows]:
        """Heads and rows of all chains."""
        with self.db.engine.connect() as connection:
            heads, events = (connection.execute(sa.select(one)).mappings().all() for one in (HEADS, EVENTS))
            return [dict(row) for row in heads], [dict(row) for row in events]

    @staticmethod
    def put_back(connection: sa.Connection, kept: tuple[Rows, Rows]) -> None:
        """Makes everything what it was."""
        connection.execute(sa.delete(EVENTS))
        connection.execute(sa.delete(HEADS))
        for table, rows in zip((HEADS, EVENTS), kept, strict=True):
            connection.execute(sa.insert(table), rows)
