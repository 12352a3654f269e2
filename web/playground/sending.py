"""Before a message is sent: whom it goes to, who pays, what it costs at most, who cannot run; and what was refused."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import streamlit as st

from byok.ground.errors import ByokError
from byok.services.bounds import MESSAGE
from byok.services.columns import ColumnSetup
from byok.services.conversation_views import ThreadView
from byok.services.forecast_views import Outlook
from byok.services.messages import Ask, Message
from byok.services.sessions import Identity
from web import formats, parts
from web.house import workbench
from web.playground import setups as columns
from web.playground.setups import Columns
from web.playground.turns import BRANCH

ALL = 0  # of the choices whom to send to; columns count from 1


def whom(its: Columns) -> set[UUID] | None:
    """Draws the choice of the columns to ask; None means all."""
    if len(its.setups) < 2:
        return None
    by_number = {its.numbers[setup.id]: setup.id for setup in its.setups}
    chosen = st.segmented_control(
        "Send to",
        [ALL, *by_number],
        default=ALL,
        required=True,
        format_func=lambda one: "All columns" if one == ALL else str(one),
        key=f"whom-{'-'.join(map(str, by_number))}",
        label_visibility="collapsed",
        wrap=True,
    )
    return {by_number[chosen]} if chosen else None


def before(outlook: Outlook, to: set[UUID] | None, its: Columns) -> None:
    """Says in one line who pays and how much at most, and in a line each which columns cannot run."""
    asked = [one for one in outlook.columns if to is None or one.column_id in to]
    own = [one for one in outlook.own if to is None or one.column_id in to]
    messages = sum(part.messages for one in asked for part in one.parts)
    told = []
    if messages:
        left = parts.plan_left(outlook.used, outlook.allowance)
        told.append(f"{formats.count(messages)} plan message{'' if messages == 1 else 's'} ({left})")
    if own:
        keys = dict.fromkeys(parts.your_key(one.provider, one.key_hint) for one in own)
        told.append(f"{', '.join(keys)}: {at_most(outlook, to)}")
    if told:
        st.caption(parts.plain("Before sending: " + " · ".join(told)))
    if outlook.warnings:
        st.caption(f":material/account_balance_wallet: {parts.plain(' · '.join(outlook.warnings))}")
    for one in asked:
        if one.problem:
            which = f"Column {its.numbers[one.column_id]}: " if len(its.setups) > 1 else ""
            st.caption(f":material/warning: {parts.plain(which + one.problem)}")


def at_most(outlook: Outlook, to: set[UUID] | None = None, *, message: str = f"{MESSAGE:,} characters") -> str:
    """What own keys can be charged at most, or why that cannot be told."""
    own = [one for one in outlook.own if to is None or one.column_id in to]
    unknown = dict.fromkeys(one.why_unknown for one in own if one.at_most_pico is None)
    if unknown:
        return f"cost at most {formats.DASH} ({' and '.join(unknown)})"
    sum_pico = sum(one.at_most_pico or 0 for one in own)
    return f"cost at most {formats.exact(sum_pico)}" + (f" for a message of up to {message}" if message else "")


def send(
    who: Identity,
    setups: Sequence[ColumnSetup],
    text: str,
    *,
    thread: ThreadView | None,
    chatbot: UUID | None,
    leaf: UUID | None,
    to: set[UUID] | None,
    repeats: int = 1,
) -> ByokError | None:
    """Sends; the page's address is the conversation's then. What kept it from being sent, or None."""
    message = Message(
        [Ask(text, to=to, repeats=repeats)],
        setups,
        thread.conversation.id if thread else None,
        chatbot,
        after=leaf,
    )
    try:
        asked = workbench().conversations.send(who.actor, message)
    except ByokError as problem:
        return problem
    st.session_state["sent"] = int(st.session_state.get("sent", 0)) + 1
    st.session_state.pop("unsent", None)
    st.query_params.pop(BRANCH, None)
    if leaf is not None:
        st.query_params[BRANCH] = str(asked.turn_id)
    st.query_params["conversation"] = str(asked.conversation_id)
    if thread is None:
        columns.begin_anew(chatbot)
    return None


def unsent() -> tuple[str, bool] | None:
    """Draws the message that was refused, with the reason; its text and whether to send it again, once clicked."""
    kept = st.session_state.get("unsent")
    if kept is None:
        return None
    problem, text = kept
    with st.container(border=True):
        parts.error(problem)
        st.caption("Your message was not sent. It is kept here:")
        st.text(text)
        with st.container(horizontal=True):
            again = st.button("Send again", type="primary", icon=":material/send:")
            if st.button("Drop it", icon=":material/close:"):
                st.session_state.pop("unsent")
                st.rerun()
    return text, again
