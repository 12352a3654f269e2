"""What services put on the audit log, and how admins and the operator read it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from pydantic import SecretStr

from byok.core.audit import EVENTS, HEADS, Happening
from byok.core.model_names import ModelName
from byok.ground.db import Database
from byok.ground.errors import InvalidInputError, NotAllowedError, RecordSpoiltError
from byok.ground.tables import ApiKey
from byok.ground.tables.audit import OPERATOR
from byok.services.access import Actor
from byok.services.audit import Audit
from byok.services.audit_check import AuditCheck
from byok.services.audit_rows import Wanted
from byok.services.budgets import Budgets
from byok.services.chatbots import ChatbotFields
from byok.services.operator_record import GOOD_FOR
from byok.services.own_prices import OwnPrices
from tests.canary import Canary
from tests.services.door_world import DoorWorld
from tests.services.key_world import KeyWorld, fresh_key
from tests.services.talk_world import KEY_ID, TalkWorld, talk_world

Row = tuple[Any, ...]
COLUMNS = ("actor_name", "action", "subject", "detail")


def recorded(db: Database, chain_id: UUID, *columns: str) -> list[Row]:
    """The rows of a chain in the order in which they were written."""
    with db.read() as session:
        query = sa.select(*(EVENTS.c[name] for name in columns or COLUMNS)).where(EVENTS.c.chain_id == chain_id)
        return [tuple(row) for row in session.connection().execute(query.order_by(EVENTS.c.seq))]


def audit_of(world: KeyWorld) -> Audit:
    return Audit(db=world.db, plans=world.plans, vault=world.vault, clock=world.clock)


def record(world: KeyWorld, *actions: str, actor: Actor | None = None, name: str = "operator") -> None:
    """Rows of Northwind's chain, a day apart."""
    for action in actions:
        what = Happening(action, world.northwind, actor.person_id if actor else None, name)
        with world.db.write_core() as connection:
            world.chains.add(connection, what, at=world.clock())
        world.clock.pass_(timedelta(days=1))


def test_the_life_of_a_key_is_recorded_by_label_and_fingerprint(any_world: KeyWorld) -> None:
    world = any_world
    ada = replace(world.ada, address="198.51.100.7")
    world.openai_lists("gpt-5.4-mini")
    first = world.saved("Product team")
    print_ = world.keys.stored(world.ada, first.id).fingerprint[:16]
    world.openai_rejects()
    world.keys.test(ada, first.id)
    world.keys.rename(ada, first.id, label="Team")
    draft = world.keys.draft(ada, provider_id="openai", pasted=SecretStr(fresh_key()), replaces=first.id)
    world.keys.save_draft(ada, draft.id, untested=True)
    second = world.saved("Spare")
    world.keys.make_default(ada, second.id)
    world.keys.delete(ada, second.id)
    world.keys.delete(world.operator, first.id)
    world.settle()
    assert recorded(world.db, world.northwind) == [
        ("Ada", "key.added", "Product team", "OpenAI, accepted"),
        ("Ada", "key.tested", "Product team", "OpenAI: rejected"),
        ("Ada", "key.renamed", "Team", "OpenAI; before: Product team"),
        ("Ada", "key.replaced", "Team", f"OpenAI, untested; fingerprint before: {print_}"),
        ("Ada", "key.added", "Spare", "OpenAI, accepted"),
        ("Ada", "key.made_default", "Spare", "OpenAI; before: Team"),
        ("Ada", "key.deleted", "Spare", "OpenAI, was the default"),
        ("operator", "key.deleted", "Team", "OpenAI"),
    ]
    marks = recorded(world.db, world.northwind, "actor_id", "fingerprint", "address")
    assert marks[0] == (world.ada.person_id, print_, "")
    assert marks[1] == (world.ada.person_id, print_, "198.51.100.7")
    assert marks[3][1] != print_
    assert marks[-1] == (None, marks[3][1], "")
    assert audit_of(world).verify(world.ada).whole


def test_a_draft_and_what_is_refused_are_no_events(world: KeyWorld) -> None:
    world.openai_rejects()
    draft_id, _ = world.test_pasted(fresh_key())
    with pytest.raises(InvalidInputError):
        world.keys.save_draft(world.ada, draft_id)
    world.keys.discard_draft(world.ada, draft_id)
    with pytest.raises(NotAllowedError):
        world.keys.list(world.max)
    assert recorded(world.db, world.northwind) == []


