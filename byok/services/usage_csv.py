"""Writes tables as CSV that no spreadsheet executes: text that begins like a formula is defused, numbers are not."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from byok.core.ledger_figures import Figures
    from byok.services.usage import UsageTable

Cell = str | int | Decimal | None

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # spreadsheets take the wide forms too
BLANK = " \u00a0\ufeff"  # what some of them skip before they look
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


def to_csv(rows: Iterable[Iterable[Cell]]) -> bytes:
    """Rows as UTF-8 CSV. None is an empty cell; a number is written without an exponent."""
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\r\n").writerows([_cell(cell) for cell in row] for row in rows)
    # With the mark, spreadsheets read UTF-8 as UTF-8.
    return out.getvalue().encode("utf-8-sig")


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


def _cell(cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, Decimal):
        return f"{cell:f}"
    if isinstance(cell, int):
        return str(cell)
    return f"'{cell}" if cell.lstrip(BLANK).startswith(FORMULA) else cell
