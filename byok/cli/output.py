"""Prints: lines and tables with aligned columns for people, JSON for scripts. Nothing here knows what it prints.

Refuses to hand a terminal what it would obey: others chose the names that are printed.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import click

DASH = "-"


def echo_json(value: Any) -> None:
    """One JSON document on standard output. What a terminal would obey in it is written as an escape."""
    text = json.dumps(value, indent=2, ensure_ascii=False, default=str)
    click.echo("".join(one if _harmless(one) or one == "\n" else json.dumps(one)[1:-1] for one in text))


def echo_line(text: str, *, err: bool = False) -> None:
    """One line that names what others named, on standard output or standard error."""
    click.echo(shown(text), err=err)


def shown(text: str) -> str:
    """A text without what a terminal would obey: escape codes, line ends, changes of direction."""
    return text if text.isprintable() else "".join(one if _harmless(one) else "\ufffd" for one in text)


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


def _harmless(one: str) -> bool:
    return one.isprintable() or one in "\u200c\u200d"  # joiners, which scripts and emoji need inside a word


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _text(value: Any) -> str:
    if value is None or value == "":
        return DASH
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else shown(str(value))
