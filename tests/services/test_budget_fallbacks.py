"""A budget that is reached, where a chatbot's settings name who answers then: what is told before is what happens."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from byok.core.model_names import ModelName
from byok.core.parameters import Parameters
from byok.ground.db import Database
from byok.ground.errors import BudgetReachedError, PlanUsedUpError
from byok.services.awaited import BYTES
from byok.services.bounds import FRAME, OPENING, most_tokens
from byok.services.columns import ColumnSetup
from byok.services.forecasts import Forecasts
from byok.services.messages import Ask, Message
from tests.fake_provider import held
from tests.run_world import BYOK, PLAN, rows, text_arrived
from tests.services.budget_world import allow, both_ways, forecasts, says, unpriced
from tests.services.talk_world import TalkWorld, column, echo, talk_world

MONTH = f"{datetime.now(UTC):%B}"
SHORT = Parameters(max_tokens=100)
ONE = 100_000
"""What a call of `SHORT` holds, in pico-dollars."""
OWN = ModelName("byok", "fake", "own-1")


@pytest.fixture
def any_one(any_db: Database) -> Iterator[TalkWorld]:
    with talk_world(any_db) as made:
        made.fake.script = echo
        yield made


@pytest.mark.parametrize("fits", [0, 1, 2, 4])
def test_what_a_budget_does_not_allow_draws_down_the_plan_where_the_settings_say_so(
    any_one: TalkWorld, fits: int
) -> None:
    allow(any_one, fits * ONE + 1000)
    bot = any_one.add_chatbot(model=str(BYOK), fallback_model=str(PLAN))
    setup, asks = ColumnSetup(BYOK, parameters=SHORT), [Ask("Hi", repeats=4)]
    service: Forecasts = forecasts(any_one)
    outlook = service.look(any_one.ada, [setup], chatbot_id=bot, asks=asks)
    (told,) = outlook.columns
    got = any_one.ended(any_one.talk.send(any_one.ada, Message(asks, [setup], chatbot_id=bot)))
    assert {view.state for view in got} == {"complete"}
    assert [view.instead_of for view in got] == [None] * fits + [str(BYOK)] * (4 - fits)
    assert (told.runs, outlook.messages) == (True, 4 - fits)
    assert any_one.usage().allowance(any_one.ada) == (10, 4 - fits)
    if fits == 0:
        assert told.problem.startswith(f"The Fake AI budget for {MONTH} has ")
        assert told.problem.endswith("So fake-1 answers instead, on the plan.")
    elif fits < 4:
        assert told.problem == f"{fits} of 4 fit into the budget: fake-1 answers the others instead, on the plan."
    else:
        assert (told.problem, told.instead) == ("", None)


def test_the_model_that_answers_instead_is_held_to_the_budget_too(any_one: TalkWorld) -> None:
    allow(any_one, ONE)
    bot = any_one.add_chatbot(model=str(PLAN), fallback_model=str(OWN))
    process_id = any_one.process.runner.enlist()
    for _ in range(10):
        any_one.author.reserve(process_id, name=PLAN)
    setup = ColumnSetup(PLAN, parameters=SHORT)
    got = any_one.ended(any_one.talk.send(any_one.ada, Message([Ask("Hi")], [setup], chatbot_id=bot)))
    assert [(view.text, view.instead_of) for view in got] == [("own-1: Hi", str(PLAN))]
    assert [row["reserved_pico"] for row in rows(any_one.db, "attempt") if row["source"] == "byok"] == [ONE]
    again = ColumnSetup(PLAN, parameters=SHORT)
    (told,) = forecasts(any_one).look(any_one.ada, [again], chatbot_id=bot, asks=[Ask("Hi")]).columns
    assert not told.runs
    with pytest.raises(PlanUsedUpError, match=r"used up\. own-1, .* either: The Fake AI budget for .* left, and this"):
        any_one.talk.send(any_one.ada, Message([Ask("Hi")], [again], chatbot_id=bot))


def test_without_such_a_setting_a_budget_that_is_reached_leads_to_nobody_else(any_one: TalkWorld) -> None:
    allow(any_one, 1000)
    bot = any_one.add_chatbot(model=str(BYOK))
    with pytest.raises(BudgetReachedError):
        any_one.talk.send(any_one.ada, Message([Ask("Hi")], [ColumnSetup(BYOK, parameters=SHORT)], chatbot_id=bot))
    assert rows(any_one.db, "attempt") == []


def spend(one: TalkWorld, *, left: int) -> None:
    """Of the plan's messages."""
    process_id = one.process.runner.enlist()
    for _ in range(10 - left):
        one.author.reserve(process_id, name=PLAN)


@pytest.fixture
def dear(db: Database) -> Iterator[TalkWorld]:
    """At a price for each token, in and out; answers are long."""
    with talk_world(db, price=both_ways) as made:
        made.fake.script = says("longer " * 60, tokens=(11, 100))
        yield made


