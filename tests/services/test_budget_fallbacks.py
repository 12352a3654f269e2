"""A budget that is reached, where a chatbot's settings name who answers then: what is told before is what happens."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from byok.core.model_names import ModelName
from byok.core.parameters import Parameters
from byok.ground.db import Database
from byok.ground.errors import BudgetReachedError, PlanUsedUpError
from byok.services.columns import ColumnSetup
from byok.services.forecasts import Forecasts
from byok.services.messages import Ask, Message
from tests.run_world import BYOK, PLAN, rows
from tests.services.budget_world import allow, forecasts
from tests.services.talk_world import TalkWorld, echo, talk_world

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
