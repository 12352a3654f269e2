"""Prints: tables with aligned columns for people, JSON for scripts. Nothing here knows what it prints."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import click

DASH = "-"


def echo_json(value: Any) -> None:
    """One JSON document on standard output."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def echo_table(headings: Sequence[str], rows: Sequence[Sequence[Any]], *, empty: str = "Nothing yet.") -> None:
    """A table on standard output: numbers stand to the right, None is a dash. Without rows it says `empty`."""
    if not rows:
        click.echo(empty)
        return
    right = [all(row[i] is None or _is_number(row[i]) for row in rows) for i in range(len(headings))]
    cells = [[_text(value) for value in row] for row in rows]
    widths = [max(len(text) for text in column) for column in zip(headings, *cells, strict=True)]
    for line in ([*headings], *cells):
        padded = (
            text.rjust(width) if to_right else text.ljust(width)
            for text, width, to_right in zip(line, widths, right, strict=True)
        )
        click.echo("  ".join(padded).rstrip())


def day_and_time(moment: datetime | None) -> str:
    """A moment in UTC as people read it; a dash where there is none."""
    return DASH if moment is None else f"{moment:%Y-%m-%d %H:%M} UTC"


def at_least() -> str:
    """What marks a sum in which something is missing. A file on Windows, say, may have no sign for it."""
    try:
        "≥".encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return ">= "
    return "≥ "


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _text(value: Any) -> str:
    if value is None or value == "":
        return DASH
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else str(value)
