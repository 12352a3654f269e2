"""A fair race: every column is asked the same several times, one after the other, for a median and a spread."""

from __future__ import annotations

from uuid import UUID

import streamlit as st

from byok.services.conversation_views import ThreadView
from byok.services.messages import LONGEST, MOST_REPEATS, Ask
from web import formats, parts
from web.house import signed_in, workbench
from web.playground import sending
from web.playground.setups import Columns


@st.dialog("Fair race", icon=":material/flag:", width="medium")
def dialog(its: Columns, thread: ThreadView | None, chatbot: UUID | None, leaf: UUID | None, opening: int) -> None:
    """Asks for the message and how often, says what that costs, and starts."""
    who = signed_in()
    st.caption(
        "All columns start together, and each is asked again as soon as it has answered: no repeat disturbs another of "
        "its own column, and every answer is kept."
    )
    text = st.text_area("Message to all columns", max_chars=LONGEST, height=110, key=f"race-text-{opening}")
    times = st.segmented_control(
        "How many times", range(2, MOST_REPEATS + 1), default=3, required=True, key=f"race-times-{opening}"
    )
    outlook = workbench().forecasts.look(
        who.actor,
        its.ready,
        conversation_id=thread.conversation.id if thread else None,
        chatbot_id=chatbot,
        after=leaf,
        asks=[Ask(text, repeats=times)],
    )
    messages = outlook.messages
    told = [f"{len(outlook.columns) * times} answers"]
    if messages:
        told.append(f"{formats.count(messages)} plan messages ({parts.plan_left(outlook.used, outlook.allowance)})")
    if outlook.own:
        told.append(sending.at_most(outlook, message=f"{formats.count(len(text))} characters"))
    st.markdown(parts.plain("This race: " + " · ".join(told)))
    for warning in outlook.warnings:
        st.caption(f":material/account_balance_wallet: {parts.plain(warning)}")
    for one in outlook.columns:
        if one.problem:
            st.caption(f":material/warning: {parts.plain(f'Column {its.numbers[one.column_id]}: {one.problem}')}")
    nothing = not text.strip() or not any(one.runs for one in outlook.columns)
    if st.button("Start the race", type="primary", icon=":material/flag:", disabled=nothing):
        problem = sending.send(who, its.setups, text, thread=thread, chatbot=chatbot, leaf=leaf, to=None, repeats=times)
        if problem is not None:
            parts.error(problem)
            return
        st.rerun()
