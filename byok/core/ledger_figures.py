"""The ledger's reading side: what a company's attempts add up to, own keys apart from the plan.

Reads the days that are added up already, and of the rows only those still open. Refuses to invent: unknown is not 0.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, time, timedelta
from operator import attrgetter
from typing import Any, Final, Literal, Self, cast
from uuid import UUID

import sqlalchemy as sa

from byok.core.first_tokens import EMPTY, median_ms
from byok.ground.clock import day_of
from byok.ground.prepared import Prepared
from byok.ground.tables.attempts import OPEN
from byok.ground.tables.rollups import BUCKETS, COARSE, FIGURES, NOBODY, USAGE_DAY, USAGE_DETAIL
from byok.ground.tables.types import metadata

Dimension = Literal["day", "source", "provider_id", "model", "key_id", "person_id", "chatbot_id"]
ATTEMPTS = metadata.tables["attempt"]
UNKNOWN_WITHOUT: Final = {"tokens_in": "known_in", "tokens_out": "known_out", "cost_pico": "priced"}


@dataclass(frozen=True, slots=True)
class Figures:
    """What a set of attempts adds up to. `requests` = answered + errors.

    Attributes:
        errors: attempts that failed before any text came.
        unanswered: stopped or cut off before any text came; neither answers nor errors.
        open: reserved, not settled yet; in none of the other figures.
        tokens_in: None where there are attempts and none has a count; so with `tokens_out` and `cost_pico`.
        tokens_cached: those of `tokens_in` that the provider had kept; `tokens_reasoning`: those of `tokens_out`.
        cost_pico: pico-dollars. `bound_pico`: the most that calls may cost of which no cost is known, as reserved.
        uncounted: answered attempts without token counts. `unpriced`: answered attempts without a price.
        unbounded: attempts that may have cost something, of which nothing is known.
        known_in, known_out: attempts with such a count, errors among them: a provider may have worked for nothing.
        samples: the demo's.
        first_tokens: how many had their first text within each bucket of `core.first_tokens`.
    """

    answered: int = 0
    errors: int = 0
    unanswered: int = 0
    open: int = 0
    tokens_in: int | None = 0
    tokens_out: int | None = 0
    tokens_cached: int = 0
    tokens_reasoning: int = 0
    cost_pico: int | None = 0
    bound_pico: int = 0
    uncounted: int = 0
    unpriced: int = 0
    unbounded: int = 0
    known_in: int = 0
    known_out: int = 0
    samples: int = 0
    first_tokens: tuple[int, ...] = EMPTY

    @property
    def requests(self) -> int:
        """Answered attempts and errors."""
        return self.answered + self.errors

    @property
    def attempts(self) -> int:
        """All attempts, open ones too."""
        return self.answered + self.errors + self.unanswered + self.open

    @property
    def lost_cost(self) -> bool:
        """Whether a cost may be missing of which `unpriced` says nothing: of attempts that ended before any text."""
        return self.unbounded > self.unpriced or (self.bound_pico > 0 and not self.unpriced)

    @property
    def cost_at_least(self) -> bool:
        """Whether the cost lacks that of some attempt, so that it is at least what it says."""
        return self.unpriced > 0 or self.lost_cost

    @property
    def ttft_ms(self) -> int | None:
        """About the median of the times to the first text; None where there is none."""
        return median_ms(self.first_tokens)

    def __add__(self, other: Self) -> Self:
        if not self.attempts or not other.attempts:  # nothing adds no doubt: 0 and unknown is unknown
            return self if self.attempts else other
        return type(self)(*map(_sum, _EACH(self), _EACH(other)))


_EACH = attrgetter(*(field.name for field in fields(Figures)))


def figures(
    connection: sa.Connection,
    by: Sequence[Dimension],
    *,
    company_id: UUID,
    first: date,
    last: date,
    person_id: UUID | None = None,
    provider_id: str | None = None,
) -> dict[tuple[Any, ...], Figures]:
    """Figures from the first day to the last, both included (UTC), by the values of the dimensions.

    Args:
        by: in this order; a person, key or chatbot that an attempt does not have is None.
        person_id: only this person's attempts, else everyone's. `provider_id`: likewise.
    """
    only_one, of_provider = person_id is not None, provider_id is not None
    asked = {"whose": company_id, "first": first, "last": last, "person": person_id, "provider": provider_id}
    # Those that are still open, which no day knows yet: a handful, in an index of their own. They are read first: one
    # that ends meanwhile is then seen as it was too, while the other way round it would be seen nowhere.
    still = _open(tuple(by), only_one, of_provider).run(connection, asked)
    found: dict[tuple[Any, ...], Figures] = {}
    for row in _settled(tuple(by), only_one, of_provider).run(connection, asked):
        place = tuple(None if value == NOBODY else value for value in row[: len(by)])
        found[place] = _figures(row[len(by) :])
    for row in still:
        day = day_of(row.reserved_at)
        if not first <= day <= last:
            continue
        values = row._asdict() | {"day": day}
        place = tuple(values[name] for name in by)
        one = Figures(open=1, tokens_in=None, tokens_out=None, cost_pico=None)
        found[place] = found.get(place, Figures()) + one
    return found


@functools.cache
def _settled(by: tuple[Dimension, ...], only_one: bool, of_provider: bool) -> Prepared:
    """The days added up, by these dimensions; of one person only, of one provider only."""
    table = USAGE_DAY if set(by) <= set(COARSE) and not only_one else USAGE_DETAIL
    days = table.c.day.between(sa.bindparam("first"), sa.bindparam("last"))
    mine = [table.c.company_id == sa.bindparam("whose"), days]
    mine += [table.c.person_id == sa.bindparam("person")] if only_one else []
    mine += [table.c.provider_id == sa.bindparam("provider")] if of_provider else []
    keys = [table.c[name] for name in by]
    sums = [sa.func.sum(table.c[name]).label(name) for name in (*FIGURES, *BUCKETS)]
    # Without a dimension SQL has one row even of nothing.
    return Prepared(sa.select(*keys, *sums).where(*mine).group_by(*keys).having(sa.func.count() > 0))


@functools.cache
def _open(by: tuple[Dimension, ...], only_one: bool, of_provider: bool) -> Prepared:
    """The attempts that are still open, each by itself, of whatever day: SQLite would look for days in all others."""
    a = ATTEMPTS.c
    mine = [a.company_id == sa.bindparam("whose"), OPEN]
    mine += [a.person_id == sa.bindparam("person")] if only_one else []
    mine += [a.provider_id == sa.bindparam("provider")] if of_provider else []
    columns = [a.model_asked.label("model") if name == "model" else a[name] for name in by if name != "day"]
    return Prepared(sa.select(a.reserved_at, *columns).where(*mine))


def _figures(row: Sequence[Any]) -> Figures:
    """Of a row of sums, in the order of `FIGURES` and `BUCKETS`."""
    sums = [int(value) for value in row]  # PostgreSQL sums into decimals
    values = dict(zip(FIGURES, sums, strict=False))
    known = {name: values[name] if values[count] else None for name, count in UNKNOWN_WITHOUT.items()}
    del values["priced"]
    return Figures(**cast("dict[str, Any]", values | known), first_tokens=tuple(sums[len(FIGURES) :]))


def within(first: date, last: date) -> tuple[sa.ColumnElement[bool], sa.ColumnElement[bool]]:
    """What holds of attempts reserved from the first day to the last, both included (UTC)."""
    start, end = (datetime.combine(day, time(), UTC) for day in (first, last + timedelta(days=1)))
    return ATTEMPTS.c.reserved_at >= start, ATTEMPTS.c.reserved_at < end


def changes(connection: sa.Connection, *, company_id: UUID, today: date, person_id: UUID | None = None) -> int:
    """How many attempts of the last days were reserved or settled: it grows with each step of each of them.

    Args:
        person_id: counts this person's alone.
    """
    d, a = (USAGE_DAY if person_id is None else USAGE_DETAIL).c, ATTEMPTS.c
    settled = sa.select(sa.func.coalesce(sa.func.sum(d.answered + d.errors + d.unanswered), 0)).where(
        d.company_id == company_id, d.day >= today - timedelta(days=2)
    )
    open_ones = sa.select(sa.func.count()).where(a.company_id == company_id, OPEN)
    if person_id is not None:
        settled, open_ones = settled.where(d.person_id == person_id), open_ones.where(a.person_id == person_id)
    done, still = connection.execute(sa.select(settled.scalar_subquery(), open_ones.scalar_subquery())).one()
    return 2 * int(done) + int(still)


def months(connection: sa.Connection, *, company_id: UUID, person_id: UUID | None = None) -> list[str]:
    """The months `YYYY-MM` that have attempts, newest first."""
    table = USAGE_DAY if person_id is None else USAGE_DETAIL
    query = sa.select(table.c.day).distinct().where(table.c.company_id == company_id)
    open_ones = sa.select(ATTEMPTS.c.month).where(ATTEMPTS.c.company_id == company_id, OPEN)
    if person_id is not None:
        query = query.where(table.c.person_id == person_id)
        open_ones = open_ones.where(ATTEMPTS.c.person_id == person_id)
    still = set(connection.execute(open_ones).scalars())  # first, as in `figures`
    found = still | {f"{day:%Y-%m}" for day in connection.execute(query).scalars()}
    return sorted(found, reverse=True)


def _sum(one: Any, two: Any) -> Any:
    if isinstance(one, tuple):
        return tuple(a + b for a, b in zip(one, two, strict=True))
    return one if two is None else two if one is None else one + two
