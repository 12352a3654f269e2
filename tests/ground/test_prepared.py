"""Prepared statements: what Core would write and read, on both databases, and its errors without any values."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
import sqlalchemy as sa

from byok.ground.db import Database
from byok.ground.ids import new_id
from byok.ground.prepared import Prepared
from byok.ground.tables import Company, metadata

COMPANIES, TURNS = metadata.tables["company"], metadata.tables["turn"]
ADD = Prepared(sa.insert(COMPANIES), columns=("id", "slug", "name", "plan", "fingerprint_key", "created_at", "sample"))
FIND = Prepared(
    sa.select(COMPANIES.c.id, COMPANIES.c.name, COMPANIES.c.created_at.label("since"), COMPANIES.c.fingerprint_key)
    .where(COMPANIES.c.slug == sa.bindparam("called"), COMPANIES.c.plan == "pro")
    .order_by(COMPANIES.c.name)
)
RENAME = Prepared(
    sa.update(COMPANIES)
    .where(COMPANIES.c.slug == sa.bindparam("called"))
    .values(name=sa.bindparam("anew"))
    .returning(COMPANIES.c.id)
)
NOON = datetime(2026, 11, 23, 13, tzinfo=timezone(timedelta(hours=1)))


def row(slug: str, **values: Any) -> dict[str, Any]:
    named = {"slug": slug, "name": f"O'Hara % :{slug}", "plan": "pro", "fingerprint_key": b"\0\xff", "sample": False}
    return {"id": new_id(), **named, "created_at": NOON, **values}


def test_what_a_prepared_insert_writes_core_reads_back_with_its_types(any_db: Database) -> None:
    made = row("acme")
    with any_db.write_core() as connection:
        assert ADD.run(connection, made) == []
    with any_db.read() as session:
        (kept,) = session.connection().execute(sa.select(COMPANIES)).mappings()
    assert {name: kept[name] for name in made} == made
    assert kept["created_at"].tzinfo == UTC


def test_a_prepared_select_gives_rows_with_names_and_types_and_keeps_the_values_in_its_own_words(
    any_db: Database,
) -> None:
    made, basic = row("acme"), row("other", plan="basic")
    with any_db.write_core() as connection:
        for one in (made, basic):
            ADD.run(connection, one)
        (found,) = FIND.run(connection, {"called": "acme", "ignored": 1})
        assert (found.id, found.name, found.since, found.fingerprint_key) == (
            made["id"],
            made["name"],
            NOON,
            b"\0\xff",
        )
        assert FIND.run(connection, {"called": "other"}) == []


def test_a_prepared_update_returns_the_rows_that_it_changed(any_db: Database) -> None:
    made = row("acme")
    with any_db.write_core() as connection:
        ADD.run(connection, made)
        assert [one.id for one in RENAME.run(connection, {"called": "acme", "anew": "Acme"})] == [made["id"]]
        assert RENAME.run(connection, {"called": "nobody", "anew": "Nobody"}) == []
        assert FIND.run(connection, {"called": "acme"})[0].name == "Acme"


def test_a_column_that_an_insert_does_not_name_gets_its_default(any_db: Database) -> None:
    add = Prepared(sa.insert(COMPANIES), columns=("id", "slug", "name", "plan", "fingerprint_key", "created_at"))
    made = row("acme")
    with any_db.write_core() as connection:
        add.run(connection, made)
        kept = connection.execute(sa.select(COMPANIES.c.sample)).scalar_one()
    assert kept == Company.model_fields["sample"].default


def test_a_statement_that_fails_raises_what_core_raises_and_repeats_no_value(any_db: Database) -> None:
    made = row("acme", name="a-secret-name")
    with any_db.write_core() as connection:
        ADD.run(connection, made)
    with pytest.raises(sa.exc.IntegrityError) as refused, any_db.write_core() as connection:
        ADD.run(connection, made)
    assert "a-secret-name" not in str(refused.value)


def test_a_value_that_is_missing_is_an_error_before_anything_runs(any_db: Database) -> None:
    with any_db.write_core() as connection, pytest.raises(KeyError, match="called"):
        FIND.run(connection, {})


def test_what_is_written_is_rolled_back_with_its_transaction(any_db: Database) -> None:
    def fail() -> None:
        with any_db.write_core() as connection:
            ADD.run(connection, row("acme"))
            raise LookupError

    with pytest.raises(LookupError):
        fail()
    with any_db.write_core() as connection:
        assert FIND.run(connection, {"called": "acme"}) == []
