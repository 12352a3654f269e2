"""Monthly budgets on what own keys cost: everyone of the company reads them, admins set them.

How they are kept is in `core.allowances`: a call that would pass one is refused before it is sent.
"""

from __future__ import annotations

import builtins
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final, Literal

from sqlmodel import select

from byok.core import allowances
from byok.core.allowances import budgets_of, spending
from byok.core.audit import Chains
from byok.core.catalogue import Catalogue
from byok.core.plans import Plans
from byok.ground.clock import Clock, month_of, utc_now
from byok.ground.db import Database
from byok.ground.errors import InvalidInputError, NotFoundError
from byok.ground.tables import Budget
from byok.services.access import Actor, admit
from byok.services.amounts import PICO, scaled, written
from byok.services.company_locks import lock_company
from byok.services.recording import Record

WARN: Final = Decimal("0.8")
MOST_USD: Final = 9_000_000  # what a column of pico-dollars holds
MOST_CALLS: Final = 1_000_000
UNPRICED_CALLS: Final = 100
ALL_KEYS: Final = "All own keys"
State = Literal["ok", "warn", "stopped"]


@dataclass(frozen=True, slots=True)
class BudgetView:
    """A budget and this month's spending, in pico-dollars.

    Attributes:
        provider_id: empty for all own keys together; `provider` is the full name then as well.
        spent_pico: of calls that have ended; `held_pico`: the most that those may cost that are still open.
        unpriced_calls: how many calls a month may go without a known price; `unpriced_used`: how many do, or did and
            never told what they cost.
        share: of the limit that is spent or held, 1 being all of it.
        state: `warn` from 80 %, `stopped` at 100 %.
        called: what messages call it, e.g. `the OpenAI budget for November`.
    """

    provider_id: str
    provider: str
    limit_pico: int
    spent_pico: int
    held_pico: int
    unpriced_calls: int
    unpriced_used: int
    share: Decimal
    state: State
    called: str

    @property
    def left_pico(self) -> int:
        """What may still be spent."""
        return max(0, self.limit_pico - self.spent_pico - self.held_pico)


class Budgets:
    """What pages and commands may do with budgets. Each call admits its actor anew."""

    def __init__(
        self, *, db: Database, plans: Plans, catalogue: Catalogue, chains: Chains, clock: Clock = utc_now
    ) -> None:
        self._db, self._plans, self._catalogue, self._clock = db, plans, catalogue, clock
        self._record = Record(chains=chains, clock=clock)

    def list(self, actor: Actor) -> builtins.list[BudgetView]:
        """The company's budgets in this month (UTC): that for all keys first, then by the provider's name."""
        month = month_of(self._clock())
        with self._db.read() as session:
            connection = session.connection()
            company_id = admit(connection, actor, self._plans).company.id
            views = [
                self._view(one, spending(connection, company_id=company_id, month=month, provider_id=one.provider_id))
                for one in budgets_of(connection, company_id=company_id)
            ]
        return sorted(views, key=lambda view: (view.provider_id != "", view.provider.lower()))

    def set(
        self, actor: Actor, provider_id: str, limit: Decimal | str, unpriced_calls: int = UNPRICED_CALLS
    ) -> BudgetView:
        """Sets a budget, or changes it; it binds from the next call on.

        Args:
            provider_id: empty for all own keys together.
            limit: USD a month; a text as it was typed.

        Raises:
            NotAllowedError: a member asks.
            ProPlanNeededError: the plan has no own keys.
            NotFoundError: there is no such provider.
            InvalidInputError: a number is none that can be kept.
        """
        limit_pico = scaled(limit, places=PICO, most=MOST_USD, what="The budget", field="limit")
        if not 0 <= unpriced_calls <= MOST_CALLS:
            raise InvalidInputError(
                f"The calls without a price must be from 0 to {MOST_CALLS:,}.", field="unpriced_calls"
            )
        if provider_id:
            self._catalogue.get(provider_id)
        with self._db.write() as session:
            grant = admit(session, actor, self._plans, admin=True, byok=True)
            company_id = grant.company.id
            lock_company(session, company_id)
            its = select(Budget).where(Budget.company_id == company_id, Budget.provider_id == provider_id)
            row = session.exec(its).one_or_none()
            if row is None:
                row = Budget(
                    company_id=company_id,
                    provider_id=provider_id,
                    limit_pico=limit_pico,
                    unpriced_calls=unpriced_calls,
                    updated_at=self._clock(),
                )
            before = f"; before: ${written(row.limit_pico)}" if row.limit_pico != limit_pico else ""
            row.limit_pico, row.unpriced_calls, row.updated_at = limit_pico, unpriced_calls, self._clock()
            session.add(row)
            detail = f"${written(limit_pico)} a month, {unpriced_calls:,} calls without a price{before}"
            self._record.add(session, actor, grant, "budget.set", subject=self._name(provider_id), detail=detail)
            # Told in here: a moment later somebody else may have changed it, or removed it.
            month = month_of(self._clock())
            now = spending(session.connection(), company_id=company_id, month=month, provider_id=provider_id)
            return self._view(allowances.Budget(provider_id, limit_pico, unpriced_calls), now)

    def clear(self, actor: Actor, provider_id: str) -> None:
        """Removes a budget: nothing but the provider's own limits holds back calls then.

        Raises:
            NotAllowedError: a member asks.
            NotFoundError: there is no such budget.
        """
        with self._db.write() as session:
            grant = admit(session, actor, self._plans, admin=True)
            its = select(Budget).where(Budget.company_id == grant.company.id, Budget.provider_id == provider_id)
            row = session.exec(its).one_or_none()
            if row is None:
                raise NotFoundError("There is no such budget.")
            session.delete(row)
            detail = f"before: ${written(row.limit_pico)} a month"
            self._record.add(session, actor, grant, "budget.cleared", subject=self._name(provider_id), detail=detail)

    def _name(self, provider_id: str) -> str:
        return self._catalogue.name_of(provider_id) or ALL_KEYS

    def _view(self, one: allowances.Budget, now: allowances.Spending) -> BudgetView:
        name = self._catalogue.name_of(one.provider_id)
        share = share_of(one, now)
        return BudgetView(
            provider_id=one.provider_id,
            provider=name or ALL_KEYS,
            limit_pico=one.limit_pico,
            spent_pico=now.spent_pico,
            held_pico=now.held_pico,
            unpriced_calls=one.unpriced_calls,
            unpriced_used=now.unpriced + now.held_unpriced,
            share=share,
            state="stopped" if share >= 1 else "warn" if share >= WARN else "ok",
            called=replace(one, provider=name).called(month_of(self._clock())),
        )


def share_of(budget: allowances.Budget, now: allowances.Spending) -> Decimal:
    """How much of a budget is spent or held, 1 being all of it; so is nothing of nothing."""
    taken = now.spent_pico + now.held_pico
    return Decimal(taken) / budget.limit_pico if budget.limit_pico else Decimal(1)
