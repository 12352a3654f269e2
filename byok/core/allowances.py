"""How much of a month is used: plan messages, and what own keys may have cost. Open reservations count as used.

Each figure is read in one statement: between two, a call that is settled meanwhile would be in neither.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from byok.ground.clock import days_of
from byok.ground.errors import BudgetReachedError
from byok.ground.prepared import Prepared
from byok.ground.tables.attempts import OPEN
from byok.ground.tables.rollups import USAGE_DAY
from byok.ground.tables.types import metadata

ATTEMPTS = metadata.tables["attempt"]
BUDGETS = metadata.tables["budget"]
COMPANIES = metadata.tables["company"]

_a, _d, _b = ATTEMPTS.c, USAGE_DAY.c, BUDGETS.c
_LOCK = Prepared(
    sa.select(COMPANIES.c.id).where(COMPANIES.c.id == sa.bindparam("whose")).with_for_update(key_share=True)
)


def _in_month(source: str, *more: sa.ColumnElement[bool]) -> Any:
    days = _d.day.between(sa.bindparam("first"), sa.bindparam("last"))
    return sa.and_(_d.company_id == sa.bindparam("whose"), days, _d.source == source, *more)


def _held(source: str, *more: sa.ColumnElement[bool]) -> Any:
    reserved = sa.and_(_a.company_id == sa.bindparam("whose"), _a.source == source, OPEN)
    return sa.and_(reserved, _a.month == sa.bindparam("of"), *more)


def _one(what: Any, where: Any) -> Any:
    return sa.select(sa.func.coalesce(what, 0)).where(where).scalar_subquery()


def _spending(*, of_provider: bool) -> Prepared:
    settled = _in_month("byok", *([_d.provider_id == sa.bindparam("provider")] if of_provider else []))
    held = _held("byok", *([_a.provider_id == sa.bindparam("provider")] if of_provider else []))
    return Prepared(
        sa.select(
            _one(sa.func.sum(_d.cost_pico + _d.bound_pico), settled).label("spent_pico"),
            _one(sa.func.sum(_a.reserved_pico), held).label("held_pico"),
            _one(sa.func.sum(_d.unbounded), settled).label("unpriced"),
            _one(sa.func.count(), sa.and_(held, _a.reserved_pico.is_(None))).label("held_unpriced"),
        )
    )


_USED = Prepared(
    sa.select(
        (_one(sa.func.sum(_d.answered), _in_month("plan")) + _one(sa.func.count(), _held("plan"))).label("messages")
    )
)
_SPENT = {True: _spending(of_provider=True), False: _spending(of_provider=False)}
_SET = Prepared(
    sa.select(_b.provider_id, _b.limit_pico, _b.unpriced_calls)
    .where(_b.company_id == sa.bindparam("whose"))
    .order_by(_b.provider_id)
)


@dataclass(frozen=True, slots=True)
class Budget:
    """The most that own keys may cost in a calendar month, in pico-dollars.

    Attributes:
        provider_id: for which provider; empty for all together.
        unpriced_calls: how many calls a month may go without a price, which no amount can be held against. One that
            turns out to have cost something counts with that instead.
        provider: that one's full name, where whoever reads it here knows the catalogue.
    """

    provider_id: str
    limit_pico: int
    unpriced_calls: int
    provider: str = ""

    def called(self, month: str) -> str:
        """What people know it by: `the OpenAI budget for November`."""
        whose = self.provider or self.provider_id
        return f"the {whose or 'own-key'} budget for {days_of(month)[0]:%B}"


@dataclass(frozen=True, slots=True)
class Spending:
    """What own keys cost in a month, for one budget.

    Attributes:
        spent_pico: what settled calls cost; one that the provider sent no figures for counts with the most it may cost.
        held_pico: the most that open calls may cost.
        unpriced: settled calls that nothing is known of. `held_unpriced`: open ones.
    """

    spent_pico: int
    held_pico: int
    unpriced: int
    held_unpriced: int

    def left_pico(self, budget: Budget) -> int:
        """What may still be reserved of a budget."""
        return max(0, budget.limit_pico - self.spent_pico - self.held_pico)

    def and_holding(self, at_most_pico: int | None) -> Spending:
        """The same with one more open call."""
        if at_most_pico is None:
            return replace(self, held_unpriced=self.held_unpriced + 1)
        return replace(self, held_pico=self.held_pico + at_most_pico)


def one_at_a_time(connection: sa.Connection, *, company_id: UUID) -> None:
    """Lets one transaction at a time count and write what a company's ledger limits; it waits for the others.

    SQLite's write transaction stands alone anyway. NO KEY UPDATE waits for its like, and not for foreign keys: whoever
    holds a day may still have to look at the company by one.
    """
    if connection.dialect.name != "sqlite":
        _LOCK.run(connection, {"whose": company_id})


def plan_used(connection: sa.Connection, *, company_id: UUID, month: str) -> int:
    """Plan messages of a month `YYYY-MM`: answered attempts on standard models, and those that are still open."""
    (used,) = _USED.run(connection, _month(company_id, month))
    return int(used.messages)


def budgets_of(connection: sa.Connection, *, company_id: UUID, provider_id: str | None = None) -> list[Budget]:
    """The company's budgets; with `provider_id` those that bind this provider's calls."""
    found = [Budget(*row) for row in _SET.run(connection, {"whose": company_id})]
    return found if provider_id is None else [one for one in found if one.provider_id in ("", provider_id)]


def spending(connection: sa.Connection, *, company_id: UUID, month: str, provider_id: str = "") -> Spending:
    """What own keys cost in a month `YYYY-MM`, with one provider, or with an empty id with all."""
    values = _month(company_id, month) | {"provider": provider_id}
    (row,) = _SPENT[bool(provider_id)].run(connection, values)
    return Spending(*map(int, row))


def check_budgets(
    connection: sa.Connection, budgets: Sequence[Budget], *, company_id: UUID, month: str, at_most_pico: int | None
) -> None:
    """Whether one more call on an own key fits into each of these budgets.

    Args:
        at_most_pico: what the call may cost at most; None where it has no price.

    Raises:
        BudgetReachedError: it does not.
    """
    for one in budgets:
        now = spending(connection, company_id=company_id, month=month, provider_id=one.provider_id)
        refusal = why_not(one, now, month=month, at_most_pico=at_most_pico)
        if refusal is not None:
            raise refusal


def why_not(budget: Budget, now: Spending, *, month: str, at_most_pico: int | None) -> BudgetReachedError | None:
    """Why one more call does not fit into the budget, what is left of it and what to do; None where it fits."""
    name = budget.called(month)
    left = f"has {usd(now.left_pico(budget))} of {usd(budget.limit_pico)} left"
    if at_most_pico is None:
        # What such calls cost is often told with their answers: without this look, that would have no end. A budget
        # of nothing means such calls alone, so it is only passed once something was spent.
        if now.spent_pico + now.held_pico >= max(1, budget.limit_pico):
            return BudgetReachedError(
                f"{name[0].upper()}{name[1:]} {left}, and what this call may cost is not known.",
                next_step="Choose a standard model, or have an admin raise the budget in Usage.",
            )
        if now.unpriced + now.held_unpriced < budget.unpriced_calls:
            return None
        return BudgetReachedError(
            f"{name[0].upper()}{name[1:]} allows {budget.unpriced_calls:,} "
            f"call{'' if budget.unpriced_calls == 1 else 's'} without a known price, and none is left.",
            next_step="Choose a model with a known price or a standard model, or have an admin set a price, or raise "
            "the budget, in Usage.",
        )
    if at_most_pico <= budget.limit_pico - now.spent_pico - now.held_pico:
        return None
    return BudgetReachedError(f"{name[0].upper()}{name[1:]} {left}, and this call may cost up to {usd(at_most_pico)}.")


def _month(company_id: UUID, month: str) -> dict[str, Any]:
    first, last = days_of(month)
    return {"whose": company_id, "of": month, "first": first, "last": last}


def usd(pico: int) -> str:
    """US dollars, to the cent at least: `$50.00`, `$1.234567`; what is less than a cent, exactly: `$0.000004096`."""
    amount = Decimal(pico).scaleb(-12)
    whole, _, places = (f"{amount:,.6f}" if amount >= Decimal("0.01") else f"{amount:.12f}").partition(".")
    return f"${whole}.{places.rstrip('0').ljust(2, '0')}"
