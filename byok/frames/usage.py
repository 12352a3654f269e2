"""A company's usage as pandas DataFrames: the figures of the Usage page, and the attempts behind them.

Reads the database that the settings name, as the operator; refuses to make, upgrade or change anything there.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from byok.core.ledger_figures import Figures
from byok.frames.tables import FLAG, MOMENT, REAL, TEXT, WHOLE, frame, kinds
from byok.services.attempts import AttemptView
from byok.services.periods import Period, day_from
from byok.services.usage_table import UsageRow

if TYPE_CHECKING:
    import pandas as pd

    from byok.process import Workbench
    from byok.services.access import Actor
    from byok.services.usage import Usage

MOST = 10_000_000
# Of the plan's messages, which are not paid for one by one, whatever was once booked for one of them.
NO_COST = {"cost_pico": None, "cost_usd": None, "cost_at_least": False, "unpriced": 0}
FIGURES = kinds(
    (TEXT, "source"),
    # Without cached and reasoning tokens: the days are kept without saying of how many attempts these are known.
    (WHOLE, "requests answered errors unanswered open tokens_in tokens_out cost_pico"),
    (REAL, "cost_usd"),
    (FLAG, "cost_at_least"),
    (WHOLE, "unpriced uncounted ttft_ms"),
)
ATTEMPTS = kinds(
    (MOMENT, "at"),
    (TEXT, "source provider model model_answered instead_of key_label key_hint person chatbot status"),
    (FLAG, "answered"),
    (TEXT, "error"),
    (WHOLE, "tokens_in tokens_out tokens_cached tokens_reasoning cost_pico"),
    (REAL, "cost_usd"),
    (TEXT, "price_origin price_date"),
    (REAL, "price_in_usd_per_million price_out_usd_per_million"),
    (WHOLE, "ttft_ms duration_ms corrections"),
    (TEXT, "request_id conversation_id id"),
    (FLAG, "sample"),
)


@dataclass(frozen=True, slots=True)
class UsageFrames:
    """Usage of a period as tables, own keys (`byok`) and the plan each a row of their own.

    Attributes:
        providers: by provider and source: `provider`, then `FIGURES`.
        days: by day (UTC), provider and source; days without any attempt are missing.
        attempts: one row an attempt, `ATTEMPTS`, the newest first.
    """

    providers: pd.DataFrame
    days: pd.DataFrame
    attempts: pd.DataFrame


def read_usage(
    company: str,
    *,
    month: str | None = None,
    first: date | str | None = None,
    last: date | str | None = None,
    workbench: Workbench | None = None,
) -> UsageFrames:
    """Reads a company's usage of a month, or from one day to another.

    Args:
        company: its slug.
        month: `YYYY-MM`.
        first: with `last`, both included (UTC), instead of a month; dates, or text `YYYY-MM-DD`.
        workbench: one that is open already; without it the settings of the environment hold.

    Raises:
        SettingsError: there is no database, or it is of another release; the message says what to do.
        NotFoundError: there is no such company.
        InvalidInputError: those are no days that can be asked for.
        ValueError: neither a month nor two days were given.
    """
    if month is not None:
        period = Period.month(month)
    elif first is not None and last is not None:
        period = Period.between(day_from(first, field="first"), day_from(last, field="last"))
    else:
        raise ValueError("give a month, or the first and the last day")
    with _open(company, workbench) as (usage, operator):
        whole = usage.table(operator, period)
        by_day = usage.table(operator, period, rows="day", split="provider")
        attempts = usage.attempts(operator, period, limit=MOST)
    days = [{"day": day.name, **row} for day in by_day.rows for row in _figures(day.parts)]
    return UsageFrames(
        frame(_figures(whole.rows), kinds((TEXT, "provider_id provider")) | FIGURES),
        frame(days, kinds((TEXT, "day provider_id provider")) | FIGURES),
        frame([_attempt(one) for one in attempts.rows], ATTEMPTS),
    )


@contextlib.contextmanager
def _open(company: str, workbench: Workbench | None) -> Iterator[tuple[Usage, Actor]]:
    if workbench is not None:
        yield workbench.usage, workbench.accounts.company(company).operator
        return
    from byok.reading import Reader

    reader = Reader.open()
    try:
        yield reader.usage, reader.operator(company)
    finally:
        reader.close()


def _figures(rows: Sequence[UsageRow]) -> list[dict[str, Any]]:
    return [
        {"provider_id": row.id, "provider": row.name, "source": source, **_row(figures), **more}
        for row in rows
        for source, figures, more in (
            ("byok", row.byok, {"cost_at_least": row.byok.cost_at_least}),
            ("plan", row.plan, NO_COST),
        )
        if figures.attempts
    ]


def _row(figures: Figures) -> dict[str, Any]:
    more = {"requests": figures.requests, "ttft_ms": figures.ttft_ms, "cost_usd": _usd(figures.cost_pico)}
    return asdict(figures) | more


def _attempt(one: AttemptView) -> dict[str, Any]:
    ids = {"id": str(one.id), "conversation_id": None if one.conversation_id is None else str(one.conversation_id)}
    prices = {
        "cost_usd": _usd(one.cost_pico),
        "price_in_usd_per_million": _usd(one.price_in_pico),
        "price_out_usd_per_million": _usd(one.price_out_pico),
    }
    return asdict(one) | ids | prices


def _usd(pico: int | None) -> Decimal | None:
    return None if pico is None else Decimal(pico).scaleb(-12)