def test_what_follows_an_answer_of_the_plan_on_an_own_key_holds_what_that_may_become(dear: TalkWorld) -> None:
    spend(dear, left=1)
    allow(dear, 10**12)
    bot = dear.add_chatbot(model=str(PLAN), fallback_model=str(OWN))
    setup, asks = ColumnSetup(PLAN, parameters=SHORT), [Ask("One"), Ask("Two", repeats=2), Ask("Six")]
    outlook = forecasts(dear).look(dear.ada, [setup], chatbot_id=bot, asks=asks)
    got = dear.ended(dear.talk.send(dear.ada, Message(asks, [setup], chatbot_id=bot)))
    assert [(view.state, view.error, view.instead_of) for view in got] == [
        ("complete", None, None),
        *[("complete", None, str(PLAN))] * 3,
    ]
    of_plan = most_tokens("One") + 100 * BYTES + FRAME
    second = OPENING + FRAME + of_plan + most_tokens("Two") + 100
    third = second + FRAME + most_tokens("Six") + 100
    own = [row["reserved_pico"] for row in rows(dear.db, "attempt") if row["source"] == "byok"]
    assert own == [second * 1000, second * 1000, third * 1000]
    assert (outlook.messages, outlook.at_most_pico) == (1, sum(own))


def test_what_follows_an_answer_of_the_plan_without_a_length_is_refused_before_it_is_sent(dear: TalkWorld) -> None:
    spend(dear, left=1)
    allow(dear, 10**12)
    bot = dear.add_chatbot(model=str(PLAN), fallback_model=str(OWN))
    setup, asks = ColumnSetup(PLAN), [Ask("One"), Ask("Two")]
    (told,) = forecasts(dear).look(dear.ada, [setup], chatbot_id=bot, asks=asks).columns
    first, second = dear.ended(dear.talk.send(dear.ada, Message(asks, [setup], chatbot_id=bot)))
    assert (first.state, second.state, second.receipt) == ("complete", "failed", None)
    why = (
        "own-1, which this chatbot's settings name instead, cannot be asked either: A budget stands, and the answer "
        "before this one has no set length: what this call may cost at most cannot be told."
    )
    assert why in (second.error or "")
    assert (told.runs, told.messages, told.instead) == (True, 1, None)
    assert why in told.problem
    assert len(dear.fake.requests) == 1


def test_a_question_that_waits_for_another_models_answer_holds_that_in_bytes(dear: TalkWorld) -> None:
    gate = threading.Event()
    dear.fake.script = held(gate, then=" upon a time" * 30)
    spend(dear, left=1)
    allow(dear, 10**12)
    bot = dear.add_chatbot(model=str(PLAN), fallback_model=str(OWN))
    left, right = ColumnSetup(PLAN, parameters=SHORT), column("fake-2", parameters=SHORT)
    begun = dear.talk.send(dear.ada, Message([Ask("Hi", to={left.id})], [left, right], chatbot_id=bot))
    live = dear.process.runner.live(begun.answer_ids[0])
    assert live is not None
    text_arrived(live)
    asks: list[Ask] = [Ask("And?")]
    more: dict[str, Any] = {"conversation_id": begun.conversation_id}
    told = forecasts(dear).look(dear.ada, [left, right], asks=asks, **more).columns[0]
    second = dear.talk.send(dear.ada, Message(asks, [left, right], **more))
    gate.set()
    _, answer, _ = dear.ended(begun, second)
    assert (answer.state, answer.error, answer.instead_of) == ("complete", None, str(PLAN))
    (held_by,) = [row["reserved_pico"] for row in rows(dear.db, "attempt") if row["answer_id"] == answer.id]
    history = OPENING + FRAME + most_tokens("Hi") + 100 * BYTES + FRAME
    assert held_by == (history + most_tokens("And?") + 100) * 1000
    assert told.instead is not None
    assert told.instead.at_most_pico == held_by


def test_once_the_plan_answers_instead_all_that_follows_may_go_there(dear: TalkWorld) -> None:
    allow(dear, (OPENING + FRAME + most_tokens("One") + 4096) * 1000)
    bot = dear.add_chatbot(model=str(OWN), fallback_model=str(PLAN))
    asks, setup = [Ask("One"), Ask("Two"), Ask("Six")], ColumnSetup(OWN)
    outlook = forecasts(dear).look(dear.ada, [setup], chatbot_id=bot, asks=asks)
    got = dear.ended(dear.talk.send(dear.ada, Message(asks, [setup], chatbot_id=bot)))
    assert [(view.state, view.instead_of) for view in got] == [
        ("complete", None),
        *[("complete", str(OWN))] * 2,
    ]
    assert outlook.messages == 2


def test_a_call_that_only_its_number_limits_may_follow_an_answer_without_a_length(db: Database) -> None:
    with talk_world(db, price=unpriced) as one:
        spend(one, left=1)
        allow(one, 0, unpriced_calls=1)
        bot = one.add_chatbot(model=str(PLAN), fallback_model=str(OWN))
        asks, setup = [Ask("One"), Ask("Two")], ColumnSetup(PLAN)
        (told,) = forecasts(one).look(one.ada, [setup], chatbot_id=bot, asks=asks).columns
        got = one.ended(one.talk.send(one.ada, Message(asks, [setup], chatbot_id=bot)))
        assert [(view.state, view.instead_of) for view in got] == [("complete", None), ("complete", str(PLAN))]
        assert told.instead is not None
        assert (told.runs, told.instead.runs, told.instead.problem) == (True, True, "")
