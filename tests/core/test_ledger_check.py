"""The proof of the days by the rows: it finds whatever was changed by hand, and adding up anew repairs it.

Days that a migration fills are held against the rows as well.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from byok.core.ledger import Outcome
from byok.core.ledger_check import differences, rebuild
from byok.ground import schema
from byok.ground.db import Database
from byok.ground.ids import new_id
from byok.ground.tables.rollups import BOUNDS_MS, USAGE_DAY, USAGE_DETAIL
from byok.ground.tables.types import metadata
from tests.core.ledger_days import FAILED, add, found, kept, run
from tests.run_world import NOVEMBER, PLAN, Author

ATTEMPTS, ADJUSTMENTS = metadata.tables["attempt"], metadata.tables["adjustment"]
COMPANIES = metadata.tables["company"]
NEWER = ("reserved_pico", "instead_of", "taken_on")
STATUSES = ("complete", "stopped", "interrupted", "error", "unknown")


def busy(db: Database) -> Author:
    """A company with an answer on an own key, one on the plan, and a failure."""
    made = Author(db)
    add(db, made, person_id=made.person_id)
    add(db, made, name=PLAN)
    add(db, made, FAILED)
    return made


@pytest.fixture
def author(db: Database) -> Author:
    return busy(db)


def test_what_was_added_one_by_one_is_what_the_rows_add_up_to(any_db: Database) -> None:
    assert found(any_db, busy(any_db)) == []


def change(db: Database, author: Author) -> None:
    which = sa.select(sa.func.min(sa.cast(ATTEMPTS.c.id, sa.String))).scalar_subquery()
    run(db, sa.update(ATTEMPTS).where(sa.cast(ATTEMPTS.c.id, sa.String) == which).values(tokens_out=21))


def remove(db: Database, author: Author) -> None:
    run(db, sa.delete(ATTEMPTS).where(ATTEMPTS.c.source == "plan"))


def insert(db: Database, author: Author) -> None:
    told = {"source": "byok", "provider_id": "fake", "model_asked": "fake-1", "status": "error", "answered": False}
    its = {"id": new_id(), "company_id": author.company_id, "process_id": new_id(), "reserved_at": NOVEMBER}
    run(db, sa.insert(ATTEMPTS).values(**told, **its, month="2026-11", sample=False))


def spoil_a_day(db: Database, author: Author) -> None:
    run(db, sa.update(USAGE_DAY).where(USAGE_DAY.c.source == "byok").values(cost_pico=USAGE_DAY.c.cost_pico + 1))


def lose_a_part(db: Database, author: Author) -> None:
    run(db, sa.delete(USAGE_DETAIL).where(USAGE_DETAIL.c.source == "plan"))


SPOILT: list[tuple[Callable[[Database, Author], None], set[tuple[str, str, int, int]]]] = [
    (change, {("usage_day", "tokens_out", 20, 21), ("usage_detail", "tokens_out", 20, 21)}),
    (remove, {("usage_day", "answered", 1, 0), ("usage_detail", "tokens_out", 20, 0)}),
    (insert, {("usage_day", "errors", 1, 2), ("usage_detail", "errors", 1, 2)}),
    (spoil_a_day, {("usage_day", "cost_pico", 3_001, 3_000)}),
    (lose_a_part, {("usage_detail", "answered", 0, 1), ("usage_detail", "tokens_in", 0, 10)}),
]


@pytest.mark.parametrize(("spoil", "shown"), SPOILT, ids=[spoil.__name__ for spoil, _ in SPOILT])
def test_a_change_behind_the_ledgers_back_is_found_and_repaired(
    db: Database,
    author: Author,
    spoil: Callable[[Database, Author], None],
    shown: set[tuple[str, str, int, int]],
) -> None:
    spoil(db, author)
    told = {(one.table, one.figure, one.kept, one.rows) for one in found(db, author)}
    assert told >= shown
    with db.write_core() as connection:
        rebuild(connection, company_id=author.company_id)
    assert found(db, author) == []


def test_a_difference_says_where_it_is_and_what_is_right(db: Database, author: Author) -> None:
    spoil_a_day(db, author)
    (one,) = found(db, author)
    assert str(one) == "usage_day (2026-11-23, byok, fake): cost_pico is 3001, the rows add up to 3000"


def test_adding_up_anew_gives_the_same_rows_to_the_last_digit(any_db: Database) -> None:
    author = busy(any_db)
    before = kept(any_db, USAGE_DAY), kept(any_db, USAGE_DETAIL)
    with any_db.write_core() as connection:
        rebuild(connection, company_id=author.company_id)
    assert (kept(any_db, USAGE_DAY), kept(any_db, USAGE_DETAIL)) == before


def test_adding_up_anew_leaves_another_company_alone(db: Database, author: Author) -> None:
    other = Author(db, slug="other")
    add(db, other)
    spoil_a_day(db, author)
    with db.write_core() as connection:
        rebuild(connection, company_id=author.company_id)
    assert {(one.table, one.kept) for one in found(db, other)} == {("usage_day", 3_001)}


def test_a_correction_belongs_to_the_day_of_its_attempt(any_db: Database) -> None:
    author = Author(any_db)
    attempt_id = add(any_db, author, Outcome("complete", True, tokens_in=10, tokens_out=20, duration_ms=900))
    told = {"tokens_in": 5, "tokens_out": 0, "cost_pico": 900, "prices": True, "counts": False, "reason": "invoice"}
    its = {"id": new_id(), "company_id": author.company_id, "attempt_id": attempt_id, "made_by": ""}
    run(any_db, sa.insert(ADJUSTMENTS).values(**told, **its, made_at=NOVEMBER + timedelta(days=40)))
    with any_db.write_core() as connection:
        rebuild(connection, company_id=author.company_id)
    (row,) = kept(any_db, USAGE_DAY)
    assert row["day"] == NOVEMBER.date()
    assert (row["tokens_in"], row["cost_pico"], row["priced"], "unpriced" in row) == (15, 900, 1, False)


# Rows from before there were days.


def test_days_filled_by_the_migration_are_what_older_rows_add_up_to(new_url: Callable[[], str]) -> None:
    db = Database(new_url())
    schema.upgrade(db, to="0003")
    with db.write_core() as connection:
        company_id, old = _older_rows(connection)
    schema.upgrade(db)
    with db.read() as session:
        assert list(differences(session.connection(), company_id=company_id)) == []
        days = session.connection().execute(sa.select(sa.func.sum(USAGE_DAY.c.answered), sa.func.count())).one()
        details = session.connection().execute(sa.select(sa.func.sum(USAGE_DETAIL.c.cost_pico))).scalar()
    db.close()
    assert days == (
        sum(row["answered"] for row in old),
        len({(row["reserved_at"].date(), row["source"]) for row in old}),
    )
    assert details == sum(row["cost_pico"] or 0 for row in old)


def _older_rows(connection: sa.Connection) -> tuple[UUID, list[dict[str, Any]]]:
    """A company and settled attempts of every kind, and one that is open, as revision 0003 has them."""
    company_id, moments = new_id(), (NOVEMBER, datetime(2026, 10, 31, 23, 59, 59, 999_999, tzinfo=UTC))
    company = {"slug": "acme", "name": "Acme", "plan": "pro", "fingerprint_key": b"", "sample": False}
    connection.execute(sa.insert(COMPANIES).values(id=company_id, **company, created_at=NOVEMBER))
    names = [name for name, _ in ATTEMPTS.columns.items() if name not in NEWER]
    table = sa.table("attempt", *[sa.column(name, ATTEMPTS.c[name].type) for name in names])
    rows: list[dict[str, Any]] = []
    for number, (status, answered, duration_ms) in enumerate(itertools.product(STATUSES, (True, False), (900, None))):
        told = {"status": status, "answered": answered, "duration_ms": duration_ms, "sample": number % 5 == 0}
        named = {
            "source": ("byok", "plan")[number % 3 // 2],
            "provider_id": "fake",
            "model_asked": f"fake-{number % 2}",
        }
        ids = {"person_id": new_id() if number % 2 else None, "key_id": None, "chatbot_id": None}
        counts = {"tokens_in": 10 + number, "tokens_out": 20, "tokens_cached": 3, "cost_pico": 2**40 + number}
        counts = counts if answered and number % 4 else {}
        at = moments[number % 2]
        its = {
            "id": new_id(),
            "company_id": company_id,
            "process_id": new_id(),
            "reserved_at": at,
            "month": f"{at:%Y-%m}",
        }
        ttft = {"ttft_ms": BOUNDS_MS[number % len(BOUNDS_MS)] if answered else None}
        rows.append(dict.fromkeys(names) | told | named | ids | counts | its | ttft)
    connection.execute(sa.insert(table), rows)
    open_one = rows[0] | {"id": new_id(), "status": "reserved", "answered": False, "ttft_ms": None, "duration_ms": None}
    connection.execute(sa.insert(table), [open_one])
    return company_id, rows
