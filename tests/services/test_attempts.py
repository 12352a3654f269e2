"""The attempts behind a figure: exactly those it counts, nobody else's, and nothing that a browser made up."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import UUID

import pytest
import sqlalchemy as sa

from byok.core.ledger_figures import Figures
from byok.ground.db import Database
from byok.ground.errors import InvalidInputError
from byok.ground.ids import new_id
from byok.ground.tables import Chatbot
from byok.ground.tables.types import metadata
from byok.services.access import Actor
from byok.services.attempts import CHUNK
from byok.services.periods import Period
from byok.services.usage_csv import attempts_csv
from byok.services.usage_names import Split
from tests.services.usage_world import NOVEMBER, NOW, UsageWorld


@pytest.fixture
def any_world(any_db: Database) -> UsageWorld:
    return UsageWorld(any_db)


@pytest.fixture
def world(db: Database) -> UsageWorld:
    return UsageWorld(db)


def found(world: UsageWorld, actor: Actor | None = None, /, **where: Any) -> list[UUID]:
    return [one.id for one in world.usage().attempts(actor or world.ada, NOVEMBER, where=where, limit=1000).rows]


def count(world: UsageWorld, actor: Actor | None = None, /, **where: Any) -> int:
    return len(found(world, actor, **where))


COUNTED: dict[str, Callable[[Figures], int]] = {
    "answered": lambda one: one.answered,
    "errors": lambda one: one.errors,
    "requests": lambda one: one.requests,
    "open": lambda one: one.open,
    "unpriced": lambda one: one.unpriced,
    "all": lambda one: one.attempts,
    "settled": lambda one: one.attempts - one.open,
}


def test_every_number_of_the_table_opens_as_many_attempts_as_it_counts(any_world: UsageWorld) -> None:
    world, bot = any_world, new_id()
    world.add(count=3)
    world.add(cost_pico=None, chatbot_id=bot)
    world.add(model_asked="gpt-5.4-mini", by=world.max, at=NOW - timedelta(days=1))
    world.fail()
    world.add(status="interrupted", answered=True, error="TimeoutError")
    world.add(status="stopped", answered=False, tokens_in=None, tokens_out=None, cost_pico=None, ttft_ms=None)
    world.add(status="error", answered=True, error="StreamError")  # broke off after its first text: an answer
    world.add(status="reserved", answered=False, settled_at=None, key_id=new_id())
    world.plan(provider_id="groq", count=2)
    checked = 0
    for rows in ("provider", "day", "month"):
        for split in ("model", "key", "person", "chatbot"):
            table = world.usage().table(world.ada, NOVEMBER, rows=rows, split=split)
            for row in (table.total, *table.rows, *(part for one in table.rows for part in one.parts)):
                where = {name: None if value is None else str(value) for name, value in row.where.items()}
                for source in ("byok", "plan"):
                    for which, number in COUNTED.items():
                        wanted = number(getattr(row, source))
                        assert count(world, source=source, which=which, **where) == wanted, (where, source, which)
                        checked += wanted
    assert checked > 200


def test_the_attempts_behind_tokens_add_up_to_them_errors_that_used_some_among_them(world: UsageWorld) -> None:
    world.add(tokens_out=100)
    world.fail(tokens_in=1_000, tokens_out=4_000, cost_pico=10**10)  # its length was used up before any text
    total = world.usage().table(world.ada, NOVEMBER).total.byok
    opened = world.usage().attempts(world.ada, NOVEMBER, where={"source": "byok", "which": "settled"}).rows
    assert total.tokens_out == sum(one.tokens_out or 0 for one in opened) == 4_100


def test_another_companys_attempts_are_never_shown_not_even_by_their_names(world: UsageWorld) -> None:
    key_id, bot = new_id(), new_id()
    world.add(by=world.eve, key_id=key_id, chatbot_id=bot)
    mine = world.add()
    assert found(world) == [mine]
    for where in ({"key_id": str(key_id)}, {"chatbot_id": str(bot)}, {"person_id": str(world.eve.person_id)}):
        assert found(world, **where) == []


def test_a_member_sees_his_own_alone_whomever_he_asks_about(world: UsageWorld) -> None:
    world.add()
    mine = world.add(by=world.max)
    assert found(world, world.max) == [mine]
    assert found(world, world.max, person_id=str(world.ada.person_id)) == []
    assert count(world, Actor(world.ada.company_id)) == 2  # the operator


@pytest.mark.parametrize(
    "where",
    [
        {"company_id": str(UUID(int=1))},
        {"id": "x"},
        {"which": "everything"},
        {"which": None},
        {"which": []},
        {"key_id": "no id"},
        {"person_id": 7},
        {"day": "yesterday"},
        {"day": None},
        {"day": "9999-12-31"},
        {"month": "2026-13"},
        {"month": "9999-12"},
        {"model": "a\0b"},
        {"provider_id": "\ud800"},
        {"month": 11},
        {"source": "byok", "1=1; --": "x"},
    ],
)
def test_what_is_no_dimension_or_no_value_of_one_is_refused(any_world: UsageWorld, where: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError):
        any_world.usage().attempts(any_world.ada, NOVEMBER, where=where)


def test_words_of_sql_are_only_words(world: UsageWorld) -> None:
    world.add()
    assert found(world, model="gpt-5.4' OR '1'='1") == []


def test_the_newest_come_first_and_more_are_announced(world: UsageWorld) -> None:
    ids = [world.add(at=NOW - timedelta(hours=hours)) for hours in range(4)]
    page = world.usage().attempts(world.ada, NOVEMBER, limit=3)
    assert ([one.id for one in page.rows], page.more) == (ids[:3], True)
    assert not world.usage().attempts(world.ada, NOVEMBER, limit=4).more


@pytest.mark.parametrize("count", [0, 1, CHUNK, CHUNK + 1, 2 * CHUNK + 7])
def test_a_file_of_any_length_is_what_the_list_is_and_says_whether_there_are_more(
    any_world: UsageWorld, count: int
) -> None:
    world = any_world
    if count:
        world.add(count=count)
    world.add(by=world.eve)
    usage = world.usage()
    for limit in (count, count + 1, 3 * CHUNK):
        data, more = usage.attempts_csv(world.ada, NOVEMBER, limit=limit)
        assert (data, more) == (attempts_csv(usage.attempts(world.ada, NOVEMBER, limit=limit).rows), False)
        assert data.count(b"\r\n") == count + 1
    if count:
        assert usage.attempts_csv(world.ada, NOVEMBER, limit=count - 1)[1]


def test_a_member_has_no_more_than_his_own_in_a_file(world: UsageWorld) -> None:
    world.add()
    mine = world.add(by=world.max)
    data, _ = world.usage().attempts_csv(world.max, NOVEMBER, limit=10)
    assert data.count(b"\r\n") == 2
    assert str(mine).encode() in data


def test_a_period_begins_and_ends_at_midnight_utc(any_world: UsageWorld) -> None:
    world = any_world
    start, end = datetime(2026, 11, 24, tzinfo=UTC), datetime(2026, 11, 25, tzinfo=UTC)
    for at in (start - timedelta(microseconds=1), end):
        world.add(at=at)
    inside = [world.add(at=at) for at in (start, end - timedelta(microseconds=1))]
    day = Period.between(NOW.date(), NOW.date())
    assert [one.id for one in world.usage().attempts(world.ada, day).rows] == inside[::-1]


def test_corrections_are_counted_in_and_named(any_world: UsageWorld) -> None:
    world = any_world
    attempt_id = world.add(cost_pico=5, tokens_out=10)
    fix = {"company_id": world.ada.company_id, "attempt_id": attempt_id, "reason": "invoice", "made_by": ""}
    fix |= {"tokens_in": 0, "prices": False, "counts": False, "made_at": NOW}
    with world.db.write_core() as connection:
        for cost, out in ((7, 1), (-2, 0)):
            row = fix | {"id": new_id(), "cost_pico": cost, "tokens_out": out}
            connection.execute(sa.insert(metadata.tables["adjustment"]).values(row))
    (one,) = world.usage().attempts(world.ada, NOVEMBER).rows
    assert (one.cost_pico, one.tokens_out, one.tokens_in, one.corrections) == (10, 11, 1000, 2)


def test_what_is_not_known_is_none_and_in_the_csv_an_empty_cell(world: UsageWorld) -> None:
    world.add(tokens_in=None, cost_pico=None, ttft_ms=None)
    (one,) = world.usage().attempts(world.ada, NOVEMBER).rows
    assert (one.tokens_in, one.cost_pico, one.ttft_ms) == (None, None, None)
    head, line = attempts_csv([one]).decode("utf-8-sig").splitlines()
    cells = dict(zip(head.split(","), line.split(","), strict=True))
    assert (cells["Tokens in"], cells["Estimated cost (USD)"], cells["First token (ms)"]) == ("", "", "")
    assert cells["Tokens out"] == "100"


def test_people_and_chatbots_that_are_gone_have_the_names_of_the_table_and_none_at_all_has_none(
    any_world: UsageWorld,
) -> None:
    world = any_world
    world.add(person_id=new_id(), chatbot_id=new_id())
    world.add(person_id=None, chatbot_id=None, at=NOW - timedelta(hours=1))
    usage = world.usage()
    gone, nobody = usage.attempts(world.ada, NOVEMBER).rows
    assert (gone.person, gone.chatbot) == ("Someone who left", "A deleted chatbot")
    assert (nobody.person, nobody.chatbot) == (None, None)
    for split, name in (("person", gone.person), ("chatbot", gone.chatbot)):
        table = usage.table(world.ada, NOVEMBER, split=cast("Split", split))
        assert name in {part.name for row in table.rows for part in row.parts}


def test_the_csv_names_what_is_gone_and_leaves_the_operator_and_no_chatbot_empty(world: UsageWorld) -> None:
    world.add(person_id=new_id(), chatbot_id=new_id())
    world.add(person_id=None, chatbot_id=None, at=NOW - timedelta(hours=1))
    data, _ = world.usage().attempts_csv(world.ada, NOVEMBER, limit=10)
    lines = csv.DictReader(io.StringIO(data.decode("utf-8-sig")))
    assert [(one["Person"], one["Chatbot"]) for one in lines] == [("Someone who left", "A deleted chatbot"), ("", "")]


def test_names_of_another_companys_people_and_chatbots_are_not_given_away(world: UsageWorld) -> None:
    bot = Chatbot(company_id=world.eve.company_id, name="Secret project", created_at=NOW, updated_at=NOW)
    with world.db.write() as session:
        session.add(bot)
    world.add(person_id=world.eve.person_id, chatbot_id=bot.id)
    (one,) = world.usage().attempts(world.ada, NOVEMBER).rows
    assert (one.person, one.chatbot) == ("Someone who left", "A deleted chatbot")


@pytest.mark.parametrize("name", ["=1+1", "@SUM(A1)", "+1", "-1"])
def test_names_that_a_spreadsheet_would_compute_are_defused_in_both_files(world: UsageWorld, name: str) -> None:
    world.add(model_asked=name, key_label=name)
    (one,) = world.usage().attempts(world.ada, NOVEMBER).rows
    assert attempts_csv([one]).decode("utf-8-sig").count(f",'{name},") == 2
