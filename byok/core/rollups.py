"""Adds settled attempts to the figures of their day, in the transaction that settles them. Takes none away again.

A correction adds its difference, which may be less than nothing. What a row means is in `ground.tables.rollups`.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from byok.core.first_tokens import bucket
from byok.ground.clock import day_of
from byok.ground.prepared import Prepared
from byok.ground.tables.rollups import BUCKETS, COARSE, FIGURES, FINE, NOBODY, USAGE_DAY, USAGE_DETAIL

NAMED = ("company_id", "source", "provider_id", "model_asked", "key_id", "person_id", "chatbot_id")
"""What of an attempt says into which rows it goes, beside the day of its reservation."""

MOST_PICO: Final = 10**16
"""The most that one attempt may be booked with, in pico-dollars: $10,000, beyond any answer. A column holds 922 times
as much, so that it takes as many such attempts in one period, and not one absurd figure, until nothing adds up."""


@dataclass(frozen=True, slots=True)
class Settled:
    """An attempt as it was settled: `place` is its row of `usage_detail`, `figures` what it adds there."""

    place: tuple[Any, ...]
    figures: Mapping[str, int]


def place_of(row: Any) -> tuple[Any, ...]:
    """The row of `usage_detail` of an attempt.

    Args:
        row: with `NAMED` and `reserved_at` as attributes.
    """
    day, others = day_of(row.reserved_at), (row.key_id, row.person_id, row.chatbot_id)
    return (row.company_id, day, row.source, row.provider_id, row.model_asked, *(one or NOBODY for one in others))


def may_have_cost(*, status: str, answered: bool, duration_ms: int | None, taken_on: bool | None = None) -> bool:
    """Whether a provider may charge for an attempt: not for one that it refused, or that was never sent."""
    return answered or bool(taken_on) or status == "unknown" or (status != "error" and duration_ms is not None)


def figures_of(
    *,
    status: str,
    answered: bool,
    sample: bool = False,
    reserved_pico: int | None = None,
    tokens_in: int | None = None,
    tokens_out: int | None = None,
    tokens_cached: int | None = None,
    tokens_reasoning: int | None = None,
    cost_pico: int | None = None,
    ttft_ms: int | None = None,
    duration_ms: int | None = None,
    taken_on: bool | None = None,
) -> dict[str, int]:
    """What one settled attempt adds."""
    may_cost = may_have_cost(status=status, answered=answered, duration_ms=duration_ms, taken_on=taken_on)
    open_cost = cost_pico is None and may_cost
    found = {
        "answered": answered,
        "errors": status == "error" and not answered,
        "unanswered": status != "error" and not answered,
        "uncounted": answered and (tokens_in is None or tokens_out is None),
        "unpriced": answered and cost_pico is None,
        "unbounded": open_cost and reserved_pico is None,
        "samples": sample,
        "known_in": tokens_in is not None,
        "known_out": tokens_out is not None,
        "priced": cost_pico is not None,
        "tokens_in": tokens_in or 0,
        "tokens_out": tokens_out or 0,
        "tokens_cached": tokens_cached or 0,
        "tokens_reasoning": tokens_reasoning or 0,
        "cost_pico": cost_pico or 0,
        "bound_pico": (reserved_pico or 0) if open_cost else 0,
    }
    if ttft_ms is not None:
        found[BUCKETS[bucket(ttft_ms)]] = 1
    return found


def add(connection: sa.Connection, settled: Sequence[Settled]) -> None:
    """Adds them to both tables, always in the same order, so that no two transactions wait for each other in a circle.

    Zero is added as well: a row says that there was something.
    """
    for table, names in ((USAGE_DAY, COARSE), (USAGE_DETAIL, FINE)):
        sums: dict[tuple[Any, ...], Counter[str]] = {}
        for one in settled:
            sums.setdefault(one.place[: len(names)], Counter()).update(one.figures)
        for place, figures in sorted(sums.items(), key=lambda item: tuple(map(str, item[0]))):
            buckets = tuple(name for name in BUCKETS if figures[name])
            values = dict.fromkeys((*FIGURES, *buckets), 0) | dict(zip(names, place, strict=True)) | figures
            _adding(table, names, buckets).run(connection, values)


@functools.lru_cache(maxsize=256)
def _adding(table: sa.Table, names: tuple[str, ...], buckets: tuple[str, ...]) -> Prepared:
    """The statement that makes a row or adds to it. Both databases write this alike, yet Core only for each its own."""
    added = (*FIGURES, *buckets)
    sums = ", ".join(f"{name} = {table.name}.{name} + excluded.{name}" for name in added)
    return Prepared(
        sa.insert(table), columns=(*names, *added), then=f"ON CONFLICT ({', '.join(names)}) DO UPDATE SET {sums}"
    )
