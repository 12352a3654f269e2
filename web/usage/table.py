"""The usage table as HTML: own keys beside the plan; every number that counts something opens its attempts.

Names that others gave are escaped; what a click sends back is checked by the service that reads it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from html import escape

from byok.core.ledger_figures import Figures
from byok.services.usage_table import UsageRow, UsageTable
from web import formats

Write = Callable[[Figures], str]
# Heading, which attempts it opens, the number that decides whether there are any, and how it is written.
OWN: tuple[tuple[str, str, Write], ...] = (
    ("Requests", "requests", lambda one: formats.count(one.requests)),
    ("Tokens in", "settled", lambda one: formats.count(one.tokens_in)),
    ("Tokens out", "settled", lambda one: formats.count(one.tokens_out)),
    ("Est. cost", "settled", lambda one: at_least(one) + formats.dollars(one.cost_pico)),
    ("Errors", "errors", lambda one: formats.count(one.errors)),
    ("First token", "answered", lambda one: about_ms(one.ttft_ms)),
)
PLAN: tuple[tuple[str, str, Write], ...] = (
    ("Messages", "answered", lambda one: formats.count(one.answered)),
    ("Tokens in", "settled", lambda one: formats.count(one.tokens_in)),
    ("Tokens out", "settled", lambda one: formats.count(one.tokens_out)),
    ("Errors", "errors", lambda one: formats.count(one.errors)),
)
MOST_PARTS = 2000
"""Rows that a browser still draws at once; of a table with more of them, the parts are in its CSV alone."""
FIRST = {"provider_id": "Provider", "day": "Day (UTC)", "month": "Month (UTC)"}


def at_least(one: Figures) -> str:
    """`≥ ` where calls without a price, or which may have been charged, are missing in a cost."""
    return "≥ " if one.cost_at_least and one.cost_pico is not None else ""


def about_ms(value: int | None) -> str:
    """A median out of buckets: `≈ 320 ms`."""
    return formats.DASH if value is None else f"≈ {formats.milliseconds(value)}"


def too_many(table: UsageTable) -> int:
    """How many parts the table has, where they are too many to be drawn; else 0."""
    count = sum(len(row.parts) for row in table.rows)
    return count if count > MOST_PARTS else 0


def html(table: UsageTable) -> str:
    """The whole table, without its parts where they are too many."""
    rows = [replace(row, parts=()) for row in table.rows] if too_many(table) else table.rows
    first = FIRST[next(iter(table.rows[0].where))] if table.rows else "Provider"
    heads = "".join(f'<th scope="col">{name}</th>' for name, *_ in (*OWN, *PLAN))
    body = "".join(_group(number, row) for number, row in enumerate(rows))
    return (
        f'<table aria-label="Usage in {escape(table.period.label)}: {escape(table.line)}">'
        f'<thead><tr><th scope="col" rowspan="2">{first}</th>'
        f'<th scope="colgroup" colspan="{len(OWN)}">Your keys</th>'
        f'<th scope="colgroup" colspan="{len(PLAN)}">Plan</th><th scope="col" rowspan="2">Answers</th></tr>'
        f"<tr>{heads}</tr></thead>{body}"
        f'<tbody class="total">{_row(table.total, escape(table.total.name))}</tbody></table>'
    )


def _group(number: int, row: UsageRow) -> str:
    if not row.parts:
        return f"<tbody>{_row(row, escape(row.name))}</tbody>"
    fold = (
        f'<button class="fold" data-fold="{escape(row.id, quote=True)}" aria-expanded="true" '
        f'aria-controls="parts-{number}"><span aria-hidden="true"></span>{escape(row.name)}</button>'
    )
    parts = "".join(_row(part, escape(part.name), kind="part") for part in row.parts)
    return f'<tbody>{_row(row, fold)}</tbody><tbody id="parts-{number}">{parts}</tbody>'


def _row(row: UsageRow, name: str, *, kind: str = "") -> str:
    """Which attempts the row is about stands in it once; each button adds which of them it counts."""
    where = {name: None if value is None else str(value) for name, value in row.where.items()}
    about = escape(json.dumps({"name": row.name, "where": where}, ensure_ascii=False), quote=True)
    of_kind = f' class="{kind}"' if kind else ""
    own = "".join(_cell("byok", which, row.byok, write) for _, which, write in OWN)
    plan = "".join(_cell("plan", which, row.plan, write) for _, which, write in PLAN)
    answers = _number(formats.count(row.answers), "both", "answered", row.answers)
    return (
        f'<tr{of_kind} data-about="{about}"><th scope="row">{name}</th>{own}{plan}'
        f'<td class="answers">{answers}</td></tr>'
    )


def _cell(source: str, which: str, one: Figures, write: Write) -> str:
    settled = one.attempts - one.open
    count = {"errors": one.errors, "requests": one.requests, "answered": one.answered, "settled": settled}[which]
    start = ' class="start"' if write in (OWN[0][2], PLAN[0][2]) else ""
    return f"<td{start}>{_number(write(one), source, which, count)}</td>"


def _number(text: str, source: str, which: str, count: int) -> str:
    if not count or text == "0":
        return f'<span class="none">{text}</span>'
    return f'<button data-of="{source} {which}">{text}</button>'
