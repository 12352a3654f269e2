"""Attempts that were settled, and the days that they were added to, for tests of both."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from byok.core import ledger
from byok.core.ledger import Outcome
from byok.core.ledger_check import Difference, differences
from byok.core.model_names import ModelName
from byok.ground.db import Database
from byok.ground.ids import new_id
from tests.run_world import BYOK, NOVEMBER, Author

ANSWERED = Outcome("complete", True, tokens_in=10, tokens_out=20, cost_pico=3_000, ttft_ms=120, duration_ms=900)
FAILED = Outcome("error", False, error="ProviderDownError", duration_ms=90)


def add(
    db: Database,
    author: Author,
    outcome: Outcome = ANSWERED,
    *,
    name: ModelName = BYOK,
    at: datetime = NOVEMBER,
    ended: datetime | None = None,
    **fields: Any,
) -> UUID:
    """One attempt that was settled."""
    with db.write_core() as connection:
        process_id, whose = new_id(), author.company_id
        attempt_id = ledger.reserve(
            connection, company_id=whose, process_id=process_id, name=name, at=at, plan_messages=10, **fields
        )
        assert ledger.settle(connection, attempt_id, outcome, at=ended or at)
    return attempt_id


def kept(db: Database, table: sa.Table) -> list[dict[str, Any]]:
    """The rows of a day's table, in the order of what names them; of their figures those that are not 0."""
    with db.read() as session:
        found = session.connection().execute(sa.select(table).order_by(*table.primary_key)).mappings()
        return [{name: value for name, value in row.items() if value or name in table.primary_key} for row in found]


def found(db: Database, author: Author) -> list[Difference]:
    """What the rows do not add up to."""
    with db.read() as session:
        return list(differences(session.connection(), company_id=author.company_id))


def run(db: Database, statement: sa.Executable) -> None:
    """Behind the ledger's back."""
    with db.write_core() as connection:
        connection.execute(statement)