def test_who_pays_for_a_chatbot_is_recorded_and_its_texts_are_not(world: KeyWorld) -> None:
    world.saved("Product team", models=("gpt-5.4-mini", "gpt-5.4"))
    plain = ChatbotFields(name="Support", system_prompt="Be kind.", model=ModelName("byok", "openai", "gpt-5.4"))
    bot = world.chatbots.create(world.ada, plain)
    world.chatbots.edit(world.ada, bot.id, replace(plain, system_prompt="Be brief.", temperature=0.5))
    other = ModelName("byok", "openai", "gpt-5.4-mini")
    world.chatbots.edit(world.ada, bot.id, replace(plain, fallback=other))
    world.chatbots.delete(world.ada, bot.id)
    model, both = "model byok:openai/gpt-5.4", "model byok:openai/gpt-5.4, or byok:openai/gpt-5.4-mini"
    assert recorded(world.db, world.northwind)[1:] == [
        ("Ada", "chatbot.added", "Support", model),
        ("Ada", "chatbot.changed", "Support", f"{both}; before: {model}"),
        ("Ada", "chatbot.deleted", "Support", both),
    ]
    world.settle()


def test_budgets_and_own_prices_are_recorded(world: KeyWorld) -> None:
    more: dict[str, Any] = {"db": world.db, "plans": world.plans, "catalogue": world.catalogue, "chains": world.chains}
    budgets, prices = Budgets(**more, clock=world.clock), OwnPrices(**more, clock=world.clock)
    budgets.set(world.ada, "", "20")
    budgets.set(world.ada, "", "50.5", 7)
    budgets.clear(world.ada, "")
    prices.set(world.ada, "openai", "gpt-5.4", price_in="0.25", price_out="2")
    prices.set(world.operator, "openai", multiplier=Decimal("0.85"))
    prices.clear(world.ada, "openai")
    assert recorded(world.db, world.northwind) == [
        ("Ada", "budget.set", "All own keys", "$20.00 a month, 100 calls without a price"),
        ("Ada", "budget.set", "All own keys", "$50.50 a month, 7 calls without a price; before: $20.00"),
        ("Ada", "budget.cleared", "All own keys", "before: $50.50 a month"),
        ("Ada", "price.set", "OpenAI, gpt-5.4", "$0.25 in, $2 out for a million tokens"),
        ("operator", "price.set", "OpenAI, all models", "0.85 times the list"),
        ("Ada", "price.cleared", "OpenAI, all models", "0.85 times the list"),
    ]


@pytest.fixture
def talk(any_db: Database) -> Iterator[TalkWorld]:
    with talk_world(any_db) as made:
        yield made


def test_a_key_is_recorded_at_its_first_use_of_a_day_and_not_again(talk: TalkWorld) -> None:
    ada = replace(talk.ada, address="198.51.100.7")
    talk.ask(actor=ada)
    talk.ask(actor=talk.max)
    (used,) = recorded(talk.db, talk.author.company_id, "actor_name", "action", "subject", "address", "detail")
    assert used[:4] == ("acme", "key.used", "fake", "198.51.100.7")
    assert used[4].startswith("Fake AI, for the first time on 20")
    with talk.db.write() as session:  # a day later
        key = session.get_one(ApiKey, KEY_ID)
        assert key.last_used_at is not None
        key.last_used_at -= timedelta(days=1)
        session.add(key)
    talk.ask(actor=talk.max)
    assert [row[0] for row in recorded(talk.db, talk.author.company_id)] == ["acme", "max"]


def test_a_switch_to_pro_and_a_reset_of_the_demo_are_recorded(any_db: Database, tmp_path: Path) -> None:
    world = DoorWorld(any_db, home=tmp_path)
    world.demo.seed()
    bea = next(one for one in world.accounts.people("corner-shop") if one.username == "bea")
    company = world.accounts.company("corner-shop")
    world.demo.switch_to_pro(Actor(company.id, bea.id))
    assert ("Bea", "plan.changed", "Corner Shop", "from Basic to Pro") in recorded(any_db, company.id)
    world.demo.reset()
    assert ("demo.reset",) in recorded(any_db, OPERATOR, "action")
    assert all(not one.faults for one in AuditCheck(db=any_db, vault=world.vault).verify())
    fresh = world.accounts.company("corner-shop").id
    assert fresh != company.id
    assert recorded(any_db, fresh) == []


