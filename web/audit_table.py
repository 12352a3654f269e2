"""Draws rows of the audit log as a table. Names in it were given by people: all of it is escaped."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from byok.services.audit_rows import EntryView

COLUMNS = ("Time (UTC)", "Who", "What", "To what", "Detail")


def html(rows: Sequence[EntryView]) -> str:
    """The table, for `st.html`."""
    heads = "".join(f'<th scope="col">{name}</th>' for name in COLUMNS)
    body = "".join(f"<tr>{''.join(_cell(text, small) for text, small in _cells(one))}</tr>" for one in rows)
    table = f"<table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>"
    return f'<div class="figures audit" tabindex="0" role="region" aria-label="Audit log">{table}</div>'


def _cells(one: EntryView) -> tuple[tuple[str, str], ...]:
    return (
        (f"{one.at:%Y-%m-%d %H:%M:%S}", f"Entry {one.seq:,}"),
        (one.who or "Nobody signed in", one.address),
        (one.what, one.action),
        (one.subject, f"Fingerprint {one.fingerprint}" if one.fingerprint else ""),
        (one.detail, f"Request {one.request_id}" if one.request_id else ""),
    )


def _cell(text: str, small: str) -> str:
    more = f"<br><small>{escape(small)}</small>" if small else ""
    return f"<td>{escape(text)}{more}</td>"
