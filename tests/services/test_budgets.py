"""Budgets: who sets and reads them, what they say of the month, and what a call is told that one refuses."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import Session

from byok.ground.db import Database
from byok.ground.errors import (
    BudgetReachedError,
    InvalidInputError,
    NotAllowedError,
    NotFoundError,
    ProPlanNeededError,
)
from byok.ground.tables import Budget
from byok.services.access import Actor
from byok.services.budgets import Budgets
from byok.services.messages import Ask
from tests.fake_provider import fake_provider, held
from tests.run_world import PLAN, Author, rows
from tests.services.budget_world import CALL, allow, budgets, costs, forecasts, told_later, unpriced, usd
from tests.services.talk_world import PLANS, TalkWorld, column, talk_world


@pytest.fixture
def any_one(any_db: Database) -> Iterator[TalkWorld]:
    with talk_world(any_db) as made:
        yield made


@pytest.fixture
def one(db: Database) -> Iterator[TalkWorld]:
    with talk_world(db) as made:
        yield made


def test_of_fifty_senders_at_once_exactly_as_many_get_through_as_the_budget_allows(any_one: TalkWorld) -> None:
    one, gate = any_one, threading.Event()
    one.fake.script = held(gate)
    allow(one, 7 * CALL + CALL - 1)

    def send(number: int) -> bool:
        try:
            one.send(f"Hi {number}", [column()])
        except BudgetReachedError:
            return False
        return True

    with ThreadPoolExecutor(50) as pool:
        assert sum(pool.map(send, range(50))) == 7
    attempts = rows(one.db, "attempt")
    assert [row["reserved_pico"] for row in attempts] == [CALL] * 7
    (view,) = budgets(one).list(one.ada)
    assert (view.spent_pico, view.held_pico, view.state) == (0, 7 * CALL, "warn")
    gate.set()
    for row in attempts:
        live = one.process.runner.live(row["answer_id"])
        assert live is None or live.wait_end(timeout=30)
    # What they really cost, 7 tokens each, is what stays spent: the rest is free for the next ones.
    (view,) = budgets(one).list(one.ada)
    assert (view.spent_pico, view.held_pico, view.state) == (7 * 7000, 0, "ok")
    with ThreadPoolExecutor(20) as pool:
        assert sum(pool.map(send, range(7))) == 7


def test_a_budget_is_set_changed_listed_and_cleared(any_one: TalkWorld) -> None:
    one, service = any_one, budgets(any_one)
    assert service.list(one.ada) == []
    service.set(one.ada, "fake", Decimal("12.50"))
    service.set(one.ada, "", Decimal(50), 3)
    found = [(view.provider_id, view.provider, view.limit_pico, view.unpriced_calls) for view in service.list(one.max)]
    assert found == [("", "All own keys", 50 * 10**12, 3), ("fake", "Fake AI", 12_500_000_000_000, 100)]
    changed = service.set(one.ada, "fake", Decimal(20), 5)
    assert (changed.limit_pico, changed.unpriced_calls, len(rows(one.db, "budget"))) == (20 * 10**12, 5, 2)
    service.clear(one.ada, "")
    assert [view.provider_id for view in service.list(one.ada)] == ["fake"]
    with pytest.raises(NotFoundError):
        service.clear(one.ada, "")


@pytest.mark.parametrize(
    ("limit", "state"), [(8751, "ok"), (8750, "warn"), (7001, "warn"), (7000, "stopped"), (6999, "stopped")]
)
def test_a_budget_warns_from_eighty_percent_and_stops_at_a_hundred(one: TalkWorld, limit: int, state: str) -> None:
    one.ask()  # 7,000 pico-dollars
    view = allow(one, limit)
    assert (view.state, view.spent_pico, view.share) == (state, 7000, Decimal(7000) / limit)
    assert view.left_pico == max(0, limit - 7000)


def test_a_budget_of_nothing_is_used_up(one: TalkWorld) -> None:
    assert (allow(one, 0).state, allow(one, 0).share) == ("stopped", Decimal(1))
    with pytest.raises(BudgetReachedError):
        one.send("Hi", [column()])


@pytest.mark.parametrize(
    ("limit", "pico"),
    [
        ("8999999.999999999999", 8_999_999_999_999_999_999),
        ("1." + 40 * "0", 10**12),
        ("0.000000000001", 1),
        ("5E+6", 5 * 10**18),
        ("0E-50", 0),
    ],
)
def test_an_amount_is_kept_to_its_last_place(one: TalkWorld, limit: str, pico: int) -> None:
    assert budgets(one).set(one.ada, "fake", limit).limit_pico == pico


class ClearedAtOnce(Database):
    """Another admin removes every budget in the moment in which one was set."""

    @contextmanager
    def write(self) -> Iterator[Session]:
        with super().write() as session:
            yield session
        with super().write() as session:
            session.exec(sa.delete(Budget))


def test_a_budget_that_somebody_removes_at_once_is_told_as_it_was_set(one: TalkWorld) -> None:
    one.ask()  # 7,000 pico-dollars
    meanwhile = ClearedAtOnce(one.db.engine.url.render_as_string(hide_password=False))
    service = Budgets(db=meanwhile, plans=PLANS, catalogue=one.catalogue, chains=one.chains)
    view = service.set(one.ada, "fake", "0.00000001", 3)
    meanwhile.close()
    assert (view.limit_pico, view.unpriced_calls, view.spent_pico, view.state) == (10_000, 3, 7000, "ok")
    assert budgets(one).list(one.ada) == []


def test_a_budget_counts_its_own_month_and_its_own_company(any_one: TalkWorld) -> None:
    one = any_one
    one.ask()
    allow(one, CALL)
    rival = Author(one.db, slug="rival")
    assert budgets(one).list(Actor(rival.company_id)) == []
    more: dict[str, Any] = {"plans": PLANS, "catalogue": one.catalogue, "chains": one.chains}
    later = Budgets(db=one.db, **more, clock=lambda: datetime(2031, 1, 1, tzinfo=UTC))
    assert [(view.spent_pico, view.called) for view in later.list(one.ada)] == [(0, "the Fake AI budget for January")]


def test_calls_of_one_provider_count_for_it_and_for_all_together(db: Database) -> None:
    with fake_provider(id="other", name="Other AI") as other, talk_world(db, other) as one:
        allow(one, CALL, provider_id="")
        allow(one, CALL, provider_id="fake")
        allow(one, CALL, provider_id="other")
        one.ask()
        found = {view.provider_id: view.spent_pico for view in budgets(one).list(one.ada)}
    assert found == {"": 7000, "fake": 7000, "other": 0}


def test_members_read_budgets_and_do_not_set_them(one: TalkWorld) -> None:
    allow(one, CALL)
    assert len(budgets(one).list(one.max)) == 1
    with pytest.raises(NotAllowedError):
        budgets(one).set(one.max, "fake", Decimal(1))
    with pytest.raises(NotAllowedError):
        budgets(one).clear(one.max, "fake")


def test_setting_a_budget_needs_a_plan_with_own_keys(db: Database) -> None:
    with talk_world(db, plan="basic") as one, pytest.raises(ProPlanNeededError):
        allow(one, CALL)


@pytest.mark.parametrize("limit", ["-1", "NaN", "Infinity", "9000001", "0.0000000000001", "1." + 30 * "0" + "1"])
def test_an_amount_that_cannot_be_kept_exactly_is_refused(one: TalkWorld, limit: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        budgets(one).set(one.ada, "fake", Decimal(limit))
    assert refused.value.field == "limit"
    assert budgets(one).list(one.ada) == []


@pytest.mark.parametrize("calls", [-1, 1_000_001])
def test_calls_without_a_price_are_a_number_within_bounds(one: TalkWorld, calls: int) -> None:
    with pytest.raises(InvalidInputError, match="calls without a price"):
        budgets(one).set(one.ada, "fake", Decimal(1), calls)


def test_a_budget_for_an_unknown_provider_is_refused(one: TalkWorld) -> None:
    with pytest.raises(NotFoundError):
        budgets(one).set(one.ada, "nobody", Decimal(1))


def test_a_refused_call_is_told_what_is_left_and_what_to_do(one: TalkWorld) -> None:
    month = f"{datetime.now(UTC):%B}"
    allow(one, CALL - 96_000)
    with pytest.raises(BudgetReachedError) as refused:
        one.send("Hi", [column()])
    assert str(refused.value) == (
        f"The Fake AI budget for {month} has $0.000004 of $0.000004 left, and this call may cost up to $0.000004096. "
        "Set a shorter answer length, choose a standard model, or have an admin raise the budget in Usage."
    )
    budgets(one).clear(one.ada, "fake")
    budgets(one).set(one.ada, "", usd(0))
    with pytest.raises(BudgetReachedError, match=f"^The own-key budget for {month} has \\$0.00 of \\$0.00 left"):
        one.send("Hi", [column()])
    assert rows(one.db, "conversation") == []


def test_standard_models_go_on_when_a_budget_is_used_up(one: TalkWorld) -> None:
    allow(one, 0, provider_id="")
    _, answer = one.ask(model=PLAN)
    assert answer.state == "complete"
    assert "max_tokens" not in one.fake.requests[-1]


def test_calls_without_a_price_are_counted_instead(any_db: Database) -> None:
    with talk_world(any_db, price=unpriced) as one:
        allow(one, 0, unpriced_calls=2)
        for _ in range(2):
            assert one.ask()[1].state == "complete"
        (view,) = budgets(one).list(one.ada)
        assert (view.unpriced_used, view.unpriced_calls, view.spent_pico) == (2, 2, 0)
        with pytest.raises(BudgetReachedError, match="allows 2 calls without a known price, and none is left"):
            one.send("Hi", [column()])


def test_of_many_unpriced_calls_at_once_exactly_as_many_get_through_as_are_allowed(any_db: Database) -> None:
    gate = threading.Event()
    with talk_world(any_db, price=unpriced) as one:
        one.fake.script = held(gate)
        allow(one, 0, unpriced_calls=5)

        def send(number: int) -> bool:
            try:
                one.send(f"Hi {number}", [column()])
            except BudgetReachedError:
                return False
            return True

        with ThreadPoolExecutor(20) as pool:
            assert sum(pool.map(send, range(20))) == 5
        gate.set()


TELLS_COST = {"cost_at": "usage_or_upstream"}
CENT = 10**10


def test_calls_whose_price_is_known_only_afterwards_end_with_the_budget(any_db: Database) -> None:
    with talk_world(any_db, price=told_later, habits=TELLS_COST) as one:
        one.fake.script = costs(0.05)
        allow(one, 20 * CENT)
        month = f"{datetime.now(UTC):%B}"
        for _ in range(4):
            assert one.ask()[1].state == "complete"
        with pytest.raises(BudgetReachedError) as refused:
            one.send("Hi", [column()])
        assert str(refused.value) == (
            f"The Fake AI budget for {month} has $0.00 of $0.20 left, and what this call may cost is not known. "
            "Choose a standard model, or have an admin raise the budget in Usage."
        )
        (told,) = forecasts(one).look(one.ada, [column()], asks=[Ask("Hi")]).columns
        assert (told.runs, told.problem) == (False, str(refused.value))
        (view,) = budgets(one).list(one.ada)
        assert (view.spent_pico, view.unpriced_used, view.state) == (20 * CENT, 0, "stopped")


def test_calls_without_a_price_end_with_what_others_hold(any_db: Database) -> None:
    gate = threading.Event()
    with talk_world(any_db) as one:
        one.fake.script = held(gate)
        allow(one, CALL)
        begun = one.send("Hi", [column()])
        one.process.price = unpriced  # of a model that no list knows
        one.talk = one.talk_of(one.process)
        with pytest.raises(BudgetReachedError, match="what this call may cost is not known"):
            one.send("Hi", [column("fake-2")])
        gate.set()
        one.ended(begun)
        assert one.ended(one.send("Hi", [column("fake-2")]))[0].state == "complete"


def test_a_budget_of_nothing_allows_calls_without_a_price_until_one_has_cost_something(any_db: Database) -> None:
    with talk_world(any_db, price=told_later, habits=TELLS_COST) as one:
        allow(one, 0, unpriced_calls=5)
        assert one.ask()[1].state == "complete"
        one.fake.script = costs(0.05)
        assert one.ask()[1].state == "complete"
        with pytest.raises(BudgetReachedError, match=r"has \$0.00 of \$0.00 left"):
            one.send("Hi", [column()])