def test_no_row_holds_a_key_a_text_or_a_password(world: KeyWorld) -> None:
    canary = Canary()
    world.openai_lists("gpt-5.4-mini")
    draft_id, _ = world.test_pasted(canary.key)
    key = world.keys.save_draft(world.ada, draft_id, label="Canary")
    world.keys.test(world.ada, key.id)
    fields = ChatbotFields(name="Bot", system_prompt=canary.key, model=ModelName("byok", "openai", "gpt-5.4-mini"))
    world.chatbots.create(world.ada, fields)
    world.keys.delete(world.ada, key.id)
    rows = recorded(world.db, world.northwind, *EVENTS.c.keys())
    assert len(rows) == 4
    assert not canary.sings_in(repr(rows))
    assert not canary.sings_in(audit_of(world).csv(world.ada))
    world.settle()


def test_entries_are_read_newest_first_a_page_at_a_time(any_world: KeyWorld) -> None:
    audit = audit_of(any_world)
    record(any_world, *(f"key.made{number}" for number in range(5)))
    first = audit.list(any_world.ada, limit=2)
    assert ([one.seq for one in first.rows], first.more) == ([5, 4], True)
    rest = audit.list(any_world.ada, before=4, limit=3)
    assert ([one.seq for one in rest.rows], rest.more) == ([3, 2, 1], False)


def test_entries_are_filtered_by_day_person_and_action(any_world: KeyWorld) -> None:
    world, audit = any_world, audit_of(any_world)
    record(world, "key.added", "key.deleted", actor=world.ada, name="Ada")  # the 23rd and 24th
    record(world, "plan.changed", "key.added")
    record(world, "session.failed", name="")

    def found(**wanted: Any) -> list[int]:
        return [one.seq for one in audit.list(world.ada, Wanted(**wanted)).rows]

    assert found() == [5, 4, 3, 2, 1]
    assert found(first=date(2026, 11, 24), last=date(2026, 11, 25)) == [3, 2]
    assert found(first=date(2026, 11, 26)) == [5, 4]
    assert found(last=date.max) == [5, 4, 3, 2, 1]
    assert found(who=world.ada.person_id) == [2, 1]
    assert found(who="operator") == [4, 3]
    assert found(who="nobody") == [5]
    assert found(action="key.added", who="operator") == [4]
    choices = audit.choices(world.ada)
    assert [(one.name, one.username) for one in choices.people] == [("Ada", "ada"), ("Max", "max")]
    assert choices.actions[0] == ("key.added", "Key added")
    assert ("session.failed", "Sign-in failed") in choices.actions


def test_another_companys_entries_and_a_members_questions_are_refused(world: KeyWorld) -> None:
    audit = audit_of(world)
    record(world, "key.added")
    assert audit.list(world.eve).rows == ()
    assert audit.verify(world.eve).entries == 0
    for ask in (audit.list, audit.csv, audit.choices, audit.count, audit.verify):
        with pytest.raises(NotAllowedError):
            ask(world.max)


def test_an_entry_that_cannot_be_read_is_named_as_one_that_was_changed(world: KeyWorld) -> None:
    audit = audit_of(world)
    record(world, "key.added")
    for raw in ("x'ff00'", "CAST(x'ff' AS TEXT)"):
        with world.db.write_core() as connection:
            connection.exec_driver_sql(f"UPDATE audit_event SET action = {raw}")  # noqa: S608
        for ask in (audit.list, audit.csv, audit.choices):
            with pytest.raises(RecordSpoiltError, match="byok audit verify"):
                ask(world.ada)
    assert audit.verify(world.ada).faults == ("Entry 1 was changed: it cannot be read.",)


