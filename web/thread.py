"""A conversation as it is read: messages, answers, receipts; running answers grow by the event stream.

The thread is a fragment of its own, so that an answer's end redraws it alone and closes no dialog.
"""

from __future__ import annotations

from uuid import UUID

import streamlit as st

from byok.ground.errors import ByokError
from byok.services.conversation_views import AnswerView, ThreadView
from byok.services.sessions import Identity
from web import elements, parts, receipt, stream
from web.house import signed_in, workbench

STATES = {
    "stopped": ":material/stop_circle: Stopped. What had arrived is kept.",
    "interrupted": ":material/power_off: Interrupted: the process that wrote it ended. What had arrived is kept.",
}


@st.fragment
def draw(conversation_id: UUID) -> None:
    """Draws the whole conversation. Alone in its reruns, so it asks anew who is signed in."""
    who = signed_in()
    try:
        thread = workbench().conversations.thread(who.actor, conversation_id)
    except ByokError as problem:
        parts.error(problem)
        return
    running = [answer.id for turn in thread.turns for answer in turn.answers if answer.running]
    url = stream.url(running)
    for turn in thread.turns:
        with st.chat_message("user", avatar=":material/person:"):
            st.markdown(parts.plain_lines(turn.text))
        for answer in turn.answers:
            with st.chat_message("assistant", avatar=":material/smart_toy:"):
                _answer(who, answer, url)
    _note_end(thread)


def _answer(who: Identity, answer: AnswerView, url: str) -> None:
    if answer.running:
        elements.live_answer(answer.id, url, on_ended=_ended)
        if st.button("Stop", key=f"stop-{answer.id}", icon=":material/stop:"):
            workbench().conversations.stop(who.actor, answer.id)
            st.rerun(scope="fragment")
        return
    if answer.reasoning:
        with st.expander("Reasoning", icon=":material/psychology:"):
            st.text(answer.reasoning)
    if answer.text:
        st.markdown(answer.text)
    if answer.state in STATES:
        st.caption(STATES[answer.state])
    if answer.error:
        st.error(parts.plain(answer.error), icon=":material/error:")
    receipt.draw(answer)


def _ended() -> None:
    """An answer on this page is no longer running: the fragment draws it whole."""


def _note_end(thread: ThreadView) -> None:
    """Leaves a mark for screen readers and tests: whether anything on the page still grows."""
    running = any(answer.running for turn in thread.turns for answer in turn.answers)
    if running:
        st.caption("Answering …")
