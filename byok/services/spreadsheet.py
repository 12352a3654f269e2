"""Writes tables as CSV that no spreadsheet executes: text that begins like a formula is defused, numbers are not."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from decimal import Decimal

Cell = str | int | Decimal | None

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # spreadsheets take the wide forms too
BLANK = " \u00a0\ufeff"  # what some of them skip before they look


def to_csv(rows: Iterable[Iterable[Cell]]) -> bytes:
    """Rows as UTF-8 CSV. None is an empty cell; a number is written without an exponent."""
    raw = io.BytesIO()
    # With the mark, spreadsheets read UTF-8 as UTF-8. Encoded as it grows: a text may take four times as much.
    out = io.TextIOWrapper(raw, encoding="utf-8-sig", newline="")
    csv.writer(out, lineterminator="\r\n").writerows([_cell(cell) for cell in row] for row in rows)
    out.flush()
    return raw.getvalue()


def _cell(cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, Decimal):
        return f"{cell:f}"
    if isinstance(cell, int):
        return str(cell)
    return f"'{cell}" if cell.lstrip(BLANK).startswith(FORMULA) else cell