def test_a_companys_check_reads_the_operators_record_anew_when_it_has_grown_and_after_a_while(
    any_world: KeyWorld,
) -> None:
    world, audit = any_world, audit_of(any_world)

    def spoil(detail: str) -> None:
        with world.db.write_core() as connection:
            first = (EVENTS.c.chain_id == OPERATOR, EVENTS.c.seq == 1)
            connection.execute(sa.update(EVENTS).where(*first).values(detail=detail))

    record(world, "key.added")
    assert audit.verify(world.ada).whole
    spoil("other")  # the head says nothing of it
    assert audit.verify(world.ada).whole
    with world.db.write_core() as connection:
        world.chains.add(connection, Happening("demo.reset"), at=world.clock())
    assert not audit.verify(world.ada).operator_whole
    spoil("")
    assert not audit.verify(world.ada).operator_whole
    world.clock.pass_(GOOD_FOR)
    assert audit.verify(world.ada).whole
    assert audit.verify(world.eve).whole


def test_what_one_check_adds_to_the_operators_faults_is_not_told_to_the_next(any_world: KeyWorld) -> None:
    world, audit = any_world, audit_of(any_world)
    record(world, "key.added")
    with world.db.write_core() as connection:
        connection.execute(sa.delete(EVENTS).where(EVENTS.c.chain_id == OPERATOR))
        connection.execute(sa.delete(HEADS).where(HEADS.c.chain_id == OPERATOR))
    assert not audit.verify(world.ada).operator_whole
    assert audit.verify(world.eve).operator_whole  # whose record has not begun


def test_a_formula_in_a_label_is_none_in_the_csv(world: KeyWorld) -> None:
    what = Happening("key.renamed", world.northwind, actor_name="=cmd()", subject="+1", detail="@SUM(A1)")
    with world.db.write_core() as connection:
        world.chains.add(connection, what, at=datetime(2026, 11, 23, 12, tzinfo=UTC))
    head, line = audit_of(world).csv(world.ada).decode("utf-8-sig").splitlines()
    assert head.startswith("Entry,Time (UTC),Who,What")
    assert line.startswith("1,2026-11-23 12:00:00,'=cmd(),Key renamed,key.renamed,'+1,,'@SUM(A1)")


def test_a_noted_head_is_taken_as_it_is_printed_or_from_a_file(world: KeyWorld, tmp_path: Path) -> None:
    check = AuditCheck(db=world.db, vault=world.vault)
    record(world, "key.added", "key.deleted")
    operator, mine = check.heads().heads
    assert (operator.name, mine.name, mine.seq) == ("operator", "northwind", 2)
    file = tmp_path / "heads.json"
    file.write_text(
        json.dumps([{"chain": str(one.chain_id), "seq": one.seq, "mac": one.mac} for one in (operator, mine)])
    )
    for expected in (str(mine), str(file)):
        assert [one.faults for one in check.verify(expected=[expected])] == [(), ()]
    other = f"northwind:2:{'0' * 32}"
    (_, found) = check.verify(world.northwind, expected=[other])
    assert found.faults == ("Entry 2 is not the one that was noted: an older record was put back.",)
    for wrong in ("northwind:0:" + "0" * 32, "northwind:1:00", "x:1:" + "0" * 32, "northwind:1:zz", str(tmp_path)):
        with pytest.raises(InvalidInputError):
            check.verify(expected=[wrong])


def test_a_check_beside_writers_finds_nothing_wrong(any_world: KeyWorld) -> None:
    world, started = any_world, threading.Event()

    def write() -> None:
        for number in range(60):
            with world.db.write_core() as connection:
                chain_id = (world.northwind, world.rival, OPERATOR)[number % 3]
                world.chains.add(connection, Happening("key.tested", chain_id), at=world.clock())
            started.set()

    check = AuditCheck(db=world.db, vault=world.vault)
    found, checks = [], 0
    with ThreadPoolExecutor(2) as pool:
        writers = [pool.submit(write) for _ in range(2)]
        assert started.wait(10)
        while checks < 3 or not all(one.done() for one in writers):
            found += [fault for one in check.verify() for fault in one.faults]
            checks += 1
    assert [one.result() for one in writers] == [None, None]
    assert found == []
    assert sum(one.entries for one in check.verify()) == 120 + 2  # and two beginnings
