"""What is told before sending under a budget: the bound that will be held, what is left, and who will be refused."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from byok.core.parameters import Parameters
from byok.core.wire import ModelInfo
from byok.ground.db import Database
from byok.services.bounds import FRAME, OPENING, most_tokens, unwritten
from byok.services.columns import ColumnSetup
from byok.services.messages import Ask, Message
from tests.fake_provider import held
from tests.run_world import PLAN, text_arrived
from tests.services.budget_world import CALL, allow, both_ways, forecasts, reserved, unpriced
from tests.services.talk_world import TalkWorld, column, talk_world
from tests.services.test_forecasts import list_models

MONTH = f"{datetime.now(UTC):%B}"
SHORT = Parameters(max_tokens=100)
PLENTY = 10**12


@pytest.fixture
def one(db: Database) -> Iterator[TalkWorld]:
    with talk_world(db) as made:
        yield made


@pytest.fixture
def dear(db: Database) -> Iterator[TalkWorld]:
    """At a price for each token, in and out."""
    with talk_world(db, price=both_ways) as made:
        yield made


def problems(one: TalkWorld, setups: Sequence[ColumnSetup], asks: Sequence[Ask] | None) -> list[tuple[bool, str]]:
    return [(told.runs, told.problem) for told in forecasts(one).look(one.ada, setups, asks=asks).columns]


@pytest.mark.parametrize("budget", [PLENTY, 2_100_000, 1_300_000])
def test_what_was_told_is_what_is_held_and_who_was_told_to_run_runs(dear: TalkWorld, budget: int) -> None:
    setups = [column(parameters=SHORT), column("fake-2", parameters=SHORT, system_prompt="Be kind.")]
    asks = [Ask("One"), Ask("Two", to={setups[1].id}), Ask("Six", to={setups[0].id})]
    allow(dear, PLENTY)
    told = forecasts(dear).look(dear.ada, setups, asks=asks).at_most_pico
    allow(dear, budget)
    fits = problems(dear, setups, asks)
    done = dear.ended(dear.talk.send(dear.ada, Message(asks, setups)))
    refused = {setup.id: 0 for setup in setups}
    for answer in done:
        refused[answer.column_id] += answer.receipt is None
    assert [bool(count) for count in refused.values()] == [bool(problem) for _, problem in fits]
    if budget == PLENTY:
        assert sum(pico or 0 for pico in reserved(dear)) == told


def test_what_was_told_of_a_small_model_is_what_its_growing_prompt_holds(dear: TalkWorld) -> None:
    list_models(dear.db, "fake", ModelInfo("fake-1", "Fake", context=3000))
    allow(dear, PLENTY)
    setups, asks = [column()], [Ask("One"), Ask("word" * 1100, repeats=2), Ask("Six")]
    told = forecasts(dear).look(dear.ada, setups, asks=asks).at_most_pico
    done = dear.ended(dear.talk.send(dear.ada, Message(asks, setups)))
    assert {answer.state for answer in done} == {"complete"}
    assert sum(pico or 0 for pico in reserved(dear)) == told
    lengths = [body["max_tokens"] for body in dear.fake.requests]
    assert sorted(set(lengths), reverse=True) == list(dict.fromkeys(lengths))
    assert len(set(lengths)) == 3


def test_without_an_answer_length_the_one_that_will_be_sent_bounds_the_cost(one: TalkWorld) -> None:
    (free,) = forecasts(one).look(one.ada, [column()]).columns
    assert (free.at_most_pico, free.why_unknown) == (None, "no answer length is set")
    allow(one, PLENTY)
    (bound,) = forecasts(one).look(one.ada, [column()]).columns
    assert (bound.at_most_pico, bound.why_unknown) == (CALL, "")


def test_a_column_that_the_budget_refuses_is_a_problem_before_sending(one: TalkWorld) -> None:
    allow(one, CALL - 96_000)
    ((runs, problem), of_plan) = problems(one, [column(), ColumnSetup(PLAN)], [Ask("Hi")])
    assert not runs
    assert problem == (
        f"The Fake AI budget for {MONTH} has $0.000004 of $0.000004 left, and this call may cost up to $0.000004096. "
        "Set a shorter answer length, choose a standard model, or have an admin raise the budget in Usage."
    )
    assert of_plan == (True, "")


def test_what_the_columns_before_it_hold_is_not_left_for_a_column(one: TalkWorld) -> None:
    allow(one, 5 * CALL)
    found = problems(one, [column(), column(), column()], [Ask("Hi", repeats=2)])
    assert [runs for runs, _ in found] == [True, True, True]
    assert [problem.partition(":")[0] for _, problem in found] == ["", "", "Only 1 of 2 can be asked"]
    allow(one, 4 * CALL, provider_id="")
    assert [runs for runs, _ in problems(one, [column(), column(), column()], [Ask("Hi", repeats=2)])] == [
        True,
        True,
        False,
    ]


def test_a_message_that_is_not_written_yet_is_a_problem_only_if_a_long_one_does_not_fit(dear: TalkWorld) -> None:
    fits = (OPENING + FRAME + most_tokens("Hello") + 100) * 1000
    allow(dear, fits)
    ((runs, problem),) = problems(dear, [column(parameters=SHORT)], None)
    assert runs
    assert problem.startswith(f"A long message may not be sent: The Fake AI budget for {MONTH} has ")
    assert dear.ended(dear.send("Hello", [column(parameters=SHORT)]))[0].state == "complete"
    allow(dear, 1000)
    ((runs, problem),) = problems(dear, [column(parameters=SHORT)], unwritten())
    assert not runs
    assert problem.startswith(f"The Fake AI budget for {MONTH} has ")


def test_from_eighty_percent_on_what_is_left_is_told(one: TalkWorld) -> None:
    one.ask()  # 7,000 pico-dollars
    allow(one, 8751)
    assert forecasts(one).look(one.ada, [column()]).warnings == ()
    allow(one, 8750)
    allow(one, 7000, provider_id="")
    outlook = forecasts(one).look(one.ada, [column(), column()])
    assert outlook.warnings == (
        f"$0.00 of $0.000000007 left of the own-key budget for {MONTH}",
        f"$0.00000000175 of $0.00000000875 left of the Fake AI budget for {MONTH}",
    )
    assert forecasts(one).look(one.ada, [ColumnSetup(PLAN)]).warnings == ()
    only_plan = [column(), ColumnSetup(PLAN)]
    assert forecasts(one).look(one.ada, only_plan, asks=unwritten({only_plan[1].id})).warnings == ()


def test_calls_without_a_price_are_counted_before_sending_too(db: Database) -> None:
    with talk_world(db, price=unpriced) as one:
        allow(one, 0, unpriced_calls=1)
        found = problems(one, [column(), column()], [Ask("Hi")])
        assert [runs for runs, _ in found] == [True, False]
        assert "allows 1 call without a known price, and none is left" in found[1][1]


def test_under_a_budget_an_answer_that_grows_is_counted_with_its_length(dear: TalkWorld) -> None:
    gate = threading.Event()
    dear.fake.script = held(gate)
    allow(dear, PLENTY)
    setup = column(parameters=SHORT)
    asked = dear.send("Hi", [setup])
    live = dear.process.runner.live(asked.answer_ids[0])
    assert live is not None
    text_arrived(live)
    (kept,) = dear.talk.thread(dear.ada, asked.conversation_id).columns
    more = forecasts(dear).look(
        dear.ada, [replace(kept.setup)], conversation_id=asked.conversation_id, asks=[Ask("And?")]
    )
    before = OPENING + FRAME + most_tokens("Hi") + 100 + FRAME + most_tokens("And?")
    assert more.at_most_pico == (before + 100) * 1000
    gate.set()
    dear.ended(asked)
