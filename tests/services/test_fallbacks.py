"""Another model answers only where a chatbot's settings say so, for two reasons, and whoever reads it sees it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from byok.core.model_names import ModelName
from byok.ground.db import Database
from byok.ground.errors import BudgetReachedError, ModelGoneError, PlanUsedUpError, ProPlanNeededError
from byok.ground.ids import new_id
from byok.ground.tables.types import metadata
from byok.services.access import Grant, Reads
from byok.services.columns import ColumnSetup
from byok.services.conversation_views import AnswerView
from byok.services.fallbacks import told
from byok.services.messages import Ask, Message
from byok.services.routes import Route
from byok.services.run_export import markdown, numbers_csv, run_file
from tests.fake_provider import refuse
from tests.run_world import BYOK, PLAN, rows, until
from tests.services.answers import AT
from tests.services.talk_world import KEY_ID, StubRoutes, TalkWorld, echo, held_where, talk_world

OWN = ModelName("byok", "fake", "own-1")
GONE = ModelName("byok", "fake", "gone")


class SpentRoutes(StubRoutes):
    """As if a budget were reached for that model: whoever refuses a call on an own key says so with this error."""

    def __init__(self, spent: ModelName, *, fakes: dict[str, Any]) -> None:
        self.fakes, self.spent = fakes, spent

    def find(self, session: Reads, grant: Grant, name: ModelName, *, key_id: UUID | None = None) -> Route:
        if name == self.spent:
            raise BudgetReachedError("The budget is reached.")
        return super().find(session, grant, name, key_id=key_id)


@pytest.fixture
def one(db: Database) -> Iterator[TalkWorld]:
    with talk_world(db) as made:
        made.fake.script = echo
        yield made


@pytest.fixture
def any_one(any_db: Database) -> Iterator[TalkWorld]:
    with talk_world(any_db) as made:
        made.fake.script = echo
        yield made


def use_up(one: TalkWorld, *, left: int = 0) -> None:
    process_id = one.process.runner.enlist()
    for _ in range(10 - left):
        one.author.reserve(process_id, name=PLAN)


def bot_of(one: TalkWorld, fallback: ModelName | None = OWN, *, model: ModelName = PLAN, **more: Any) -> UUID:
    return one.add_chatbot(model=str(model), fallback_model=str(fallback) if fallback else None, **more)


def asked_for(one: TalkWorld, answer_ids: tuple[UUID, ...]) -> list[tuple[str, str, str | None, UUID | None]]:
    """(source, model, instead of, key) of the ledger's row of each answer."""
    found = {row["answer_id"]: row for row in rows(one.db, "attempt")}
    picked = [found[answer_id] for answer_id in answer_ids]
    return [(row["source"], row["model_asked"], row["instead_of"], row["key_id"]) for row in picked]


def refused(got: AnswerView) -> str:
    assert (got.state, got.receipt, got.instead_of) == ("failed", None, None)
    return got.error or ""


def test_when_the_plan_is_used_up_the_model_that_the_settings_name_answers_and_all_say_so(any_one: TalkWorld) -> None:
    use_up(any_one)
    bot = bot_of(any_one)
    asked, got = any_one.ask(model=PLAN, chatbot_id=bot)
    assert (got.state, got.text, got.model, got.instead_of) == ("complete", "own-1: Hi", str(OWN), str(PLAN))
    assert got.receipt is not None
    assert (got.receipt.source, got.receipt.model, got.receipt.key_hint) == ("byok", "own-1", "4f2a")
    assert asked_for(any_one, asked.answer_ids) == [("byok", "own-1", "plan:fake/fake-1", KEY_ID)]
    assert any_one.fake.keys == [str(KEY_ID)]
    (row,) = any_one.usage().month(any_one.ada).rows
    assert (row.byok.requests, row.plan.answered, any_one.usage().allowance(any_one.ada)) == (1, 0, (10, 10))


def test_while_messages_are_left_the_chatbots_own_model_answers(one: TalkWorld) -> None:
    use_up(one, left=1)
    bot = bot_of(one)
    first, got = one.ask(model=PLAN, chatbot_id=bot)
    assert (got.model, got.instead_of) == (str(PLAN), None)
    second, got = one.ask(model=PLAN, conversation_id=first.conversation_id)
    assert (got.model, got.instead_of) == (str(OWN), str(PLAN))
    assert asked_for(one, (*first.answer_ids, *second.answer_ids)) == [
        ("plan", "fake-1", None, None),
        ("byok", "own-1", "plan:fake/fake-1", KEY_ID),
    ]


