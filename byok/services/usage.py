"""A month's usage: one row a provider, own keys beside the plan, and the line that adds up.

Members see their own, admins and the operator the company's. An unknown figure stays None and shows as a dash.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from byok.core import ledger
from byok.core.catalogue import Catalogue
from byok.core.ledger_figures import Figures, month_rows, months
from byok.core.plans import Plans
from byok.ground.clock import Clock, month_of, utc_now
from byok.ground.db import Database
from byok.ground.errors import InvalidInputError
from byok.services.access import Actor, admit
from byok.services.usage_csv import table_csv

PICO = Decimal(10) ** -12


@dataclass(frozen=True, slots=True)
class UsageRow:
    """One provider: what went over own keys, and what over the plan. `provider` is its full name."""

    provider_id: str
    provider: str
    byok: Figures
    plan: Figures

    @property
    def answers(self) -> int:
        """Answered BYOK requests and plan messages."""
        return self.byok.answered + self.plan.answered


@dataclass(frozen=True, slots=True)
class UsageTable:
    """A month `YYYY-MM` (UTC).

    Attributes:
        own: whether only the actor's own usage is in the rows; the allowance is always the company's.
        allowance: plan messages a month. `used`: answered ones and open reservations of the whole company.
    """

    month: str
    own: bool
    rows: tuple[UsageRow, ...]
    total: UsageRow
    allowance: int
    used: int
    plan_name: str
    plan_sample: bool
    running_month: str

    @property
    def current(self) -> bool:
        """Whether it is the month that runs, so that something may be left of its allowance."""
        return self.month == self.running_month

    @property
    def left(self) -> int:
        """Plan messages left of the month's allowance; never below 0, e.g. after a downgrade."""
        return max(0, self.allowance - self.used)

    @property
    def sample(self) -> bool:
        """Whether the demo's sample attempts are among the figures."""
        return self.total.byok.samples + self.total.plan.samples > 0

    @property
    def line(self) -> str:
        """The line that adds up."""
        byok, plan = self.total.byok.answered, self.total.plan.answered
        own, messages, answers = _many(byok, "answered BYOK request"), _many(plan, "plan message"), self.total.answers
        return f"{own} + {messages} = {_many(answers, 'answer')}"

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the figures should know, each in a sentence."""
        both = self.total.byok + self.total.plan
        unpriced, priced = self.total.byok.unpriced, self.total.byok.cost_pico is not None
        unpriced_so = "the cost is at least the total shown." if priced else "what it cost is not known here."
        found = (
            (unpriced, f"{_many(unpriced, 'call')} unpriced: {unpriced_so}"),
            (
                both.uncounted,
                f"{_many(both.uncounted, 'call')} without token counts: the tokens are at least those shown.",
            ),
            (
                both.open,
                f"{_many(both.open, 'call')} still open: in no figure until it ends, but a plan message is held.",
            ),
            (both.unanswered, f"{_many(both.unanswered, 'call')} stopped or cut off before any text: counted nowhere."),
        )
        return tuple(sentence for count, sentence in found if count)

    def to_json(self) -> dict[str, Any]:
        """The shape that `byok usage --json` prints. Costs are strings of USD; what is unknown is null."""
        return {
            "month": self.month,
            "rows": [{"provider": row.provider_id, **_json(row)} for row in self.rows],
            "total": _json(self.total),
            "allowance": {"messages": self.allowance, "used": self.used},
        }

    def csv(self) -> bytes:
        """The table as on the screen, as UTF-8 CSV that a spreadsheet can open safely."""
        return table_csv(self)


class Usage:
    """What a page or a command may ask about usage."""

    def __init__(self, *, db: Database, plans: Plans, catalogue: Catalogue, clock: Clock = utc_now) -> None:
        self._db, self._plans, self._catalogue, self._clock = db, plans, catalogue, clock

    def month(self, actor: Actor, month: str | None = None) -> UsageTable:
        """The usage of a month.

        Args:
            month: `YYYY-MM`; None means the current one (UTC).

        Raises:
            InvalidInputError: that is no month.
        """
        month = month_of(self._clock()) if month is None else _checked(month)
        with self._db.read() as session:
            grant = admit(session, actor, self._plans)
            connection, company_id = session.connection(), grant.company.id
            person_id = None if grant.is_admin else actor.person_id
            figures = month_rows(connection, company_id=company_id, month=month, person_id=person_id)
            used = ledger.plan_used(connection, company_id=company_id, month=month)
        names = {provider.id: provider.name for provider in self._catalogue.all()}
        order = {provider_id: place for place, provider_id in enumerate(names)}
        ids = sorted({provider_id for provider_id, _ in figures}, key=lambda one: (order.get(one, len(order)), one))
        none = Figures()
        rows = tuple(
            UsageRow(one, names.get(one, one), figures.get((one, "byok"), none), figures.get((one, "plan"), none))
            for one in ids
        )
        total = UsageRow("", "Total", sum((row.byok for row in rows), none), sum((row.plan for row in rows), none))
        return UsageTable(
            month=month,
            own=not grant.is_admin,
            rows=rows,
            total=total,
            allowance=grant.plan.messages,
            used=used,
            plan_name=grant.plan.name,
            plan_sample=grant.plan.sample,
            running_month=month_of(self._clock()),
        )

    def months(self, actor: Actor) -> list[str]:
        """The months that have usage, newest first; the current one always among them."""
        with self._db.read() as session:
            grant = admit(session, actor, self._plans)
            person_id = None if grant.is_admin else actor.person_id
            found = months(session.connection(), company_id=grant.company.id, person_id=person_id)
        return sorted({month_of(self._clock()), *found}, reverse=True)

    def allowance(self, actor: Actor) -> tuple[int, int]:
        """(plan messages of this month's allowance, used), for "Plan · 412 of 2,000 left". Cheap."""
        with self._db.read() as session:
            grant = admit(session, actor, self._plans)
            month = month_of(self._clock())
            used = ledger.plan_used(session.connection(), company_id=grant.company.id, month=month)
            return grant.plan.messages, used


def usd(cost_pico: int | None) -> str | None:
    """Pico-dollars as an exact decimal number of USD without an exponent, at least six places; None stays None."""
    if cost_pico is None:
        return None
    whole, _, places = f"{cost_pico * PICO:f}".partition(".")
    return f"{whole}.{places.rstrip('0').ljust(6, '0')}"


def _json(row: UsageRow) -> dict[str, Any]:
    byok, plan = row.byok, row.plan
    return {
        "byok": {
            "requests": byok.requests,
            "answered": byok.answered,
            "tokens_in": byok.tokens_in,
            "tokens_out": byok.tokens_out,
            "cost": usd(byok.cost_pico),
            "unpriced": byok.unpriced,
            "errors": byok.errors,
        },
        "plan": {
            "messages": plan.answered,
            "tokens_in": plan.tokens_in,
            "tokens_out": plan.tokens_out,
            "errors": plan.errors,
        },
    }


def _checked(month: str) -> str:
    year, dash, number = month.partition("-")
    if len(year) == 4 and dash and len(number) == 2 and (year + number).isdecimal() and month.isascii():  # noqa: SIM102
        if 1 <= int(number) <= 12:
            return month
    raise InvalidInputError(f"{month!r} is not a month.", field="month", next_step="Write it as 2026-11.")


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"
