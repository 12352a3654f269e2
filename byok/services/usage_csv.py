"""A month's usage as CSV: the table as on the screen, the total last. Refuses to round what it writes."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from byok.services.spreadsheet import Cell, to_csv

if TYPE_CHECKING:
    from byok.core.ledger_figures import Figures
    from byok.services.usage import UsageTable

HEAD = (
    "Month (UTC)",
    "Provider",
    "BYOK requests",
    "BYOK answered",
    "BYOK tokens in",
    "BYOK tokens out",
    "BYOK estimated cost (USD)",
    "BYOK unpriced calls",
    "BYOK errors",
    "Plan messages",
    "Plan tokens in",
    "Plan tokens out",
    "Plan errors",
    "Answers",
)


def table_csv(table: UsageTable) -> bytes:
    """A month's usage, the total last."""
    rows = [(row.provider, row.byok, row.plan, row.answers) for row in (*table.rows, table.total)]
    return to_csv([HEAD, *((table.month, name, *_figures(byok, plan), answers) for name, byok, plan, answers in rows)])


def _figures(byok: Figures, plan: Figures) -> tuple[Cell, ...]:
    cost = None if byok.cost_pico is None else Decimal(byok.cost_pico).scaleb(-12)
    return (
        byok.requests,
        byok.answered,
        byok.tokens_in,
        byok.tokens_out,
        cost,
        byok.unpriced,
        byok.errors,
        plan.answered,
        plan.tokens_in,
        plan.tokens_out,
        plan.errors,
    )
