"""Adds the ledger's rows up anew, in SQL, and compares them with the days as they were added up one by one.

Two ways to the same figures, so that each proves the other. Repairs only when asked to.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from byok.core.adjustments import corrections_of
from byok.ground.tables.attempts import OPEN
from byok.ground.tables.rollups import (
    BOUNDS_MS,
    BUCKETS,
    COARSE,
    FIGURES,
    FINE,
    NOBODY,
    USAGE_DAY,
    USAGE_DETAIL,
)
from byok.ground.tables.types import metadata

ATTEMPTS = metadata.tables["attempt"]
TABLES = ((USAGE_DAY, COARSE), (USAGE_DETAIL, FINE))
_a = ATTEMPTS.c


@dataclass(frozen=True, slots=True)
class Difference:
    """A figure that is not what the rows add up to. `place` names the row of `table` that it stands in."""

    table: str
    place: tuple[Any, ...]
    figure: str
    kept: int
    rows: int

    def __str__(self) -> str:
        where = ", ".join(str(one) for one in self.place[1:] if one != NOBODY)
        return f"{self.table} ({where}): {self.figure} is {self.kept}, the rows add up to {self.rows}"


def differences(connection: sa.Connection, *, company_id: UUID) -> Iterator[Difference]:
    """Every figure of a company's days that its rows do not add up to; none, if all is well.

    Run it in one snapshot: what is settled between two statements would be a difference.
    """
    for table, names in TABLES:
        columns = [*names, *FIGURES, *BUCKETS]
        kept = _by_place(connection, sa.select(*(table.c[c] for c in columns)).where(_of(table, company_id)), names)
        anew = _by_place(connection, _sums(connection, names, company_id), names)
        nothing = (0,) * (len(columns) - len(names))
        for place in sorted(kept.keys() | anew.keys(), key=lambda one: tuple(map(str, one))):
            pairs = zip((*FIGURES, *BUCKETS), kept.get(place, nothing), anew.get(place, nothing), strict=True)
            for figure, one, other in pairs:
                if one != other:
                    yield Difference(table.name, place, figure, one, other)


def rebuild(connection: sa.Connection, *, company_id: UUID) -> None:
    """Adds a company's days up anew from its rows, in the caller's transaction."""
    for table, names in TABLES:
        connection.execute(sa.delete(table).where(_of(table, company_id)))
        sums = _sums(connection, names, company_id)
        connection.execute(sa.insert(table).from_select([*names, *FIGURES, *BUCKETS], sums))


def _by_place(
    connection: sa.Connection, query: sa.Select[Any], names: tuple[str, ...]
) -> dict[tuple[Any, ...], tuple[int, ...]]:
    found = {}
    for row in connection.execute(query):
        found[tuple(row[: len(names)])] = tuple(int(value) for value in row[len(names) :])
    return found


def _of(table: sa.Table, company_id: UUID) -> sa.ColumnElement[bool]:
    return table.c.company_id == company_id


def _sums(connection: sa.Connection, names: tuple[str, ...], company_id: UUID) -> sa.Select[Any]:
    """One row a place: its names, its figures and its buckets."""
    fixed = corrections_of(company_id)
    rows = ATTEMPTS.outerjoin(fixed, fixed.c.attempt_id == _a.id)
    keys = _keys(connection)
    sums = [sa.func.sum(one).label(name) for name, one in _figures(fixed).items()]
    query = sa.select(*(keys[name].label(name) for name in names), *sums).select_from(rows)
    mine = query.where(_a.company_id == company_id, ~OPEN)
    return mine.group_by(*(keys[name] for name in names))


def _keys(connection: sa.Connection) -> dict[str, sa.ColumnElement[Any]]:
    day: sa.ColumnElement[Any] = (
        sa.func.date(_a.reserved_at, type_=sa.Date)
        if connection.dialect.name == "sqlite"
        else sa.cast(sa.func.timezone("UTC", _a.reserved_at), sa.Date)
    )
    nobody = sa.literal(NOBODY, sa.Uuid)
    found: dict[str, sa.ColumnElement[Any]] = {"company_id": _a.company_id, "day": day, "model": _a.model_asked}
    found |= {name: _a[name] for name in ("source", "provider_id")}
    return found | {name: sa.func.coalesce(_a[name], nobody) for name in ("key_id", "person_id", "chatbot_id")}


def _figures(fixed: sa.Subquery) -> dict[str, sa.ColumnElement[int]]:
    """What one attempt adds, as `core.rollups` has it, in SQL."""
    f = fixed.c
    priced = _sure(_a.cost_pico.is_not(None) | (f.prices == 1))
    known_in = _sure(_a.tokens_in.is_not(None) | (f.counts == 1))
    known_out = _sure(_a.tokens_out.is_not(None) | (f.counts == 1))
    hung_up = (_a.status != "error") & _a.duration_ms.is_not(None)
    open_cost = (_a.answered | _sure(_a.taken_on) | (_a.status == "unknown") | hung_up) & ~priced
    found = {
        "answered": _one(_a.answered),
        "errors": _one((_a.status == "error") & ~_a.answered),
        "unanswered": _one((_a.status != "error") & ~_a.answered),
        "uncounted": _one(_a.answered & ~(known_in & known_out)),
        "unpriced": _one(_a.answered & ~priced),
        "unbounded": _one(open_cost & _a.reserved_pico.is_(None)),
        "samples": _one(_a.sample),
        "known_in": _one(known_in),
        "known_out": _one(known_out),
        "priced": _one(priced),
        **{name: _whole(_a[name]) + _whole(f[name]) for name in ("tokens_in", "tokens_out")},
        **{name: _whole(_a[name]) for name in ("tokens_cached", "tokens_reasoning")},
        "cost_pico": _whole(_a.cost_pico) + _whole(f.cost_pico),
        "bound_pico": sa.case((open_cost, _whole(_a.reserved_pico)), else_=0),
    }
    assert tuple(found) == FIGURES  # noqa: S101
    return found | dict(zip(BUCKETS, _buckets(), strict=True))


def _buckets() -> Iterator[sa.ColumnElement[int]]:
    for low, high in zip((0, *BOUNDS_MS), (*BOUNDS_MS, None), strict=True):
        yield _one((_a.ttft_ms >= low) & (_a.ttft_ms < high if high is not None else sa.true()))


def _one(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
    return sa.case((condition, 1), else_=0)


def _sure(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    """Where it is not known, e.g. for want of any correction, it does not hold."""
    return sa.func.coalesce(condition, sa.false())


def _whole(column: sa.ColumnElement[Any]) -> sa.ColumnElement[int]:
    return sa.func.coalesce(column, 0)
