"""The usage table and its lines, as values: own keys beside the plan, and the line that adds up. Asks nobody anything.

An unknown figure stays None and shows as a dash.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from byok.core.ledger_figures import Figures
from byok.services.periods import Period

PICO = Decimal(10) ** -12


@dataclass(frozen=True, slots=True)
class UsageRow:
    """A provider, a day or a month; or a part of one: a model, key, person or chatbot.

    Attributes:
        id: the provider's id, or the day or month; of the total empty.
        name: what people read.
        where: which attempts these are, as `Usage.attempts` takes it.
        parts: what the row is made of, the largest first.
    """

    id: str
    name: str
    byok: Figures
    plan: Figures
    where: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    parts: tuple[UsageRow, ...] = ()

    @property
    def answers(self) -> int:
        """Answered BYOK requests and plan messages."""
        return self.byok.answered + self.plan.answered


@dataclass(frozen=True, slots=True)
class UsageTable:
    """Usage of a period.

    Attributes:
        own: whether only the actor's own usage is in the rows; the allowance is always the company's.
        allowance: plan messages a month. `used`: those of the running month, or of the one that the period is: answered
            ones and open reservations of the whole company.
        split: what the rows are split by; empty where they are not.
        message_pico: what a plan message costs the company; None where the operator has set no price.
    """

    period: Period
    own: bool
    rows: tuple[UsageRow, ...]
    total: UsageRow
    allowance: int
    used: int
    plan_name: str
    plan_sample: bool
    running_month: str
    split: str = ""
    message_pico: int | None = None

    @property
    def month(self) -> str:
        """The month that `used` is about, `YYYY-MM`."""
        return self.period.as_month or self.running_month

    @property
    def current(self) -> bool:
        """Whether `used` is about the month that runs, so that something may be left of its allowance."""
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
        own, messages, answers = many(byok, "answered BYOK request"), many(plan, "plan message"), self.total.answers
        return f"{own} + {messages} = {many(answers, 'answer')}"

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the figures should know, each in a sentence."""
        both = self.total.byok + self.total.plan
        own, held = self.total.byok, ", but a plan message is held" if self.total.plan.open else ""
        so = "the cost is at least the total shown." if own.cost_pico is not None else "what it cost is not known here."
        found = (
            (own.unpriced, f"{many(own.unpriced, 'call')} unpriced: {so}"),
            (
                both.uncounted,
                f"{many(both.uncounted, 'call')} without token counts: the tokens are at least those shown.",
            ),
            (
                both.open,
                f"{many(both.open, 'call')} still open: in no figure until it ends{held}.",
            ),
            (
                both.unanswered,
                f"{many(both.unanswered, 'call')} stopped or cut off before any text: neither answers nor errors.",
            ),
            (own.lost_cost, f"Calls that ended before any text may have been charged: {so}"),
        )
        return tuple(sentence for count, sentence in found if count)

    def to_json(self) -> dict[str, Any]:
        """The shape that `byok usage --json` prints. Costs are strings of USD; what is unknown is null."""
        month = self.period.as_month
        when = {"month": month} if month else {"from": f"{self.period.first}", "to": f"{self.period.last}"}
        return {
            **when,
            "rows": [_json(row) for row in self.rows],
            "total": _both(self.total),
            "allowance": {"month": self.month, "messages": self.allowance, "used": self.used},
        }


def usd(cost_pico: int | None) -> str | None:
    """Pico-dollars as an exact decimal number of USD without an exponent, at least six places; None stays None."""
    if cost_pico is None:
        return None
    whole, _, places = f"{cost_pico * PICO:f}".partition(".")
    return f"{whole}.{places.rstrip('0').ljust(6, '0')}"


def many(count: int, what: str) -> str:
    """`1 call`, `2,000 calls`."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _json(row: UsageRow) -> dict[str, Any]:
    found: dict[str, Any] = {next(iter(row.where), "provider").removesuffix("_id"): row.id, **_both(row)}
    if row.parts:
        found["parts"] = [{"name": part.name, **_both(part)} for part in row.parts]
    return found


def _both(row: UsageRow) -> dict[str, Any]:
    byok, plan = row.byok, row.plan
    return {
        "byok": {
            "requests": byok.requests,
            "answered": byok.answered,
            "tokens_in": byok.tokens_in,
            "tokens_out": byok.tokens_out,
            "cost": usd(byok.cost_pico),
            "cost_at_least": byok.cost_at_least,
            "unpriced": byok.unpriced,
            "errors": byok.errors,
            "ttft_ms": byok.ttft_ms,
            **_missing(byok),
        },
        "plan": {
            "messages": plan.answered,
            "tokens_in": plan.tokens_in,
            "tokens_out": plan.tokens_out,
            "errors": plan.errors,
            **_missing(plan),
        },
    }


def _missing(figures: Figures) -> dict[str, int]:
    """How many attempts the sums lack something of, or everything."""
    return {"uncounted": figures.uncounted, "unanswered": figures.unanswered, "open": figures.open}
