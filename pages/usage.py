"""Usage: what went over the company's own keys and what drew down the plan, side by side, and that it adds up."""

from __future__ import annotations

from datetime import date

import streamlit as st

from byok.ground.clock import day_of
from byok.ground.errors import InvalidInputError
from byok.services.periods import By, Period
from byok.services.sessions import Identity
from byok.services.usage_csv import table_csv
from byok.services.usage_table import UsageTable
from web import elements, formats, navigation, parts, usage_stream
from web.house import signed_in, while_signed_in, workbench
from web.usage import attempts, budgets, charts, elsewhere, meter, period, prices, table

FIGURES, OPEN = "usage-figures", "usage-open"
LIVE = [FIGURES, budgets.SECTION, navigation.LEFT]  # the parts that follow answers as they end
A_QUARTER = 92  # days: charts of more show months


def page() -> None:
    """Draws the page for who is signed in."""
    who = signed_in()
    usage, today = workbench().usage, day_of(workbench().clock())
    try:
        with st.container(horizontal=True, vertical_alignment="bottom", horizontal_alignment="distribute"):
            st.title("Usage", anchor=False, width="content")
            with st.container(horizontal=True, vertical_alignment="bottom", width="content"):
                chosen = period.pick(usage.months(who.actor), today=today)
    except InvalidInputError as problem:
        parts.error(problem)
        return
    st.caption(f"Billed directly by the provider. {parts.NO_MARKUP}")
    _figures(chosen, today)
    budgets.draw()
    prices.draw(who)
    budgets.dialog()
    wanted = attempts.opened(st.session_state.pop(OPEN, None))
    if wanted is not None:
        st.session_state.pop("attempts-shown", None)
        attempts.show(chosen, *wanted)


@st.fragment(key=FIGURES)
def _figures(chosen: Period, today: date) -> None:
    """What changes as answers end: drawn again by itself, without the rest of the page."""
    who, usage = signed_in(seen=False), workbench().usage
    if day_of(workbench().clock()) != today:
        st.rerun()  # "Last 7 days" are others since midnight
    version = usage.version(who.actor)  # before the figures: what comes between is told once more
    place = st.container()
    rows, split = period.rows_and_split()
    found = usage.table(who.actor, chosen, rows=rows, split=split)
    with place:
        _head(who, found)
    if not found.rows:
        parts.steps(
            "Nothing was asked in this time",
            ["Open the **Playground**", "Choose a model and ask something", "Come back: each answer is counted here"],
            icon=":material/monitoring:",
        )
    else:
        _table(who, chosen, found)
        by: By = "month" if rows == "month" or (rows != "day" and chosen.days > A_QUARTER) else "day"
        providers = found if rows == "provider" else usage.table(who.actor, chosen)
        st.html(charts.html(usage.steps(who.actor, chosen, by=by), providers, a=by))
        if found.total.answers:
            _elsewhere(found)
    elements.when_usage_changes(usage_stream.address(version), on_changed=lambda: st.rerun(LIVE))


@st.fragment
def _elsewhere(found: UsageTable) -> None:
    """Another choice of models draws nothing else again."""
    elsewhere.draw(signed_in(seen=False), found)


def _head(who: Identity, found: UsageTable) -> None:
    if found.own:
        st.caption(":material/person: These are your own calls. Admins see those of the whole company.")
    byok = found.total.byok
    with st.container(horizontal=True):
        st.metric("BYOK requests", formats.count(byok.requests), border=True)
        st.metric("BYOK estimated cost", table.at_least(byok) + formats.dollars(byok.cost_pico), border=True)
        st.metric("Plan messages", formats.count(found.total.plan.answered), border=True)
        st.metric("Answers", formats.count(found.total.answers), border=True)
    if found.current:
        meter.draw(workbench().usage.pace(who.actor), plan=found.plan_name)
    if found.sample:
        st.badge("Sample data", color="gray", icon=":material/science:")


def _table(who: Identity, chosen: Period, found: UsageTable) -> None:
    sent = elements.usage_table(table.html(found), on_open=lambda: None)
    if sent is not None:
        st.session_state[OPEN] = sent
        st.rerun()  # the dialog belongs to the page: this part may be drawn again below it
    st.markdown(f":material/equal: **{found.line}**")
    notes = list(found.notes)
    if too_many := table.too_many(found):
        notes.append(f"{formats.count(too_many)} parts are too many to be drawn: the CSV has them. Or choose months.")
    if notes:
        st.caption("  \n".join(f":material/info: {note}" for note in notes))
    name = f"{who.company_slug}-{chosen.label.replace(' ', '-')}.csv"
    with st.container(horizontal=True):
        st.download_button(
            "Download CSV",
            while_signed_in(lambda: table_csv(found)),
            file_name=f"usage-{name}",
            mime="text/csv",
            icon=":material/download:",
            on_click="ignore",
        )
        st.download_button(
            "All attempts as CSV",
            while_signed_in(lambda: workbench().usage.attempts_csv(who.actor, chosen, limit=attempts.MOST)[0]),
            file_name=f"attempts-{name}",
            mime="text/csv",
            help=attempts.NEWEST if found.total.byok.attempts + found.total.plan.attempts > attempts.MOST else None,
            icon=":material/download:",
            on_click="ignore",
        )


page()
