"""The invariants of the ledger: a database against the model, whole row by whole row and figure by figure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from byok.core import ledger_figures
from byok.core.allowances import plan_used, spending
from byok.core.ledger_check import differences
from byok.core.ledger_figures import Dimension, Figures
from byok.ground.tables.rollups import BUCKETS, COARSE, FIGURES, FINE, USAGE_DAY, USAGE_DETAIL
from byok.ground.tables.types import metadata
from tests.core import ledger_model
from tests.core.ledger_model import Model, Row

ATTEMPTS = metadata.tables["attempt"]
EVER = (date(2025, 1, 1), date(2060, 12, 31))
COLUMNS = {"model": "model_asked"}
SPLITS: tuple[tuple[Dimension, ...], ...] = (
    ("provider_id", "source"),
    ("day", "source"),
    ("model", "provider_id", "source"),
    ("key_id",),
    ("person_id", "day"),
    ("chatbot_id", "source"),
)


def check_rows(connection: sa.Connection, model: Model) -> None:
    """One row an attempt, each as it was begun or settled, and the rows of both days' tables are their sums."""
    kept = {row["id"]: dict(row) for row in connection.execute(sa.select(ATTEMPTS)).mappings()}
    assert len(kept) == len(model.rows), f"{len(kept)} rows of {len(model.rows)} attempts"
    for attempt_id, row in model.rows.items():
        assert kept[attempt_id] == row
    for table, names in ((USAGE_DAY, COARSE), (USAGE_DETAIL, FINE)):
        days = {}
        for one in connection.execute(sa.select(table)).mappings():
            days[tuple(one[name] for name in names)] = {name: one[name] for name in (*FIGURES, *BUCKETS)}
        expected = ledger_model.days(model.rows.values(), fine=table is USAGE_DETAIL)
        assert days == {place: {name: sums[name] for name in (*FIGURES, *BUCKETS)} for place, sums in expected.items()}


def check_figures(connection: sa.Connection, model: Model, company_id: UUID) -> None:
    """What the product says of a company, by every split: the model's own sums, and no difference from the rows."""
    assert list(differences(connection, company_id=company_id)) == []
    rows, (first, last) = model.of(company_id), EVER
    for by in SPLITS:
        found = ledger_figures.figures(connection, by, company_id=company_id, first=first, last=last)
        assert found == ledger_model.figures(rows, _by(by))
    fine = ledger_figures.figures(connection, SPLITS[2], company_id=company_id, first=first, last=last)
    coarse = ledger_figures.figures(connection, ("source",), company_id=company_id, first=first, last=last)
    for (source,), sums in coarse.items():
        assert sums == _sum(one for place, one in fine.items() if place[2] == source)
    found = ledger_figures.figures(connection, (), company_id=company_id, first=first, last=last)
    assert found == ledger_model.figures(rows, _by(()))
    _check_part(connection, rows, company_id)
    assert ledger_figures.months(connection, company_id=company_id) == ledger_model.months(rows)[::-1]
    _check_line(model, company_id, coarse)


def _check_part(connection: sa.Connection, rows: list[Row], company_id: UUID) -> None:
    """The same for the last month alone, for one person, for one provider."""
    if not rows:
        return
    last = rows[-1]
    year, month = map(int, last["month"].split("-"))
    end = date(year + month // 12, month % 12 + 1, 1)
    whole: dict[str, Any] = {"first": date(year, month, 1), "last": end - timedelta(days=1), "company_id": company_id}
    of_month = [row for row in rows if row["month"] == last["month"]]
    by = SPLITS[0]
    assert ledger_figures.figures(connection, by, **whole) == ledger_model.figures(of_month, _by(by))
    theirs = [row for row in of_month if row["provider_id"] == last["provider_id"]]
    found = ledger_figures.figures(connection, by, **whole, provider_id=last["provider_id"])
    assert found == ledger_model.figures(theirs, _by(by))
    if last["person_id"] is not None:
        hers = [row for row in of_month if row["person_id"] == last["person_id"]]
        found = ledger_figures.figures(connection, by, **whole, person_id=last["person_id"])
        assert found == ledger_model.figures(hers, _by(by))


def _check_line(model: Model, company_id: UUID, by_source: dict[tuple[Any, ...], Figures]) -> None:
    """Answered requests on own keys + plan messages = answers; and no question has two."""
    answered = [row for row in model.of(company_id) if row["answered"]]
    byok, plan = (by_source.get((source,), Figures()).answered for source in ("byok", "plan"))
    assert byok + plan == len(answered) == len({model.question[row["id"]] for row in answered})


def check_limits(connection: sa.Connection, model: Model, company_id: UUID) -> None:
    """What is used of the plan and of each budget: told as it is, and never above what was allowed; nor is a budget
    that was passed ever passed further, but by calls that were reserved without an amount.
    """
    rows, terms = model.of(company_id), model.terms[company_id]
    for month in ledger_model.months(rows):
        used = plan_used(connection, company_id=company_id, month=month)
        assert used == ledger_model.messages_used(rows, month)
        assert used <= terms.allowance + terms.over[month], "more messages than the plan allows"
        for provider_id, limit in terms.budgets.items():
            now = spending(connection, company_id=company_id, month=month, provider_id=provider_id)
            assert now == ledger_model.spending(rows, month, provider_id)
            over = limit.over_pico[month] + limit.told_pico[month]
            assert now.spent_pico + now.held_pico <= limit.pico + over, "budget overspent"
            assert now.unpriced + now.held_unpriced <= limit.calls + limit.over_calls[month], "too many without a price"
            limit.looked_at(month, now)


def _by(names: tuple[Dimension, ...]) -> Callable[[Row], tuple[Any, ...]]:
    def place(row: Row) -> tuple[Any, ...]:
        return tuple(ledger_model.day_of(row) if name == "day" else row[COLUMNS.get(name, name)] for name in names)

    return place


def _sum(some: Iterable[Figures]) -> Figures:
    total = Figures()
    for one in some:
        total += one
    return total
