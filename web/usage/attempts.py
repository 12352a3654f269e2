"""The dialog behind a number: its attempts, the newest first, and all of them as CSV."""

from __future__ import annotations

import json
from collections.abc import Mapping
from html import escape
from typing import Any

import streamlit as st

from byok.ground.errors import ByokError
from byok.services.attempts import AttemptView
from byok.services.periods import Period
from web import formats, parts
from web.house import signed_in, while_signed_in, workbench

PAGE = 50
MOST = 500_000
"""Attempts in one CSV file."""
NEWEST = f"The newest {MOST:,}. Choose a shorter time for the others, or `byok usage attempts`."
TITLES = {
    "requests": "Requests",
    "answered": "Answers",
    "errors": "Errors",
    "settled": "Calls",
    "all": "Calls",
    "open": "Open calls",
    "unpriced": "Calls without a price",
}
SOURCES = {"byok": "your keys", "plan": "plan"}
COLUMNS = ("Time (UTC)", "Model", "Paid by", "Who", "State", "Tokens", "Est. cost", "First token", "Duration")


def opened(sent: str | None) -> tuple[str, dict[str, Any]] | None:
    """What a button of the table stands for: a row's name, and which attempts. None for what is none of ours."""
    try:
        found = json.loads(sent or "")
        name, where = found["name"], found["where"]
    except (ValueError, TypeError, KeyError):
        return None
    return (name, where) if isinstance(name, str) and isinstance(where, dict) else None


def show(period: Period, name: str, where: Mapping[str, Any]) -> None:
    """Opens the dialog."""
    source = SOURCES.get(str(where.get("source")), "both")
    title = f"{TITLES.get(str(where.get('which')), 'Calls')}: {parts.plain(name)}, {source}"
    st.dialog(title, width="large", icon=":material/list_alt:")(_draw)(period, dict(where))


def _draw(period: Period, where: dict[str, Any]) -> None:
    who = signed_in()
    shown = st.session_state.get("attempts-shown", PAGE)
    try:
        found = workbench().usage.attempts(who.actor, period, where=where, limit=shown)
    except ByokError as problem:
        parts.error(problem)
        return
    st.caption(f"{period.label} (UTC), the newest first. Texts are never part of this record.")
    if not found.rows:
        st.markdown("There are none.")
        return
    st.html(_table(found.rows))
    with st.container(horizontal=True):
        if found.more and st.button("Show more", icon=":material/expand_more:", key="attempts-more"):
            st.session_state["attempts-shown"] = shown + 4 * PAGE
            st.rerun(scope="fragment")
        st.download_button(
            "Download CSV",
            while_signed_in(lambda: workbench().usage.attempts_csv(who.actor, period, where=where, limit=MOST)[0]),
            file_name=f"attempts-{who.company_slug}-{period.label.replace(' ', '-')}.csv",
            mime="text/csv",
            icon=":material/download:",
            on_click="ignore",
            key="attempts-csv",
        )


def _table(rows: tuple[AttemptView, ...]) -> str:
    heads = "".join(f'<th scope="col">{name}</th>' for name in COLUMNS)
    body = "".join(f"<tr>{''.join(_cell(text, small) for text, small in _cells(one))}</tr>" for one in rows)
    table = f"<table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>"
    return f'<div class="figures attempts" tabindex="0" role="region" aria-label="Attempts">{table}</div>'


def _cell(text: str, small: str) -> str:
    more = f"<br><small>{escape(small)}</small>" if small else ""
    return f"<td>{escape(text)}{more}</td>"


def _cells(one: AttemptView) -> tuple[tuple[str, str], ...]:
    answered = one.model_answered if one.model_answered not in (None, one.model) else ""
    instead = f"instead of {one.instead_of}" if one.instead_of else ""
    key = f"{one.key_label} …{one.key_hint}" if one.key_label else ""
    price = " ".join(text for text in (one.price_origin, f"of {one.price_date}" if one.price_date else "") if text)
    fixed = f"{one.corrections} correction{'' if one.corrections == 1 else 's'}" if one.corrections else ""
    tokens = f"{formats.count(one.tokens_in)} in, {formats.count(one.tokens_out)} out"
    aside = [
        f"{formats.count(count)} {what}"
        for count, what in ((one.tokens_cached, "cached"), (one.tokens_reasoning, "reasoning"))
        if count
    ]
    return (
        (f"{one.at:%Y-%m-%d %H:%M:%S}", "sample" if one.sample else ""),
        (one.model, "; ".join(text for text in (answered, instead) if text)),
        ("Your key" if one.source == "byok" else "Plan", key or one.provider),
        (one.person or "The operator", one.chatbot or ""),
        (_state(one), one.error or one.request_id or ""),
        (tokens, ", ".join(aside)),
        (formats.exact(one.cost_pico), "; ".join(text for text in (price, fixed) if text)),
        (formats.whole_ms(one.ttft_ms), ""),
        (formats.whole_ms(one.duration_ms), ""),
    )


def _state(one: AttemptView) -> str:
    if one.status == "reserved":
        return "Open"
    return one.status.capitalize() + ("" if one.answered or one.status == "error" else ", before any text")
