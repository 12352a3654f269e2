"""The ledger's reading side: a month by provider, own keys apart from the plan. Refuses to invent: NULL is not 0."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Self
from uuid import UUID

import sqlalchemy as sa

from byok.ground.tables.types import metadata

ATTEMPTS = metadata.tables["attempt"]


@dataclass(frozen=True, slots=True)
class Figures:
    """What a set of settled attempts adds up to. `requests` = answered + errors.

    Attributes:
        errors: attempts that failed before any text came.
        unanswered: stopped or cut off before any text came; neither answers nor errors.
        tokens_in: None where there are attempts and none has a count; so with `tokens_out` and `cost_pico`.
        cost_pico: pico-dollars.
        uncounted: answered attempts without token counts. `unpriced`: answered attempts without a price.
        open: reserved, not settled yet; in none of the other figures.
    """

    answered: int = 0
    errors: int = 0
    unanswered: int = 0
    open: int = 0
    tokens_in: int | None = 0
    tokens_out: int | None = 0
    cost_pico: int | None = 0
    uncounted: int = 0
    unpriced: int = 0
    samples: int = 0

    @property
    def requests(self) -> int:
        """Answered attempts and errors."""
        return self.answered + self.errors

    @property
    def attempts(self) -> int:
        """All attempts, open ones too."""
        return self.answered + self.errors + self.unanswered + self.open

    def __add__(self, other: Self) -> Self:
        if not self.attempts or not other.attempts:  # nothing adds no doubt: 0 and unknown is unknown
            return self if self.attempts else other
        sums: list[Any] = [_sum(getattr(self, field.name), getattr(other, field.name)) for field in fields(self)]
        return type(self)(*sums)


def month_rows(
    connection: sa.Connection, *, company_id: UUID, month: str, person_id: UUID | None = None
) -> dict[tuple[str, str], Figures]:
    """Figures of a month `YYYY-MM` (UTC) by (provider id, source).

    Args:
        person_id: only this person's attempts, else everyone's.
    """
    a = ATTEMPTS.c
    settled = a.status != "reserved"
    mine = [a.company_id == company_id, a.month == month]
    if person_id is not None:
        mine.append(a.person_id == person_id)
    query = sa.select(
        a.provider_id,
        a.source,
        _count(settled & a.answered),
        _count((a.status == "error") & ~a.answered),
        _count(a.status.not_in(("reserved", "error")) & ~a.answered),
        _count(~settled),
        sa.func.sum(a.tokens_in),
        sa.func.sum(a.tokens_out),
        sa.func.sum(a.cost_pico),
        _count(settled & a.answered & (a.tokens_in.is_(None) | a.tokens_out.is_(None))),
        _count(settled & a.answered & a.cost_pico.is_(None)),
        _count(a.sample),
    )
    rows = connection.execute(query.where(*mine).group_by(a.provider_id, a.source))
    return {(row[0], row[1]): Figures(*map(_whole, row[2:])) for row in rows}


def months(connection: sa.Connection, *, company_id: UUID, person_id: UUID | None = None) -> list[str]:
    """The months `YYYY-MM` that have attempts, newest first."""
    a = ATTEMPTS.c
    query = sa.select(a.month).distinct().where(a.company_id == company_id).order_by(a.month.desc())
    if person_id is not None:
        query = query.where(a.person_id == person_id)
    return list(connection.execute(query).scalars())


def _count(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
    return sa.func.count(sa.case((condition, 1)))


def _whole(value: Any) -> Any:
    return None if value is None else int(value)  # PostgreSQL sums into decimals


def _sum(one: int | None, two: int | None) -> int | None:
    return one if two is None else two if one is None else one + two
