"""Where a plan ends: used up, downgraded, upgraded. The whole workbench, before a provider of the test's own."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

import pytest
import sqlalchemy as sa
from pydantic import SecretStr

from byok.core.allowances import budgets_of
from byok.core.model_names import ModelName
from byok.core.plans import Plan, Plans
from byok.ground.clock import utc_now
from byok.ground.db import Database
from byok.ground.errors import PlanUsedUpError, ProPlanNeededError
from byok.ground.ids import new_id
from byok.ground.settings import Settings
from byok.ground.tables.types import metadata
from byok.process import Workbench
from byok.services.access import Actor
from byok.services.accounts import Accounts
from byok.services.chatbots import ChatbotFields
from byok.services.columns import ColumnSetup
from byok.services.conversation_views import AnswerView, Asked
from byok.services.messages import Ask, Message
from tests.fake_provider import FakeProvider, fake_provider
from tests.run_world import PLAN, rows, until
from tests.services.key_world import fresh_key
from tests.services.talk_world import TalkWorld, echo, held_where, talk_world

STANDARD = ModelName("plan", "openai", "gpt-5.4-mini")
OWN = ModelName("byok", "openai", "own-large")
ALLOWANCE = 2


class Small(Workbench):
    """The workbench with plans of a few messages, and passwords that are quickly hashed."""

    @cached_property
    def plans(self) -> Plans:
        standard = {"checked": date(2026, 11, 23), "messages": ALLOWANCE, "models": ("openai/gpt-5.4-mini",)}
        return Plans(
            {
                "pro": Plan(id="pro", name="Pro", byok=True, **standard),
                "basic": Plan(id="basic", name="Basic", byok=False, **standard),
            }
        )

    @cached_property
    def accounts(self) -> Accounts:
        return Accounts(db=self.db, plans=self.plans, vault=self.vault, clock=self.clock, cost=4)


@dataclass
class Acme:
    """A company on Pro with a saved key; `ada` administers it, `max` is a member."""

    bench: Small
    fake: FakeProvider
    ada: Actor
    max: Actor
    key_id: UUID

    def plan(self, plan: str) -> None:
        self.bench.accounts.set_plan("acme", plan)

    def send(self, text: str, *models: ModelName, actor: Actor | None = None, **more: Any) -> Asked:
        columns = [ColumnSetup(model) for model in models]
        return self.bench.conversations.send(actor or self.ada, Message([Ask(text)], columns, **more))

    def ask(self, text: str, model: ModelName, **more: Any) -> AnswerView:
        asked = self.bench.conversations.ask(self.ada, text=text, model=model, **more)
        return self.ended(asked)[0]

    def ended(self, asked: Asked) -> list[AnswerView]:
        for live in map(self.bench.runner.live, asked.answer_ids):
            assert live is None or live.wait_end(timeout=10)
        return self.bench.conversations.answers(self.ada, asked.answer_ids)

    def use_up(self) -> None:
        for _ in range(ALLOWANCE):
            assert self.ask("Hi", STANDARD).state == "complete"

    def choices(self, actor: Actor | None = None) -> dict[str, str]:
        """The models of the picker, each with its state."""
        return {str(one.name): one.state for one in self.bench.models.menu(actor or self.ada).choices}

    def problems(self, *models: ModelName, actor: Actor | None = None) -> list[tuple[bool, str]]:
        outlook = self.bench.forecasts.look(actor or self.ada, [ColumnSetup(model) for model in models])
        return [(one.runs, one.problem) for one in outlook.columns]

    @property
    def texts(self) -> list[str]:
        return [body["messages"][-1]["content"] for body in self.fake.requests]

    def table(self, name: str) -> list[tuple[Any, ...]]:
        made = metadata.tables[name]
        with self.bench.db.read() as session:
            query = sa.select(made).order_by(*made.primary_key.columns)
            return [tuple(row) for row in session.connection().execute(query)]


@pytest.fixture
def acme(migrated_file: Path, tmp_path: Path) -> Iterator[Acme]:
    home = tmp_path / "home"
    home.mkdir()
    shutil.copyfile(migrated_file, home / "byok.sqlite3")
    with fake_provider() as fake:
        fake.script, fake.models = echo, ["own-large", "own-small"]
        file = tmp_path / "more.toml"
        at = f'base_url = "{fake.base_url}"\nprivate_network = true\nat_once = 1'
        file.write_text(f"[openai]\n{at}\n", "utf-8")
        platform = {"openai": SecretStr(fresh_key())}
        bench = Small.open(Settings(home=home, demo=False, providers=file, platform_keys=platform))
        try:
            company = bench.accounts.add_company(slug="acme", name="Acme", plan="pro")
            ada = Actor(company.id, add_person(bench, "ada", "admin"))
            max_ = Actor(company.id, add_person(bench, "max", "member"))
            draft = bench.keys.draft(ada, provider_id="openai", pasted=SecretStr(fresh_key()))
            assert bench.keys.test_draft(ada, draft.id).verdict == "accepted"
            key = bench.keys.save_draft(ada, draft.id, label="Product team")
            yield Acme(bench, fake, ada, max_, key.id)
        finally:
            bench.close()


def add_person(bench: Small, name: str, role: Literal["admin", "member"]) -> UUID:
    password = SecretStr("-".join(("walk", "right", "in")))
    return bench.accounts.add_person(company="acme", username=name, name=name, role=role, password=password).id


def test_when_the_plan_is_used_up_own_keys_go_on_untouched(acme: Acme) -> None:
    acme.use_up()
    with pytest.raises(PlanUsedUpError, match="Choose a model of your own key"):
        acme.ask("One more", STANDARD)
    got = acme.ask("On my key", OWN)
    assert (got.state, got.text, got.instead_of) == ("complete", "own-large: On my key", None)
    standard, own = acme.ended(acme.send("Both", STANDARD, OWN))
    assert (standard.error or "").startswith("Not sent. This month's 2 plan messages are used up.")
    assert own.text == "own-large: Both"
    assert acme.bench.usage.allowance(acme.ada) == (ALLOWANCE, ALLOWANCE)
    assert "One more" not in acme.texts


def test_pickers_and_forecasts_say_that_the_plan_is_used_up_and_point_at_own_keys(acme: Acme) -> None:
    acme.use_up()
    for actor in (acme.ada, acme.max):
        assert acme.choices(actor) == {str(STANDARD): "used up", str(OWN): "ok", "byok:openai/own-small": "ok"}
        (note,) = acme.bench.models.menu(actor).notes
        assert note.startswith(
            "Standard models: this month's plan messages are used up. Choose a model of your own key"
        )
        assert acme.problems(STANDARD, OWN, actor=actor) == [
            (
                False,
                "This month's 2 plan messages are used up. Choose a model of your own key, or wait for the next month "
                "(UTC).",
            ),
            (True, ""),
        ]


def test_a_plan_without_own_keys_that_is_used_up_says_what_pro_brings_or_whom_to_ask(acme: Acme) -> None:
    acme.plan("basic")
    acme.use_up()
    for actor, words in ((acme.ada, "see in API Keys what Pro brings"), (acme.max, "ask an admin about the Pro plan")):
        assert acme.choices(actor) == {str(STANDARD): "used up"}
        assert words in acme.bench.models.menu(actor).notes[0]
        ((runs, problem),) = acme.problems(STANDARD, actor=actor)
        assert not runs
        assert words in problem


def test_a_downgrade_between_two_messages_stops_own_keys_at_once(acme: Acme) -> None:
    asked = acme.send("One", OWN)
    acme.ended(asked)
    acme.plan("basic")
    kept = {name: acme.table(name) for name in ("turn", "answer", "attempt")}
    refusal = "Own keys are not part of the Basic plan. Upgrade to Pro to use your own keys."
    for again in (
        lambda: acme.ask("Two", OWN),
        lambda: acme.ask("Two", OWN, conversation_id=asked.conversation_id),
        lambda: acme.bench.conversations.again(acme.ada, asked.answer_ids[0]),
        lambda: acme.bench.conversations.ask_once(acme.ada, text="Two", model=OWN),
    ):
        with pytest.raises(ProPlanNeededError) as refused:
            again()
        assert str(refused.value) == refusal
    assert acme.texts == ["One"]
    assert {name: acme.table(name) for name in kept} == kept
    assert acme.choices() == {str(STANDARD): "ok"}
    assert acme.bench.models.menu(acme.max).notes == [
        "Models of your own keys: own keys are not part of the Basic plan. Yours are kept, sealed, and come back with "
        "Pro."
    ]
    assert acme.problems(OWN, STANDARD) == [(False, refusal), (True, "")]
    assert acme.ask("On the plan", STANDARD).state == "complete"


def test_a_question_that_waits_in_line_is_not_sent_after_a_downgrade(acme: Acme) -> None:
    gate = threading.Event()
    acme.fake.script = held_where("own-large", gate, text="first")
    first = acme.send("first", OWN)
    until(lambda: acme.fake.requests)
    waiting, behind = acme.send("second", OWN), acme.send("third", STANDARD)
    acme.plan("basic")
    gate.set()
    (got,) = acme.ended(first)
    assert got.text == "Once upon a time"  # it was sent, and is paid for
    (got,) = acme.ended(waiting)
    assert (got.state, got.error) == (
        "failed",
        "Not sent. Own keys are not part of the Basic plan. Upgrade to Pro to use your own keys.",
    )
    (got,) = acme.ended(behind)
    assert got.text == "gpt-5.4-mini: third"
    assert acme.texts == ["first", "third"]
    assert sorted(row["status"] for row in rows(acme.bench.db, "attempt")) == ["complete", "complete", "stopped"]


def test_an_upgrade_brings_keys_models_chatbots_and_budgets_back_as_they_were(acme: Acme) -> None:
    bench = acme.bench
    bot = bench.chatbots.create(acme.ada, ChatbotFields(name="Support", model=OWN, fallback=STANDARD))
    spare = bench.chatbots.create(acme.ada, ChatbotFields(name="Spare", model=STANDARD, fallback=OWN))
    row = {"id": new_id(), "company_id": acme.ada.company_id, "provider_id": "openai", "limit_pico": 5 * 10**13}
    with bench.db.write_core() as connection:
        budgets = metadata.tables["budget"]
        connection.execute(sa.insert(budgets).values(**row, unpriced_calls=7, updated_at=utc_now()))
    kept = ("api_key", "model_menu", "budget", "chatbot")
    before = {name: acme.table(name) for name in kept}
    menu, keys = bench.models.menu(acme.ada), bench.keys.list(acme.ada)

    acme.plan("basic")
    assert {name: acme.table(name) for name in kept} == before  # every column, so every sealed byte
    gone, half = bench.chatbots.get(acme.max, bot.id), bench.chatbots.get(acme.max, spare.id)
    why = "Own keys are not part of the Basic plan."
    assert (gone.model, gone.model_state, gone.model_reason) == (OWN, "gone", why)
    assert (half.model_state, half.fallback, half.fallback_reason) == ("ok", OWN, why)
    assert bench.models.menu(acme.ada) != menu

    acme.plan("pro")
    assert {name: acme.table(name) for name in kept} == before
    assert bench.models.menu(acme.ada) == menu
    assert bench.keys.list(acme.ada) == keys
    assert [bench.chatbots.get(acme.ada, one.id) for one in (bot, spare)] == [bot, spare]
    with bench.db.read() as session:
        (budget,) = budgets_of(session.connection(), company_id=acme.ada.company_id)
    assert (budget.provider_id, budget.limit_pico, budget.unpriced_calls) == ("openai", 5 * 10**13, 7)
    got = acme.ask("Back again", OWN, chatbot_id=bot.id)
    assert (got.state, got.text) == ("complete", "own-large: Back again")
    assert got.receipt is not None
    assert got.receipt.key_id == acme.key_id


def test_after_a_downgrade_a_fallback_on_an_own_key_opens_none(acme: Acme) -> None:
    bot = acme.bench.chatbots.create(acme.ada, ChatbotFields(name="Support", model=STANDARD, fallback=OWN))
    acme.use_up()
    assert acme.ask("One", STANDARD, chatbot_id=bot.id).instead_of == str(STANDARD)
    acme.plan("basic")
    with pytest.raises(
        PlanUsedUpError, match=r"cannot be asked either: Own keys are not part of the Basic plan\. Wait"
    ):
        acme.ask("Two", STANDARD, chatbot_id=bot.id)
    assert "Two" not in acme.texts


@pytest.fixture
def any_talk(any_db: Database) -> Iterator[TalkWorld]:
    with talk_world(any_db) as made:
        made.fake.script = echo
        yield made


def at_once(one: TalkWorld, count: int, *, chatbot_id: UUID | None = None) -> list[Asked]:
    """So many sends of as many threads, which all begin together; those that were let through."""
    begin, through = threading.Barrier(count), []

    def send(number: int) -> None:
        message = Message([Ask(f"Question {number}")], [ColumnSetup(PLAN)], chatbot_id=chatbot_id)
        begin.wait(timeout=30)
        with suppress(PlanUsedUpError):
            through.append(one.talk.send(one.ada, message))

    with ThreadPoolExecutor(count) as pool:
        list(pool.map(send, range(count)))
    return through


@pytest.mark.slow
def test_of_200_sends_at_once_exactly_the_10_go_through_that_are_left(any_talk: TalkWorld) -> None:
    through = at_once(any_talk, 200)
    answers = any_talk.ended(*through)
    assert [view.state for view in answers] == ["complete"] * 10
    assert len(any_talk.fake.requests) == 10
    assert [(row["source"], row["answered"]) for row in rows(any_talk.db, "attempt")] == [("plan", True)] * 10
    assert len(rows(any_talk.db, "conversation")) == len(rows(any_talk.db, "answer")) == 10
    assert any_talk.usage().allowance(any_talk.ada) == (10, 10)


@pytest.mark.slow
def test_of_200_sends_at_once_those_beyond_the_plan_are_the_fallbacks(any_talk: TalkWorld) -> None:
    bot = any_talk.add_chatbot(model=str(PLAN), fallback_model="byok:fake/own-1")
    answers = any_talk.ended(*at_once(any_talk, 200, chatbot_id=bot))
    assert {view.state for view in answers} == {"complete"}
    paid = [(row["source"], row["model_asked"], row["instead_of"]) for row in rows(any_talk.db, "attempt")]
    assert paid.count(("plan", "fake-1", None)) == 10
    assert paid.count(("byok", "own-1", str(PLAN))) == 190
    assert any_talk.usage().allowance(any_talk.ada) == (10, 10)
