"""Usage: for a month, what went over the company's own keys and what drew down the plan, side by side."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from byok.services.usage import UsageRow, UsageTable
from web import formats, parts
from web.house import signed_in, workbench

BYOK, PLAN = "Your keys", "Plan"


def page() -> None:
    """Draws the page for who is signed in."""
    who = signed_in()
    usage = workbench().usage
    months = usage.months(who.actor)
    with st.container(horizontal=True, vertical_alignment="bottom", horizontal_alignment="distribute"):
        st.title("Usage", anchor=False, width="content")
        month = st.selectbox("Month (UTC)", months, key="month", width=180, bind="query-params")
    st.caption(f"Billed directly by the provider. {parts.NO_MARKUP}")
    table = usage.month(who.actor, month)
    if table.own:
        st.caption(":material/person: These are your own calls. Admins see those of the whole company.")
    _meters(table)
    if not table.rows:
        parts.steps(
            "Nothing was asked in this month",
            ["Open the **Playground**", "Choose a model and ask something", "Come back: each answer is counted here"],
            icon=":material/monitoring:",
        )
        return
    _table(table)
    st.markdown(f":material/equal: **{table.line}**")
    for note in table.notes:
        st.caption(f":material/info: {note}")
    st.download_button(
        "Download CSV",
        table.csv(),
        file_name=f"usage-{who.company_slug}-{table.month}.csv",
        mime="text/csv",
        icon=":material/download:",
        on_click="ignore",
    )


def _meters(table: UsageTable) -> None:
    byok = table.total.byok
    with st.container(horizontal=True):
        cost = formats.dollars(byok.cost_pico)
        at_least = "≥ " if byok.unpriced and byok.cost_pico is not None else ""
        st.metric("BYOK requests", formats.count(byok.requests), border=True)
        st.metric("BYOK estimated cost", f"{at_least}{cost}", border=True)
        st.metric("Plan messages", formats.count(table.total.plan.answered), border=True)
        if table.current:
            of = formats.count(table.allowance)
            st.metric(f"{table.plan_name} plan: left of {of}", formats.count(table.left), border=True)
    if table.sample:
        st.badge("Sample data", color="gray", icon=":material/science:")


def _cells(row: UsageRow) -> dict[str, str]:
    return {
        "Provider": row.provider,
        f"{BYOK}: requests": formats.count(row.byok.requests),
        "Tokens in": formats.count(row.byok.tokens_in),
        "Tokens out": formats.count(row.byok.tokens_out),
        "Est. cost": formats.dollars(row.byok.cost_pico),
        "Errors": formats.count(row.byok.errors),
        f"{PLAN}: messages": formats.count(row.plan.answered),
        "Plan tokens in": formats.count(row.plan.tokens_in),
        "Plan tokens out": formats.count(row.plan.tokens_out),
        "Plan errors": formats.count(row.plan.errors),
        "Answers": formats.count(row.answers),
    }


def _table(table: UsageTable) -> None:
    frame = pd.DataFrame([_cells(row) for row in (*table.rows, table.total)])
    numbers = {name: st.column_config.TextColumn(name, alignment="right") for name in frame.columns[1:]}
    st.dataframe(
        frame,
        hide_index=True,
        height="content",
        column_config={"Provider": st.column_config.TextColumn("Provider", pinned=True), **numbers},
        alt=f"Usage by provider in {table.month}: {table.line}",
    )


page()
