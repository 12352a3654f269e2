"""What must be true of the ledger, reckoned anew from remembered rows in the plainest way. Touches no database.

Nothing here is taken from the product but names, and the bounds of the buckets: not how it adds, holds or refuses.
"""

from __future__ import annotations

import itertools
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from byok.core.allowances import Spending
from byok.core.ledger_figures import Figures
from byok.core.model_names import ModelName
from byok.ground.errors import BudgetReachedError, ByokError, PlanUsedUpError
from byok.ground.tables.rollups import BOUNDS_MS, BUCKETS
from tests.core.ledger_terms import Limit, Terms

Row = dict[str, Any]
NOBODY = UUID(int=0)


class Model:
    """All attempts as they must stand, in the order in which they began, and the terms of each company."""

    def __init__(self) -> None:
        self.rows: dict[UUID, Row] = {}
        self.question: dict[UUID, object] = {}
        self.terms: dict[UUID, Terms] = {}

    def of(self, company_id: UUID) -> list[Row]:
        """A company's attempts."""
        return [row for row in self.rows.values() if row["company_id"] == company_id]

    def open(self, company_id: UUID | None = None) -> list[Row]:
        """Those that are not settled."""
        return [row for row in self.rows.values() if is_open(row) and company_id in (None, row["company_id"])]

    def begin(self, row: Row, *, question: object = None) -> None:
        """A new attempt; at a question of its own, or at that of the attempt that it follows."""
        assert row["id"] not in self.rows
        self.rows[row["id"]] = row
        self.question[row["id"]] = row["id"] if question is None else question

    def settle(self, attempt_id: UUID, fields: Mapping[str, Any], *, at: datetime) -> None:
        """An attempt's end."""
        row = self.rows[attempt_id]
        assert is_open(row), "settled twice"
        self.rows[attempt_id] = row | dict(fields) | {"settled_at": at}
        if row["source"] == "byok" and row["reserved_pico"] is None:
            for provider_id, limit in self.terms[row["company_id"]].budgets.items():
                if provider_id in ("", row["provider_id"]):
                    limit.told_pico[row["month"]] += fields.get("cost_pico") or 0

    def change_allowance(self, company_id: UUID, messages: int) -> None:
        """Another plan, from now on."""
        over: Counter[str] = Counter()
        for month in months(self.of(company_id)):
            over[month] = max(0, messages_used(self.of(company_id), month) - messages)
        terms = self.terms[company_id]
        terms.allowance, terms.over = messages, over

    def set_budget(self, company_id: UUID, provider_id: str, limit: tuple[int, int] | None) -> None:
        """Another budget, or none, from now on."""
        budgets = self.terms[company_id].budgets
        budgets.pop(provider_id, None)
        if limit is None:
            return
        pico, calls = limit
        budgets[provider_id] = new = Limit(pico, calls)
        for month in months(self.of(company_id)):
            new.looked_at(month, spending(self.of(company_id), month, provider_id))

    def binding(self, company_id: UUID, name: ModelName) -> dict[str, Limit]:
        """The budgets that bind a call."""
        every = self.terms[company_id].budgets if name.source == "byok" else {}
        return {provider_id: limit for provider_id, limit in every.items() if provider_id in ("", name.provider_id)}

    def refusal(
        self, rows: Sequence[Row], company_id: UUID, name: ModelName, at_most_pico: int | None, month: str
    ) -> type[ByokError] | None:
        """What one more call must be refused with, if these are the company's attempts."""
        if name.source == "plan" and messages_used(rows, month) >= self.terms[company_id].allowance:
            return PlanUsedUpError
        for provider_id, limit in self.binding(company_id, name).items():
            now = spending(rows, month, provider_id)
            taken = now.spent_pico + now.held_pico
            used_up = taken > limit.pico or taken == limit.pico != 0
            if at_most_pico is None and (used_up or now.unpriced + now.held_unpriced + 1 > limit.calls):
                return BudgetReachedError
            if at_most_pico is not None and taken + at_most_pico > limit.pico:
                return BudgetReachedError
        return None

    def room(self, rows: Sequence[Row], row: Row, *, most: int) -> int:
        """How many attempts like this one get through, one after the other, of `most`."""
        name = ModelName(row["source"], row["provider_id"], row["model_asked"])
        taken = [*rows]
        for number in range(most):
            if self.refusal(taken, row["company_id"], name, row["reserved_pico"], row["month"]):
                return number
            taken.append(row)
        return most

    def rooms(self, row: Row, ends: Mapping[UUID, Mapping[str, Any]], *, most: int) -> tuple[int, int]:
        """The least and the most that get through while those end: whichever of them have ended by then."""
        found = []
        for some in itertools.product((False, True), repeat=len(ends)):
            ended = {one: end for (one, end), has_ended in zip(ends.items(), some, strict=True) if has_ended}
            rows = [one | dict(ended.get(one["id"], {})) for one in self.of(row["company_id"])]
            found.append(self.room(rows, row, most=most))
        return min(found), max(found)


