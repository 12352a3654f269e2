"""The usage table's rows, parts and steps: they add up however they are cut, and what is gone has a name."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import get_args

import pytest
import sqlalchemy as sa

from byok.core import ledger
from byok.core.ledger_figures import Figures
from byok.core.model_names import ModelName
from byok.ground.db import Database
from byok.ground.ids import new_id
from byok.ground.tables import Chatbot
from byok.ground.tables.types import metadata
from byok.services.access import Actor
from byok.services.periods import Period
from byok.services.usage import Rows
from byok.services.usage_csv import table_csv
from byok.services.usage_names import Split
from tests.services.usage_world import NOVEMBER, NOW, UsageWorld

AUTUMN = Period.between(date(2026, 9, 1), date(2026, 11, 30))


@pytest.fixture
def any_world(any_db: Database) -> UsageWorld:
    return UsageWorld(any_db)


@pytest.fixture
def world(db: Database) -> UsageWorld:
    return UsageWorld(db)


def fill(world: UsageWorld) -> None:
    """Three months, two people, several providers and models, errors, unpriced ones and plan messages."""
    for days in (0, 1, 30, 31, 60):
        at = NOW - timedelta(days=days)
        world.add(at=at, count=2, key_id=None)
        world.add(at=at, model_asked="gpt-5.4-mini", by=world.max)
        world.add(at=at, provider_id="groq", model_asked="openai/gpt-oss-20b", cost_pico=None, ttft_ms=4000)
        world.fail(at=at, provider_id="groq", model_asked="openai/gpt-oss-20b")
        world.plan(at=at, provider_id="local", model_asked="tiny", count=3)


def parts(world: UsageWorld, split: Split, *, actor: Actor | None = None) -> dict[str, int]:
    table = world.usage().table(actor or world.ada, NOVEMBER, split=split)
    return {part.name: part.answers for row in table.rows for part in row.parts}


@pytest.mark.parametrize("rows", get_args(Rows))
@pytest.mark.parametrize("split", ["model", "key", "person", "chatbot"])
def test_rows_add_up_to_the_total_and_parts_to_their_row_whatever_they_are(
    any_world: UsageWorld, rows: Rows, split: Split
) -> None:
    fill(any_world)
    whole = any_world.usage().table(any_world.ada, AUTUMN)
    table = any_world.usage().table(any_world.ada, AUTUMN, rows=rows, split=split)
    assert (table.total.byok, table.total.plan) == (whole.total.byok, whole.total.plan)
    assert table.line == "20 answered BYOK requests + 15 plan messages = 35 answers"
    for source in ("byok", "plan"):
        assert sum((getattr(row, source) for row in table.rows), Figures()) == getattr(whole.total, source)
        for row in table.rows:
            assert sum((getattr(part, source) for part in row.parts), Figures()) == getattr(row, source)


def test_rows_are_providers_in_the_catalogues_order_and_days_and_months_in_theirs(world: UsageWorld) -> None:
    fill(world)
    names = {
        rows: [one.name for one in world.usage().table(world.ada, AUTUMN, rows=rows).rows] for rows in get_args(Rows)
    }
    assert names["provider"] == ["OpenAI", "Groq", "Local (llama.cpp)"]
    assert names["day"] == ["2026-09-25", "2026-10-24", "2026-10-25", "2026-11-23", "2026-11-24"]
    assert names["month"] == ["2026-09", "2026-10", "2026-11"]


def test_parts_come_with_the_largest_first(world: UsageWorld) -> None:
    world.add(model_asked="small")
    world.add(model_asked="large", count=3)
    assert list(parts(world, "model").items()) == [("large", 3), ("small", 1)]


def test_a_step_is_there_for_every_day_and_month_those_without_usage_as_well(world: UsageWorld) -> None:
    fill(world)
    days = world.usage().steps(world.ada, NOVEMBER, by="day")
    assert [one.name for one in days] == [f"2026-11-{day:02}" for day in range(1, 31)]
    assert [(one.name, one.byok.requests, one.plan.answered) for one in days if one.byok.requests] == [
        ("2026-11-23", 5, 3),
        ("2026-11-24", 5, 3),
    ]
    months = world.usage().steps(world.ada, AUTUMN, by="month")
    assert [(one.name, one.byok.answered, one.plan.answered) for one in months] == [
        ("2026-09", 4, 3),
        ("2026-10", 8, 6),
        ("2026-11", 8, 6),
    ]


def test_a_member_has_rows_parts_steps_and_months_of_his_own_only(any_world: UsageWorld) -> None:
    world = any_world
    fill(world)
    usage = world.usage()
    table = usage.table(world.max, NOVEMBER, split="person")
    assert table.own
    assert (table.total.answers, parts(world, "person", actor=world.max)) == (2, {"max": 2})
    assert sum(one.byok.answered for one in usage.steps(world.max, AUTUMN, by="month")) == 5
    world.add(at=datetime(2026, 5, 1, tzinfo=UTC))
    assert "2026-05" in world.usage().months(world.ada)
    assert "2026-05" not in world.usage().months(world.max)


def test_another_companys_rows_are_in_no_table_step_month_or_version(any_world: UsageWorld) -> None:
    world = any_world
    usage, before = world.usage(), world.usage().version(world.ada)
    world.add(by=world.eve, at=NOW, count=5)
    world.plan(by=world.eve, at=datetime(2026, 5, 1, tzinfo=UTC))
    world.add_up()
    assert usage.table(world.ada, NOVEMBER).rows == ()
    assert all(one.byok == one.plan == Figures() for one in usage.steps(world.ada, NOVEMBER, by="day"))
    assert (usage.months(world.ada), usage.version(world.ada)) == (["2026-11"], before)
    assert usage.pace(world.ada).used == 0


def test_a_key_that_was_deleted_keeps_the_name_that_the_ledger_remembers(any_world: UsageWorld) -> None:
    world = any_world
    kept = world.acme.add_key()
    for key_id, label, hint in (
        (kept, "as it was called", "0000"),
        (new_id(), "Old team", "4f2a"),
        (new_id(), None, None),
    ):
        world.add(key_id=key_id, key_label=label, key_hint=hint)
    world.plan()
    assert set(parts(world, "key")) == {"fake …fake", "Old team …4f2a (deleted)", "Key (deleted)", "No own key"}


def test_a_deleted_key_has_the_name_that_it_had_last_and_one_of_open_calls_alone_has_one_too(
    any_world: UsageWorld,
) -> None:
    world, renamed, asked = any_world, new_id(), new_id()
    for days, label in ((2, "First"), (1, "Second"), (3, "Before")):
        world.add(at=NOW - timedelta(days=days), key_id=renamed, key_label=label, key_hint="4f2a")
    world.add(key_id=asked, key_label="Asked", key_hint="1111", status="reserved", answered=False, settled_at=None)
    assert set(parts(world, "key")) == {"Second …4f2a (deleted)", "Asked …1111 (deleted)"}


def test_a_key_of_the_sample_was_never_deleted(world: UsageWorld) -> None:
    world.add(key_id=new_id(), key_label="Product team", key_hint="4f2a", sample=True)
    assert set(parts(world, "key")) == {"Product team …4f2a (sample)"}


def test_people_and_chatbots_that_are_gone_and_none_at_all_have_names(any_world: UsageWorld) -> None:
    world = any_world
    bot = Chatbot(company_id=world.ada.company_id, name="Helper", created_at=NOW, updated_at=NOW)
    with world.db.write() as session:
        session.add(bot)
    world.add(person_id=None, chatbot_id=bot.id)
    world.add(person_id=new_id(), chatbot_id=new_id())
    assert set(parts(world, "person")) == {"The operator", "Someone who left"}
    assert set(parts(world, "chatbot")) == {"Helper", "A deleted chatbot"}
    world.add()
    assert "No chatbot" in parts(world, "chatbot")


def test_names_of_another_companys_keys_people_and_chatbots_are_not_given_away(world: UsageWorld) -> None:
    bot = Chatbot(company_id=world.eve.company_id, name="Secret project", created_at=NOW, updated_at=NOW)
    with world.db.write() as session:
        session.add(bot)
    world.add(person_id=world.eve.person_id, chatbot_id=bot.id)
    assert set(parts(world, "person")) == {"Someone who left"}
    assert set(parts(world, "chatbot")) == {"A deleted chatbot"}


@pytest.mark.parametrize("name", ["byok:openai/gpt-5.4", "plan:openai/gpt-5.4-mini"])
def test_the_version_changes_when_an_attempt_begins_and_when_it_ends(any_world: UsageWorld, name: str) -> None:
    world, usage = any_world, any_world.usage()
    versions = [usage.version(world.ada)]
    with world.db.write_core() as connection:
        attempt_id = ledger.reserve(
            connection,
            company_id=world.ada.company_id,
            process_id=new_id(),
            name=ModelName.parse(name),
            at=NOW,
            plan_messages=100,
        )
    versions.append(usage.version(world.ada))
    with world.db.write_core() as connection:
        ledger.settle(connection, attempt_id, ledger.Outcome("complete", answered=True), at=NOW)
    versions.append(usage.version(world.ada))
    assert len(set(versions)) == 3


def test_the_pace_is_the_whole_companys_and_counts_what_is_open(world: UsageWorld) -> None:
    world.plan(count=23)
    world.plan(status="reserved", answered=False)
    for actor in (world.ada, world.max):
        pace = world.usage().pace(actor)
        assert (pace.used, pace.allowance, pace.projected, pace.used_up_on) == (24, 100, 31, None)


def test_a_span_of_days_has_its_days_in_json_and_a_month_its_month(world: UsageWorld) -> None:
    world.add()
    usage = world.usage()
    found = usage.table(world.ada, Period.last_days(7, today=NOW.date()), rows="day", split="model").to_json()
    assert (found["from"], found["to"]) == ("2026-11-18", "2026-11-24")
    assert "month" not in found
    (row,) = found["rows"]
    assert (row["day"], [part["name"] for part in row["parts"]]) == ("2026-11-24", ["gpt-5.4"])
    assert usage.table(world.ada, NOVEMBER).to_json()["month"] == "2026-11"


def test_the_allowance_beside_a_past_month_is_about_that_month(world: UsageWorld) -> None:
    world.plan(at=datetime(2026, 10, 5, tzinfo=UTC), count=4)
    world.plan()
    usage = world.usage()
    past, span = usage.table(world.ada, Period.month("2026-10")), usage.table(world.ada, AUTUMN)
    assert (past.used, past.current, span.used, span.current) == (4, False, 1, True)
    assert [one.to_json()["allowance"]["month"] for one in (past, span)] == ["2026-10", "2026-11"]


def test_the_csv_has_each_row_followed_by_its_parts_and_the_total_last(world: UsageWorld) -> None:
    fill(world)
    table = world.usage().table(world.ada, NOVEMBER, split="model")
    lines = [line.split(",")[1:3] for line in table_csv(table).decode("utf-8-sig").splitlines()[1:]]
    assert lines == [
        ["OpenAI", ""],
        ["OpenAI", "gpt-5.4"],
        ["OpenAI", "gpt-5.4-mini"],
        ["Groq", ""],
        ["Groq", "openai/gpt-oss-20b"],
        ["Local (llama.cpp)", ""],
        ["Local (llama.cpp)", "tiny"],
        ["Total", ""],
    ]


def test_a_row_that_only_waits_is_there_with_nothing_in_it(world: UsageWorld) -> None:
    world.add(status="reserved", answered=False, settled_at=None)
    (row,) = world.usage().table(world.ada, NOVEMBER).rows
    assert (row.answers, row.byok.open, row.byok.cost_pico) == (0, 1, None)
    with world.db.read() as session:
        assert (
            session.connection().execute(sa.select(sa.func.count()).select_from(metadata.tables["usage_day"])).scalar()
            == 0
        )