def test_the_conversation_stays_with_its_model_and_running_again_asks_that_one_first(one: TalkWorld) -> None:
    use_up(one)
    asked, _ = one.ask(model=PLAN, chatbot_id=bot_of(one))
    (column,) = one.talk.thread(one.ada, asked.conversation_id).columns
    assert column.model == PLAN
    with one.db.write_core() as connection:  # messages are there again
        attempts = metadata.tables["attempt"]
        connection.execute(sa.delete(attempts).where(attempts.c.source == "plan"))
    (again,) = one.ended(one.talk.again(one.ada, asked.answer_ids[0]))
    assert (again.version, again.model, again.instead_of) == (2, str(PLAN), None)
    use_up(one, left=1)  # the one that was just used
    (again,) = one.ended(one.talk.again(one.ada, asked.answer_ids[0]))
    assert (again.version, again.model, again.instead_of) == (3, str(OWN), str(PLAN))


def test_a_budget_that_is_reached_leads_to_the_plan_where_the_settings_say_so(one: TalkWorld) -> None:
    one.routes = SpentRoutes(BYOK, fakes=one.routes.fakes)
    one.talk = one.talk_of(one.process)
    asked, got = one.ask(model=BYOK, chatbot_id=bot_of(one, PLAN, model=BYOK))
    assert (got.model, got.instead_of) == (str(PLAN), str(BYOK))
    assert asked_for(one, asked.answer_ids) == [("plan", "fake-1", "byok:fake/fake-1", None)]
    assert one.usage().allowance(one.ada) == (10, 1)
    with pytest.raises(BudgetReachedError, match=r"^The budget is reached\."):
        one.ask(model=BYOK, chatbot_id=bot_of(one, None, model=BYOK))


def test_a_key_that_the_settings_pin_pays(one: TalkWorld) -> None:
    with one.db.write_core() as connection:
        connection.execute(sa.update(metadata.tables["api_key"]).values(is_default=False))
    spare = one.author.add_key()
    use_up(one)
    asked, got = one.ask(model=PLAN, chatbot_id=bot_of(one, fallback_key_id=KEY_ID))
    assert got.key_id == KEY_ID != spare
    assert [row[3] for row in asked_for(one, asked.answer_ids)] == [KEY_ID]


def test_without_a_chatbot_or_a_fallback_or_with_another_model_it_says_so_and_stops(one: TalkWorld) -> None:
    use_up(one)
    bots = (None, bot_of(one, None), bot_of(one, model=ModelName("plan", "fake", "another")))
    for bot in bots:
        with pytest.raises(
            PlanUsedUpError, match=r"^This month's 10 plan messages are used up\. Choose a model of you"
        ):
            one.ask(model=PLAN, chatbot_id=bot)
    assert one.fake.requests == []
    assert {row["source"] for row in rows(one.db, "attempt")} == {"plan"}


def test_a_chatbot_of_another_company_settles_nothing(one: TalkWorld) -> None:
    bot = bot_of(one)
    asked, _ = one.ask(model=BYOK, chatbot_id=bot)
    with one.db.write_core() as connection:
        other = metadata.tables["company"]
        fields = {"id": new_id(), "slug": "o", "name": "O", "plan": "pro", "sample": False, "created_at": AT}
        connection.execute(sa.insert(other).values(**fields, fingerprint_key=b""))
        connection.execute(sa.update(metadata.tables["chatbot"]).values(company_id=fields["id"]))
    use_up(one)
    with pytest.raises(PlanUsedUpError):
        one.ask(model=PLAN, conversation_id=asked.conversation_id)


@pytest.mark.parametrize("status", [401, 402, 429, 500])
def test_an_error_of_the_provider_leads_to_no_other_model(one: TalkWorld, status: int) -> None:
    one.fake.script = refuse(status)
    _, got = one.ask(model=PLAN, chatbot_id=bot_of(one))
    assert (got.state, got.model, got.instead_of) == ("failed", str(PLAN), None)
    assert {body["model"] for body in one.fake.requests} == {"fake-1"}


def test_a_key_that_is_gone_leads_to_no_other_model(one: TalkWorld) -> None:
    bot = bot_of(one, PLAN, model=BYOK)
    with one.db.write_core() as connection:
        connection.execute(sa.delete(metadata.tables["api_key"]))
    with pytest.raises(ModelGoneError):
        one.ask(model=BYOK, chatbot_id=bot)
    assert rows(one.db, "attempt") == []


def test_a_plan_without_own_keys_leads_to_no_other_model(db: Database) -> None:
    with talk_world(db, plan="basic") as one:
        with pytest.raises(ProPlanNeededError):
            one.ask(model=BYOK, chatbot_id=bot_of(one, PLAN, model=BYOK))
        assert rows(db, "attempt") == []


