"""Writes tables as CSV that no spreadsheet executes: text that begins like a formula is defused, numbers are not."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable
from decimal import Decimal

Cell = str | int | Decimal | None

FORMULA = r"=+\-@＝＋－＠"  # spreadsheets take the wide forms too
# What some of them skip before they look: blanks, marks without a width, quotes.
SKIPPED = r"\s\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff\"'`"
# What ends a cell or a line where commas stand within numbers: what follows begins a cell there, and quotes do not
# help, since none of them begins such a cell.
ENDS = (";", "\t", "\r", "\n")
# Each character is looked at once.
_BEFORE_FORMULA = re.compile(rf"(?:\A[{SKIPPED};]*+|(?<![{SKIPPED};])[{SKIPPED};]++)(?=[{FORMULA}])")


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
    safe = _BEFORE_FORMULA.sub(_defuse, cell)
    # A blank alone, too: it is on the usual lists of what may begin a formula.
    return f"'{safe}" if safe.startswith(ENDS[1:]) else safe


def _defuse(found: re.Match[str]) -> str:
    """What stands before a character that begins a formula, with an apostrophe where a cell may begin."""
    text = found.group()
    cell = max(text.rfind(end) for end in ENDS) + 1
    return f"{text[:cell]}'{text[cell:]}" if cell or found.start() == 0 else text
