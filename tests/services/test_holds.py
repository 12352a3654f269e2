"""What a call on an own key holds of a budget: its length, all that is sent with it, and what is still to come."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

from byok.core.ledger_check import differences
from byok.core.parameters import Parameters
from byok.core.price_book import PriceBook
from byok.core.prices import Price
from byok.core.wire import ModelInfo, Usage
from byok.ground.db import Database
from byok.ground.errors import BudgetReachedError
from byok.services.bounds import FRAME, OPENING, most_tokens
from byok.services.holds import ANSWER_TOKENS, SHORTEST
from byok.services.messages import Ask, Message
from tests.fake_provider import Exchange, Script, held, refuse
from tests.run_world import BYOK, rows, text_arrived, until
from tests.services.budget_world import CALL, allow, both_ways, budgets, reserved, says
from tests.services.talk_world import TalkWorld, column, echo, talk_world
from tests.services.test_forecasts import list_models

SHORT = Parameters(max_tokens=100)
PLENTY = 10**12


@pytest.fixture
def one(db: Database) -> Iterator[TalkWorld]:
    """At a price for each token, in and out."""
    with talk_world(db, price=both_ways) as made:
        yield made


def first(text: str, length: int = ANSWER_TOKENS) -> int:
    """What the first message of a conversation holds."""
    return (OPENING + FRAME + most_tokens(text) + length) * 1000


def test_under_a_budget_the_answers_length_is_always_sent_and_kept_with_the_answer(one: TalkWorld) -> None:
    _, free = one.ask()
    allow(one, PLENTY)
    _, bound = one.ask()
    assert [body.get("max_tokens") for body in one.fake.requests] == [None, 4096]
    assert (free.parameters.max_tokens, bound.parameters.max_tokens) == (None, 4096)
    assert reserved(one) == [None, first("Hi")]


def test_a_length_that_was_set_is_the_one_that_is_held(one: TalkWorld) -> None:
    allow(one, PLENTY)
    one.ended(one.send("Hello", [column(parameters=SHORT, system_prompt="Be kind.")]))
    assert reserved(one) == [(OPENING + most_tokens("Be kind.") + most_tokens("Hello") + 100) * 1000]
    assert one.fake.requests[0]["max_tokens"] == 100


@pytest.mark.parametrize(
    ("window", "text", "length"),
    [
        (2000, "Hi", 2000 - 546 // 3),  # of at most 546 tokens of the prompt
        (8192, "Hi", ANSWER_TOKENS),
        (8192, "words" * 4000, 8192 - (544 + 20_000) // 3),
        (8192, "words" * 6000, SHORTEST),
        (100, "Hi", 100),
    ],
)
def test_an_answer_gets_what_the_prompt_leaves_of_what_the_model_holds(
    one: TalkWorld, window: int, text: str, length: int
) -> None:
    list_models(one.db, "fake", ModelInfo("fake-1", "Fake", context=window))
    allow(one, PLENTY)
    one.ask(text)
    assert one.fake.requests[0]["max_tokens"] == length
    assert reserved(one) == [first(text, length)]


def test_a_length_that_was_set_is_sent_whatever_the_model_holds(one: TalkWorld) -> None:
    list_models(one.db, "fake", ModelInfo("fake-1", "Fake", context=600))
    allow(one, PLENTY)
    one.ended(one.send("Hi", [column(parameters=Parameters(max_tokens=590))]))
    assert one.fake.requests[0]["max_tokens"] == 590


def test_a_budget_of_another_provider_binds_nothing(one: TalkWorld) -> None:
    one.catalogue = type(one.catalogue)({**{p.id: p for p in one.catalogue.all()}, "other": one.fake.provider})
    budgets(one).set(one.ada, "other", 0)  # type: ignore[arg-type]
    _, answer = one.ask()
    assert (answer.state, reserved(one)) == ("complete", [None])


def test_one_column_is_refused_by_the_budget_and_holds_up_no_other(one: TalkWorld) -> None:
    allow(one, first("Hi", 100))
    refused, asked = one.ended(one.send("Hi", [column(), column(parameters=SHORT)]))
    assert (refused.state, asked.state) == ("failed", "complete")
    assert refused.error is not None
    assert refused.error.startswith("Not sent. The Fake AI budget for ")
    assert refused.receipt is None


def test_the_history_is_held_with_the_message(one: TalkWorld) -> None:
    allow(one, PLENTY)
    asked, answer = one.ask("Hi")
    one.ask("And?", conversation_id=asked.conversation_id)
    history = most_tokens("Hi") + most_tokens(answer.text)
    assert reserved(one) == [first("Hi"), first("And?") + history * 1000]


def test_each_message_of_a_run_holds_what_the_answers_before_it_may_add(one: TalkWorld) -> None:
    one.fake.script = echo
    allow(one, PLENTY)
    asks = [Ask("One"), Ask("Three", repeats=2), Ask("Fives")]
    done = one.ended(one.talk.send(one.ada, Message(asks, [column(parameters=SHORT)])))
    assert {answer.state for answer in done} == {"complete"}
    one_more, two_more = (most_tokens(text) + 100 + FRAME for text in ("One", "Three"))
    second = first("Three", 100) + one_more * 1000
    third = first("Fives", 100) + (one_more + two_more) * 1000
    assert reserved(one) == [first("One", 100), second, second, third]


def test_a_run_in_which_a_column_sits_out_a_message_holds_only_its_own_history(one: TalkWorld) -> None:
    allow(one, PLENTY)
    left, right = column(parameters=SHORT), column("fake-2", parameters=SHORT)
    asks = [Ask("One"), Ask("Two", to={right.id}), Ask("Six", to={left.id})]
    done = one.ended(one.talk.send(one.ada, Message(asks, [left, right])))
    assert {answer.state for answer in done} == {"complete"}
    assert reserved(one)[-1] == first("Six", 100) + (most_tokens("One") + 100 + FRAME) * 1000


def waiting(one: TalkWorld, text: str, *, tokens: tuple[int, int] | None) -> Any:
    """A question that waits for an answer of at most 100 tokens, which becomes `text`; how the question ends."""
    gate, asked = threading.Event(), threading.Event()

    def script(exchange: Exchange) -> None:
        if asked.is_set():
            return echo(exchange)
        asked.set()
        exchange.text(text[:1])
        exchange.wait(gate)
        exchange.text(text[1:])
        return exchange.finish(tokens=tokens)

    one.fake.script = script
    left, right = column(parameters=SHORT), column("fake-2", parameters=SHORT)
    begun = one.send("Hi", [left, right], to=[left])
    until(asked.is_set)
    more = one.send("And?", [left, right], conversation_id=begun.conversation_id)
    gate.set()
    return one.ended(begun, more)[1]


def test_a_question_that_waits_holds_what_the_answer_before_it_may_still_add(one: TalkWorld) -> None:
    allow(one, PLENTY)
    answer = waiting(one, "Once upon a time", tokens=(11, 7))
    assert answer.state == "complete"
    held_by = [row["reserved_pico"] for row in rows(one.db, "attempt") if row["answer_id"] == answer.id]
    assert held_by == [first("And?", 100) + (most_tokens("Hi") + 100 + FRAME) * 1000]


def test_an_answer_of_many_bytes_and_few_tokens_holds_up_nothing(one: TalkWorld) -> None:
    allow(one, PLENTY)
    assert waiting(one, "long " * 80, tokens=(11, 100)).state == "complete"


@pytest.mark.parametrize("tokens", [(11, 101 + FRAME), None])
def test_a_question_whose_history_outgrew_its_bound_is_not_sent(one: TalkWorld, tokens: tuple[int, int] | None) -> None:
    allow(one, PLENTY)
    answer = waiting(one, "long " * 80, tokens=tokens)
    assert (answer.state, answer.error) == (
        "failed",
        "Not sent. By now it may cost more than the budget holds for it. Run it again: then the budget is asked anew.",
    )
    assert [body["messages"][-1]["content"] for body in one.fake.requests].count("And?") == 1  # of the other column
    # Run again, it is bounded by what there is now.
    one.fake.script = echo
    (again,) = one.ended(one.talk.again(one.ada, answer.id))
    assert again.state == "complete"


def test_after_an_answer_without_a_length_nothing_is_asked_that_has_no_bound(one: TalkWorld) -> None:
    gate = threading.Event()
    one.fake.script = held(gate)
    left, right = column(), column("fake-2")
    begun = one.send("Hi", [left, right], to=[left])
    live = one.process.runner.live(begun.answer_ids[0])
    assert live is not None
    text_arrived(live)
    allow(one, PLENTY)
    more = one.send("And?", [left, right], conversation_id=begun.conversation_id)
    gate.set()
    refused, asked = one.ended(more)
    assert (refused.state, asked.state) == ("failed", "complete")
    assert refused.error is not None
    assert refused.error.endswith("Wait until that answer has ended, then send again.")


def test_a_price_that_rose_while_a_question_waited_keeps_it_from_being_sent(db: Database) -> None:
    factor = [1000]

    def price(provider: object, *, model: str, usage: Usage, at: datetime, **more: Any) -> Price | None:
        return None if usage.tokens_out is None else Price(usage.tokens_out * factor[0], "test list", "2026-11-01")

    gate = threading.Event()
    with talk_world(db, habits={"at_once": 1}, price=price) as one:
        allow(one, PLENTY)
        one.fake.script = held(gate)
        begun = one.send("first", [column()])
        until(lambda: one.fake.requests)
        waits = one.send("second", [column()])
        factor[0] = 1001
        gate.set()
        done, refused = one.ended(begun, waits)
    assert (done.state, refused.state) == ("complete", "failed")
    assert "may cost more than the budget holds" in (refused.error or "")
    assert len(one.fake.requests) == 1


def test_an_answer_asked_for_again_and_a_message_edited_are_held_like_new_ones(one: TalkWorld) -> None:
    allow(one, PLENTY)
    asked, answer = one.ask("Hi")
    one.ended(one.talk.again(one.ada, answer.id))
    (kept,) = one.talk.thread(one.ada, asked.conversation_id).columns
    edit: dict[str, Any] = {"conversation_id": asked.conversation_id, "instead_of": asked.turn_id}
    one.ended(one.send("Hey", [kept.setup], **edit))
    assert reserved(one) == [first("Hi"), first("Hi"), first("Hey")]


def test_a_budget_that_is_used_up_refuses_again_and_edit_and_changes_nothing(one: TalkWorld) -> None:
    asked, answer = one.ask("Hi")
    allow(one, 0)
    before = (rows(one.db, "turn"), rows(one.db, "answer"))
    with pytest.raises(BudgetReachedError):
        one.talk.again(one.ada, answer.id)
    (kept,) = one.talk.thread(one.ada, asked.conversation_id).columns
    with pytest.raises(BudgetReachedError):
        one.send("Hey", [kept.setup], conversation_id=asked.conversation_id, instead_of=asked.turn_id)
    assert (rows(one.db, "turn"), rows(one.db, "answer")) == before


def test_a_failed_attempt_hands_what_it_holds_to_the_one_that_follows(any_db: Database) -> None:
    tries = []

    def script(exchange: Exchange) -> None:
        tries.append(exchange)
        (refuse(503) if len(tries) < 3 else says("Hello.", tokens=(11, 7)))(exchange)

    with talk_world(any_db) as one:
        allow(one, CALL)  # for one alone
        one.fake.script = script
        _, answer = one.ask()
        assert answer.state == "complete"
        assert reserved(one) == [CALL] * 3
        (view,) = budgets(one).list(one.ada)
    assert (view.spent_pico, view.held_pico) == (7000, 0)


def test_an_answer_that_the_provider_did_not_count_costs_what_it_held(one: TalkWorld) -> None:
    allow(one, PLENTY)
    one.fake.script = says("Hello.", tokens=None)
    one.ask()
    (view,) = budgets(one).list(one.ada)
    assert (view.spent_pico, view.held_pico) == (first("Hi"), 0)


def test_a_question_without_a_conversation_is_held_as_well(one: TalkWorld) -> None:
    allow(one, first("Hi"))
    live = one.talk.ask_once(one.ada, text="Hi", model=BYOK)
    assert live.wait_end(timeout=10)
    assert (reserved(one), one.fake.requests[0]["max_tokens"]) == ([first("Hi")], 4096)
    with pytest.raises(BudgetReachedError):
        one.talk.ask_once(one.ada, text="Hi", model=BYOK)


def test_what_each_request_costs_is_held_with_its_tokens(db: Database) -> None:
    with talk_world(db, price=PriceBook(db=db), habits={"model_prices": "per_token"}) as one:
        info = ModelInfo("fake-1", "Fake", price_in=Decimal(1), price_out=Decimal(2), price_request=Decimal("0.005"))
        list_models(one.db, "fake", info)
        allow(one, PLENTY)
        _, answer = one.ask()
        tokens_in, fee = OPENING + FRAME + most_tokens("Hi"), 5 * 10**9
        assert reserved(one) == [tokens_in * 10**6 + ANSWER_TOKENS * 2 * 10**6 + fee]
        assert answer.receipt is not None
        assert answer.receipt.cost_pico == 11 * 10**6 + 7 * 2 * 10**6 + fee


def test_a_run_looks_at_a_models_list_once_and_at_a_price_once_for_each_message(db: Database) -> None:
    read: list[str] = []
    sa.event.listen(db.engine, "connect", lambda connection, _: connection.set_trace_callback(read.append))
    db.engine.dispose()
    with talk_world(db, price=PriceBook(db=db), habits={"model_prices": "per_token"}) as one:
        info = ModelInfo("fake-1", "Fake 1", context=1000, price_in=Decimal(1), price_out=Decimal(2))
        list_models(one.db, "fake", info)
        allow(one, PLENTY)
        gate = threading.Event()
        one.fake.script = held(gate)  # else those that wait would look as well, when their turn comes
        read.clear()
        asked = one.talk.send(one.ada, Message([Ask("Hi", repeats=3), Ask("And then?", repeats=5)], [column()]))
        assert sum("FROM model_menu" in statement for statement in [*read]) == 1 + 2
        gate.set()
        one.ended(asked)
    assert len(set(reserved(one))) == 2


def breaks_off_thinking(exchange: Exchange) -> None:
    exchange.reasoning("Let me think")


def ends_without_a_word(exchange: Exchange) -> None:
    exchange.finish(tokens=None)


def hangs_up(exchange: Exchange) -> None:
    """Without any answer, after the question was read."""


@pytest.mark.parametrize("script", [breaks_off_thinking, ends_without_a_word, hangs_up])
def test_a_failure_that_the_provider_may_charge_for_costs_what_it_held(one: TalkWorld, script: Script) -> None:
    allow(one, PLENTY)
    one.fake.script = script
    _, answer = one.ask()
    (view,) = budgets(one).list(one.ada)
    assert (answer.state, view.spent_pico, view.held_pico) == ("failed", first("Hi"), 0)
    total = one.usage().month(one.ada).total.byok
    assert (total.errors, total.cost_pico) == (1, None)
    with one.db.read() as session:
        assert list(differences(session.connection(), company_id=one.ada.company_id)) == []


@pytest.mark.parametrize("status", [400, 401, 429, 500])
def test_a_refusal_costs_nothing(one: TalkWorld, status: int) -> None:
    allow(one, PLENTY)
    one.fake.script = refuse(status)
    one.ask()
    (view,) = budgets(one).list(one.ada)
    assert (view.spent_pico, view.held_pico) == (0, 0)
