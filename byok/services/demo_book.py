"""Makes the demo's rows of the ledger: two past months of usage. Touches no database.

The same month gives the same figures every time; only their dates move along with the calendar.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

from byok.core.model_names import ModelName
from byok.ground.clock import month_of
from byok.ground.ids import new_id
from byok.ground.tables import Attempt
from byok.services.demo_data import DemoCompany, DemoData, DemoTurn, DemoUsage


class Book:
    """Writes sample rows of the ledger, all as if settled by one process that is gone."""

    def __init__(self, data: DemoData, *, now: datetime) -> None:
        self._data, self._now, self._process = data, now.astimezone(UTC), new_id()
        self._keys: dict[str, UUID] = {}
        self._random = Random(f"demo {month_of(now)}")  # noqa: S311 - figures to look at, not secrets

    def past(self, company: DemoCompany, *, company_id: UUID, people: list[UUID]) -> Iterator[dict[str, Any]]:
        """Answers of the two months before this one, on working days between 8 and 18 o'clock."""
        this_month = self._now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        day = (this_month - timedelta(days=1)).replace(day=1) - timedelta(days=1)
        day = day.replace(day=1)
        while day < this_month:
            if day.weekday() < 5:
                for row in self._data.usage:
                    if row.company == company.slug:
                        for _ in range(self._random.randint(row.a_day // 2, row.a_day + row.a_day // 2)):
                            moment = day + timedelta(hours=8, seconds=self._random.randrange(36_000))
                            yield self._answer(row, moment, company_id=company_id, people=people)
            day += timedelta(days=1)

    def this_month(
        self, company: DemoCompany, answers: int, *, company_id: UUID, people: list[UUID]
    ) -> Iterator[dict[str, Any]]:
        """So many answers between the first of this month and now."""
        row = next(row for row in self._data.usage if row.company == company.slug)
        start = self._now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        for _ in range(answers):
            moment = start + (self._now - start) * self._random.random()
            yield self._answer(row, moment, company_id=company_id, people=people, errors=0)

    def turn(self, turn: DemoTurn, moment: datetime, **ids: UUID | None) -> dict[str, Any]:
        """The attempt behind a turn of the saved conversation."""
        row = self._data.price(turn.model)
        cost = row.cost_pico(turn.tokens_in, turn.tokens_out) if row else None
        return {
            **self._attempt(turn.model, moment, row, cost),
            "tokens_in": turn.tokens_in,
            "tokens_out": turn.tokens_out,
            "ttft_ms": turn.ttft_ms,
            "duration_ms": turn.duration_ms,
            **ids,
        }

    def _answer(
        self, row: DemoUsage, moment: datetime, *, company_id: UUID, people: list[UUID], errors: float = 0.015
    ) -> dict[str, Any]:
        random = self._random
        tokens_in = round(row.tokens_in * random.uniform(0.5, 1.6))
        tokens_out = round(row.tokens_out * random.uniform(0.3, 1.8))
        ttft = round(row.ttft_ms * random.uniform(0.7, 1.6))
        failed = random.random() < errors
        cost = None if failed else row.cost_pico(tokens_in, tokens_out)
        attempt = self._attempt(row.model, moment, row, cost)
        attempt |= {"company_id": company_id, "person_id": random.choice(people)}
        if failed:
            return attempt | {"status": "error", "answered": False, "error": "RateLimitedError"}
        return attempt | {
            "tokens_in": tokens_in,
            "tokens_out": tokens_out,
            "ttft_ms": ttft,
            "duration_ms": ttft + tokens_out * 9,
        }

    def _attempt(self, model: str, moment: datetime, row: DemoUsage | None, cost: int | None) -> dict[str, Any]:
        name = ModelName.parse(model)
        nothing: dict[str, Any] = dict.fromkeys(Attempt.model_fields)
        return nothing | {
            "id": new_id(),
            "process_id": self._process,
            "source": name.source,
            "provider_id": name.provider_id,
            "model_asked": name.model,
            "model_answered": name.model,
            "key_id": self._keys.setdefault(row.key_label, new_id()) if row and row.key_label else None,
            "key_label": row.key_label if row else None,
            "key_hint": row.key_hint if row else None,
            "status": "complete",
            "answered": True,
            "cost_pico": cost,
            "price_origin": None if cost is None else "sample",
            "price_date": None if cost is None else self._data.checked.isoformat(),
            "month": month_of(moment),
            "sample": True,
            "reserved_at": moment,
            "settled_at": min(moment + timedelta(seconds=3), self._now),
        }