def test_where_the_fallback_cannot_be_asked_either_the_first_reason_stands_and_the_second_is_named(
    one: TalkWorld,
) -> None:
    use_up(one)
    with pytest.raises(PlanUsedUpError) as both:
        one.ask(model=PLAN, chatbot_id=bot_of(one, GONE))
    assert str(both.value) == (
        "This month's 10 plan messages are used up. gone, which this chatbot's settings name instead, cannot be asked "
        "either: It is gone. Choose a model of your own key, or wait for the next month (UTC)."
    )
    assert len(rows(one.db, "attempt")) == 10


def test_a_fallback_on_the_plan_is_bound_by_the_plan_and_leads_to_no_third(one: TalkWorld) -> None:
    one.routes = SpentRoutes(BYOK, fakes=one.routes.fakes)
    one.talk = one.talk_of(one.process)
    bot_of(one, OWN, model=PLAN)
    use_up(one)
    with pytest.raises(
        BudgetReachedError, match=r"reached\. fake-1, .* either: This month's 10 plan messages are used"
    ):
        one.ask(model=BYOK, chatbot_id=bot_of(one, PLAN, model=BYOK))


def test_of_several_columns_only_the_one_on_the_chatbots_model_is_answered_by_another(one: TalkWorld) -> None:
    use_up(one)
    setups = [ColumnSetup(PLAN), ColumnSetup(ModelName("plan", "fake", "fake-2")), ColumnSetup(BYOK)]
    first, second, third = one.ended(one.talk.send(one.ada, Message([Ask("Hi")], setups, chatbot_id=bot_of(one))))
    assert (first.text, first.instead_of) == ("own-1: Hi", str(PLAN))
    assert refused(second).startswith("Not sent. This month's 10 plan messages are used up.")
    assert (third.text, third.instead_of) == ("fake-1: Hi", None)


def test_in_a_race_the_plans_last_messages_are_used_first(one: TalkWorld) -> None:
    use_up(one, left=2)
    sent = Message([Ask("Hi", repeats=4)], [ColumnSetup(PLAN)], chatbot_id=bot_of(one))
    got = one.ended(one.talk.send(one.ada, sent))
    assert [(view.model, view.instead_of) for view in got] == [(str(PLAN), None)] * 2 + [(str(OWN), str(PLAN))] * 2


def test_an_answer_that_waits_for_its_turn_is_still_the_fallbacks_when_it_comes(one: TalkWorld) -> None:
    bot, gate = bot_of(one), threading.Event()
    one.fake.script = held_where("fake-1", gate)
    use_up(one, left=1)
    setup = ColumnSetup(PLAN)
    sent = Message([Ask("One"), Ask("Two")], [setup], chatbot_id=bot)
    asked = one.talk.send(one.ada, sent)
    until(lambda: one.fake.requests)
    gate.set()
    first, second = one.ended(asked)
    assert (first.model, second.model, second.text) == (str(PLAN), str(OWN), "own-1: Two")
    told_it = [message["content"] for message in one.fake.requests[-1]["messages"]]
    assert told_it == ["One", "Once upon a time", "Two"]  # it goes on with what the other model said


def test_the_exports_keep_which_model_was_asked_for(one: TalkWorld) -> None:
    use_up(one)
    asked, _ = one.ask(model=PLAN, chatbot_id=bot_of(one))
    run = run_file(one.talk.thread(one.ada, asked.conversation_id), at=AT)
    (kept,) = run.turns[0].answers
    assert (kept.model, kept.instead_of, kept.paid_by) == (str(OWN), str(PLAN), "own key")
    assert type(run).read(run.dump()) == run
    said = markdown(run).decode().replace("\\", "")
    assert "Answered by byok:fake/own-1 instead of plan:fake/fake-1: the plan was used up." in said
    head, line = numbers_csv(run).decode("utf-8-sig").splitlines()
    assert (head.rpartition(",")[2], line.rpartition(",")[2]) == ("Instead of", "plan:fake/fake-1")


def test_the_words_say_which_model_why_and_whether_it_answered() -> None:
    assert told(str(OWN), asked=str(PLAN), done=True, names=lambda name: name.rpartition("/")[2]) == (
        "Answered by own-1 instead of fake-1: the plan was used up."
    )
    assert told(str(PLAN), asked=str(BYOK), done=False) == (
        "Asked plan:fake/fake-1 instead of byok:fake/fake-1: a budget was reached."
    )
