"""Corrections of settled attempts: a row of differences beside the ledger's own, added to the figures of its day.

Refuses to touch the attempt: what was booked stays as it was booked, and both can be read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from byok.core import rollups
from byok.core.allowances import one_at_a_time
from byok.ground.errors import InvalidInputError, NotFoundError
from byok.ground.ids import new_id
from byok.ground.tables.types import metadata

ATTEMPTS, ADJUSTMENTS = metadata.tables["attempt"], metadata.tables["adjustment"]
_a, _j = ATTEMPTS.c, ADJUSTMENTS.c


@dataclass(frozen=True, slots=True)
class Correction:
    """What an attempt's figures are to be; None leaves one as it is. `cost_pico` in pico-dollars."""

    tokens_in: int | None = None
    tokens_out: int | None = None
    cost_pico: int | None = None


def adjust(
    connection: sa.Connection,
    attempt_id: UUID,
    wanted: Correction,
    *,
    company_id: UUID,
    reason: str,
    made_by: str,
    at: datetime,
) -> UUID:
    """Corrects a settled attempt, in the caller's write transaction.

    Returns:
        The adjustment's id.

    Raises:
        NotFoundError: the company has no such attempt.
        InvalidInputError: it is still open, nothing would change, or a message of the plan were to get a cost.
    """
    # Each correction is a difference to all those before it.
    one_at_a_time(connection, company_id=company_id)
    mine = sa.select(ATTEMPTS).where(_a.id == attempt_id, _a.company_id == company_id)
    row = connection.execute(mine).one_or_none()
    if row is None:
        raise NotFoundError("There is no such attempt.")
    if row.source == "plan" and wanted.cost_pico is not None:
        raise InvalidInputError(
            "The plan pays for this message, so it has no cost of its own.",
            field="cost",
            next_step="Correct its token counts alone.",
        )
    if row.status == "reserved":
        raise InvalidInputError(
            "The attempt is still open.", field="attempt", next_step="Correct it when it has ended."
        )
    before = _as_corrected(connection, row)
    after = before | {name: value for name, value in _told(wanted).items() if value is not None}
    if after == before:
        raise InvalidInputError("The attempt has these figures already.", field="attempt")
    change = {name: (after[name] or 0) - (before[name] or 0) for name in after}
    known = {name: after[name] is not None and before[name] is None for name in after}
    counts = _counted(after) and not _counted(before)
    if (known["tokens_in"] or known["tokens_out"]) and not _counted(after):
        raise InvalidInputError("One token count is not enough.", field="tokens", next_step="Give both, in and out.")
    adjustment_id = new_id()
    fixed = {"id": adjustment_id, "company_id": company_id, "attempt_id": attempt_id, "reason": reason}
    fixed |= {"made_by": made_by, "made_at": at, "prices": known["cost_pico"], "counts": counts}
    connection.execute(sa.insert(ADJUSTMENTS).values(**fixed, **change))
    old, new = _figures(row, before), _figures(row, after)
    figures = {name: new[name] - old[name] for name in new}
    rollups.add(connection, [rollups.Settled(rollups.place_of(row), figures)])
    return adjustment_id


def corrections_of(company_id: UUID) -> sa.Subquery:
    """What a company's corrections of each attempt come to; `prices` and `counts` are 1 where one of them does so."""
    sums = [sa.func.sum(_j[name]).label(name) for name in ("tokens_in", "tokens_out", "cost_pico")]
    flags = [sa.func.max(sa.case((_j[name], 1), else_=0)).label(name) for name in ("prices", "counts")]
    each = sa.select(_j.attempt_id, *sums, *flags, sa.func.count().label("corrections"))
    return each.where(_j.company_id == company_id).group_by(_j.attempt_id).subquery()


def _figures(row: Any, figures: Mapping[str, int | None]) -> dict[str, int]:
    """What an attempt adds to its day with these figures in place of its own; its first token apart."""
    return rollups.figures_of(
        status=row.status,
        answered=row.answered,
        sample=row.sample,
        reserved_pico=row.reserved_pico,
        tokens_cached=row.tokens_cached,
        tokens_reasoning=row.tokens_reasoning,
        duration_ms=row.duration_ms,
        taken_on=row.taken_on,
        **figures,
    )


def _told(figures: Any) -> dict[str, int | None]:
    return {name: getattr(figures, name) for name in ("tokens_in", "tokens_out", "cost_pico")}


def _counted(figures: Mapping[str, int | None]) -> bool:
    return figures["tokens_in"] is not None and figures["tokens_out"] is not None


def _as_corrected(connection: sa.Connection, row: Any) -> dict[str, int | None]:
    """The attempt's figures with all corrections so far."""
    found = _told(row)
    query = sa.select(ADJUSTMENTS).where(_j.attempt_id == row.id).order_by(_j.made_at, _j.id)
    for one in connection.execute(query):
        now = dict(found)
        for name, value in found.items():
            first = one.prices if name == "cost_pico" else one.counts
            if value is not None or first:
                now[name] = (value or 0) + getattr(one, name)
        found = now
    return found
