"""Usage: the monthly budgets on own keys. Everyone sees how far each is used; admins set, change and remove them."""

from __future__ import annotations

import streamlit as st

from byok.ground.errors import ByokError
from byok.services.amounts import written
from byok.services.budgets import ALL_KEYS, MOST_CALLS, UNPRICED_CALLS, BudgetView
from byok.services.sessions import Identity
from web import formats, parts
from web.house import signed_in, workbench

STATES = {
    "ok": ("Within budget", "green", ":material/check_circle:"),
    "warn": ("80 % reached", "orange", ":material/warning:"),
    "stopped": ("Used up: calls that cost something are refused", "red", ":material/block:"),
}


SECTION, ASKED = "usage-budgets", "budget-asked"


@st.fragment(key=SECTION)
def draw() -> None:
    """The section, drawn again by itself as answers end; nothing where the plan has no own keys."""
    who = signed_in(seen=False)
    views = workbench().budgets.list(who.actor)
    if not views and not who.plan.byok:
        return
    with st.container(horizontal=True, vertical_alignment="bottom", horizontal_alignment="distribute"):
        st.subheader("Budgets", anchor=False, width="content")
        if who.is_admin and who.plan.byok and st.button("Set budget", icon=":material/add:", key="budget-new"):
            _ask("edit", None)
    if not views:
        hint = (
            "Set one for all own keys, or for a provider." if who.is_admin else "An admin of your company can set one."
        )
        st.caption(f"No budget limits what own keys cost in a month. {hint}")
        return
    for view in views:
        _line(who, view)
    st.caption(
        "By the calendar month (UTC). Before a call is sent, the most that it can cost is held; a call that would pass "
        "a budget is refused. Standard models are not affected."
    )


def _line(who: Identity, view: BudgetView) -> None:
    words, colour, icon = STATES[view.state]
    with st.container(border=True, key=f"budget-{view.provider_id or 'all'}"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"**{parts.plain(view.provider)}**", width="stretch")
            st.badge(words, color=colour, icon=icon)  # type: ignore[arg-type]
        st.progress(min(1.0, float(view.share)), text=parts.plain(used(view)))
        if view.unpriced_used:
            left = "" if view.unpriced_used < view.unpriced_calls else "; more of them are refused"
            st.caption(
                f"Calls without a known price: {formats.count(view.unpriced_used)} of "
                f"{formats.count(view.unpriced_calls)}{left}."
            )
        if who.is_admin:
            with st.container(horizontal=True):
                which = view.provider_id or "all"
                if st.button("Edit", key=f"budget-edit-{which}", icon=":material/edit:"):
                    _ask("edit", view)
                if st.button("Remove", key=f"budget-drop-{which}", icon=":material/delete:"):
                    _ask("remove", view)


def _ask(what: str, view: BudgetView | None) -> None:
    """Has the page open a dialog: one of this section's own would be closed when it is drawn again."""
    st.session_state[ASKED] = what, view
    st.rerun()


def dialog() -> None:
    """Opens the dialog that a click in the section asked for. Called by the page, below the section."""
    what, view = st.session_state.pop(ASKED, (None, None))
    if what == "edit":
        _edit(view, parts.opening("budget"))
    elif what == "remove" and view is not None:
        _remove(view)


def used(view: BudgetView) -> str:
    """How far it is used: `$31.20 (+ $0.0164 held) of $50.00 · 62 %`."""
    held = f" (+ {formats.dollars(view.held_pico)} held)" if view.held_pico else ""
    share = f"{int(view.share * 100):,} %"
    return f"{formats.dollars(view.spent_pico)}{held} of {formats.dollars(view.limit_pico)} · {share}"


@st.dialog("Budget", icon=":material/savings:")
def _edit(view: BudgetView | None, opening: int) -> None:
    form(view, opening)


def form(view: BudgetView | None, opening: int) -> None:
    """The fields of a budget, as its dialog has them.

    Args:
        view: the budget to change; None for a new one.
    """
    who, bench = signed_in(), workbench()
    if view is None:
        names = {"": ALL_KEYS, **{one.id: one.name for one in bench.catalogue.all() if one.chat}}
        provider_id = st.selectbox(
            "For", list(names), format_func=lambda one: names.get(one, str(one)), key=f"budget-for-{opening}"
        )
    else:
        provider_id = view.provider_id
        st.markdown(f"**{parts.plain(view.provider)}**")
    # Text, not a number field: that would make a float of the amount.
    amount = st.text_input(
        "US dollars a month",
        value=written(view.limit_pico) if view else "",
        placeholder="e.g. 50.00",
        max_chars=24,
        key=f"budget-limit-{opening}",
    )
    calls = st.number_input(
        "Calls without a known price, a month",
        min_value=0,
        max_value=MOST_CALLS,
        value=view.unpriced_calls if view else UNPRICED_CALLS,
        help="No amount can be held against a call whose price is not known: their number is limited instead.",
        key=f"budget-calls-{opening}",
    )
    if not st.button("Save", type="primary", icon=":material/save:", key="budget-save"):
        return
    try:
        bench.budgets.set(who.actor, provider_id, amount, calls)
    except ByokError as problem:
        parts.error(problem)
        return
    st.rerun()


@st.dialog("Remove this budget?", icon=":material/delete:")
def _remove(view: BudgetView) -> None:
    who = signed_in()
    st.markdown(f"**{parts.plain(view.provider)}**: nothing here limits what it costs then.")
    if st.button("Remove", type="primary", icon=":material/delete:", key="budget-drop-confirmed"):
        try:
            workbench().budgets.clear(who.actor, view.provider_id)
        except ByokError as problem:
            parts.error(problem)
            return
        st.rerun()
