"""Chains of the audit log to be read and spoiled, on any database, and a hand that writes past the product."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable, Sequence
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
        with self.db.write_core() as connection:
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

    def spoil(self, hand: Callable[[sa.Connection], object], *, then: Callable[[], object] | None = None) -> list[str]:
        """What is found wrong after somebody wrote past the product; all is then as it was.

        Args:
            hand: what he does; no foreign key holds him back.
            then: what happens before anybody checks.
        """
        kept = self.all()
        try:
            self.write(hand)
            if then is not None:
                then()
            return self.faults()
        finally:
            self.write(lambda connection: self.put_back(connection, kept))

    def write(self, hand: Callable[[sa.Connection], object]) -> None:
        """Writes past the product."""
        with self.db.engine.connect() as connection:
            sqlite = connection.dialect.name == "sqlite"
            if sqlite:
                connection.connection.cursor().execute("PRAGMA foreign_keys=OFF")
            else:
                connection.execute(sa.text("SET session_replication_role = replica"))
            hand(connection)
            connection.commit()
            if sqlite:
                connection.connection.cursor().execute("PRAGMA foreign_keys=ON")
            else:
                connection.execute(sa.text("SET session_replication_role = DEFAULT"))
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