def is_open(row: Row) -> bool:
    """Reserved, and nothing heard of it since."""
    return bool(row["status"] == "reserved")


def months(rows: Iterable[Row]) -> list[str]:
    """The months that have attempts."""
    return sorted({row["month"] for row in rows})


def month_of(moment: datetime) -> str:
    """The month in UTC, `YYYY-MM`."""
    utc = moment.astimezone(UTC)
    return f"{utc.year:04}-{utc.month:02}"


def day_of(row: Row) -> date:
    """The day on which it was reserved, in UTC."""
    utc: datetime = row["reserved_at"].astimezone(UTC)
    return date(utc.year, utc.month, utc.day)


def messages_used(rows: Iterable[Row], month: str) -> int:
    """Plan messages: what was answered on standard models, and what is still open."""
    plan = [row for row in rows if row["source"] == "plan" and row["month"] == month]
    return sum(row["answered"] or is_open(row) for row in plan)


def hidden_cost(row: Row) -> bool:
    """Whether a settled attempt may have cost something that nobody told: it had text, its process died, it was hung up
    on after it had been sent, or failed with the provider at work.
    """
    hung_up = row["status"] in ("complete", "stopped", "interrupted") and row["duration_ms"] is not None
    return row["cost_pico"] is None and bool(
        row["answered"] or row["taken_on"] or row["status"] == "unknown" or hung_up
    )


def spending(rows: Iterable[Row], month: str, provider_id: str) -> Spending:
    """What own keys cost in a month, with one provider or with all."""
    spent = held = unpriced = held_unpriced = 0
    for row in rows:
        if row["source"] != "byok" or row["month"] != month or provider_id not in ("", row["provider_id"]):
            continue
        most = row["reserved_pico"]
        if is_open(row):
            held, held_unpriced = held + (most or 0), held_unpriced + (most is None)
        elif hidden_cost(row):
            spent, unpriced = spent + (most or 0), unpriced + (most is None)
        else:
            spent += row["cost_pico"] or 0
    return Spending(spent, held, unpriced, held_unpriced)


def added_up(rows: Iterable[Row]) -> Counter[str]:
    """What settled attempts add up to, under the names of the columns of a day."""
    sums: Counter[str] = Counter()
    for row in rows:
        known = {name for name in ("tokens_in", "tokens_out", "cost_pico") if row[name] is not None}
        failed = row["status"] == "error"
        sums["answered"] += row["answered"]
        sums["errors"] += failed and not row["answered"]
        sums["unanswered"] += not failed and not row["answered"]
        sums["uncounted"] += row["answered"] and not {"tokens_in", "tokens_out"} <= known
        sums["unpriced"] += row["answered"] and "cost_pico" not in known
        sums["unbounded"] += hidden_cost(row) and row["reserved_pico"] is None
        sums["samples"] += row["sample"]
        sums["known_in"] += "tokens_in" in known
        sums["known_out"] += "tokens_out" in known
        sums["priced"] += "cost_pico" in known
        for name in ("tokens_in", "tokens_out", "tokens_cached", "tokens_reasoning", "cost_pico"):
            sums[name] += row[name] or 0
        sums["bound_pico"] += (row["reserved_pico"] or 0) if hidden_cost(row) else 0
        if row["ttft_ms"] is not None:
            sums[BUCKETS[bisect_right(BOUNDS_MS, row["ttft_ms"])]] += 1
    return sums


def figures(rows: Iterable[Row], by: Callable[[Row], Any]) -> dict[Any, Figures]:
    """The figures of attempts, open ones counted apart, by whatever `by` says of each."""
    sets: dict[Any, list[Row]] = {}
    for row in rows:
        sets.setdefault(by(row), []).append(row)
    return {place: _figures(some) for place, some in sets.items()}


def _figures(rows: Sequence[Row]) -> Figures:
    sums = added_up(row for row in rows if not is_open(row))
    return Figures(
        **{name: sums[name] for name in ("answered", "errors", "unanswered", "uncounted", "unpriced", "unbounded")},
        **{name: sums[name] for name in ("samples", "tokens_cached", "tokens_reasoning", "bound_pico")},
        **{name: sums[name] for name in ("known_in", "known_out")},
        open=sum(map(is_open, rows)),
        tokens_in=sums["tokens_in"] if sums["known_in"] else None,
        tokens_out=sums["tokens_out"] if sums["known_out"] else None,
        cost_pico=sums["cost_pico"] if sums["priced"] else None,
        first_tokens=tuple(sums[name] for name in BUCKETS),
    )


def days(rows: Iterable[Row], *, fine: bool) -> dict[tuple[Any, ...], Counter[str]]:
    """The rows of a day's table as they must stand, by what names each."""
    sets: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        if not is_open(row):
            place = (row["company_id"], day_of(row), row["source"], row["provider_id"])
            others = tuple(row[name] or NOBODY for name in ("key_id", "person_id", "chatbot_id"))
            sets.setdefault((*place, row["model_asked"], *others) if fine else place, []).append(row)
    return {place: added_up(some) for place, some in sets.items()}
