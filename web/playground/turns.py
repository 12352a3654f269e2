"""A conversation as it is read: one branch of messages, each with its columns' answers side by side."""

from __future__ import annotations

from uuid import UUID

import streamlit as st

from byok.ground.errors import ByokError
from byok.services.columns import ColumnView
from byok.services.conversation_views import ThreadView, TurnView
from byok.services.messages import LONGEST, Ask, Message
from byok.services.model_choices import Menu
from web import elements, parts, stream
from web.house import signed_in, workbench
from web.playground import cards, comparison, summary

BRANCH = "turn"  # in the page's address: a message of the branch that is shown


def shown_branch(thread: ThreadView) -> tuple[TurnView, ...]:
    """The branch that the page's address names, else the newest."""
    wanted = st.query_params.get(BRANCH, "")
    try:
        return thread.branch(UUID(wanted) if wanted else None)
    except ValueError:
        return thread.branch()


def draw(thread: ThreadView, branch: tuple[TurnView, ...], menu: Menu, *, follow: bool) -> None:
    """Draws the branch.

    Args:
        follow: whether the reader may write here.
    """
    numbers = {column.id: column.position + 1 for column in _shown(thread, branch)}
    several = len(numbers) > 1
    address = stream.address(turn for turn in branch if turn.running)
    names = cards.names_of(menu)
    for place, turn in enumerate(branch):
        _message(thread, turn, mine=follow)
        asked = [column_id for column_id in numbers if turn.of(column_id)]
        if several:
            summary.draw(turn, numbers, names, newest=place == len(branch) - 1)
        across = min(4, len(numbers))
        unfolded = bool(st.session_state.get(f"unfold-{turn.id}"))
        with st.container(key=f"{'unfolded' if unfolded else 'answers'}-{turn.id}"):
            grid = st.grid(across, min_column_width=230, gap="small") if several else None
            for column_id in asked:
                number = numbers[column_id] if several else None
                cell = cards.Cell(turn, column_id, number, follow, address, names)
                if grid is not None:
                    with grid.container(border=True, gap="small", key=f"cell-{turn.id}-{number}"):
                        cards.draw(cell)
                else:
                    with st.chat_message("assistant", avatar=":material/smart_toy:"):
                        cards.draw(cell)
        if several:
            with st.container(horizontal=True, vertical_alignment="center", key=f"turn-tools-{turn.id}"):
                comparison.button(turn, numbers, names)
                st.toggle("Whole height", key=f"unfold-{turn.id}", help="Shows long answers without scrolling in each.")
    running = [answer_id for turn in branch for answer_id in turn.running]
    if running:
        elements.when_all_ended(address.url, key=str(thread.conversation.id), on_ended=_ended)
        _answering(running, follow=follow and (several or len(running) > 1))


def _answering(running: list[UUID], *, follow: bool) -> None:
    with st.container(horizontal=True, vertical_alignment="center", key="stop-all"):
        st.caption("Answering …")
        if follow and st.button("Stop all", icon=":material/stop:", key="stop-all-button", help="Stops them all (Esc)"):
            try:
                workbench().conversations.stop(signed_in().actor, *running)
            except ByokError as problem:
                parts.error(problem)
                return
            st.rerun()


def _shown(thread: ThreadView, branch: tuple[TurnView, ...]) -> list[ColumnView]:
    """Those that are there, and removed ones that have answers on this branch."""
    answered = {answer.column_id for turn in branch for answer in turn.answers}
    return [column for column in thread.columns if not column.removed or column.id in answered]


def _message(thread: ThreadView, turn: TurnView, *, mine: bool) -> None:
    with st.chat_message("user", avatar=":material/person:"):
        st.markdown(parts.plain_lines(turn.text))
        if turn.repeats > 1:
            st.caption(f":material/flag: Fair race: each column was asked {turn.repeats} times, one after the other.")
        siblings = thread.siblings(turn)
        if not mine and len(siblings) < 2:
            return
        with st.container(horizontal=True, gap="small", key=f"message-tools-{turn.id}"):
            if mine and st.button("Edit", key=f"edit-{turn.id}", type="tertiary", icon=":material/edit:"):
                _edit(thread.conversation.id, turn, parts.opening("edit"))
            if len(siblings) > 1:
                _pager(siblings, turn)


def _pager(siblings: tuple[UUID, ...], turn: TurnView) -> None:
    at = siblings.index(turn.id)
    for step, icon, what in ((-1, "chevron_left", "Earlier wording"), (1, "chevron_right", "Later wording")):
        there = at + step
        if st.button(
            what,  # is read aloud, and not shown: see page.css
            icon=f":material/{icon}:",
            key=f"wording-{turn.id}-{step}",
            type="tertiary",
            help=what,
            disabled=not 0 <= there < len(siblings),
        ):
            st.query_params[BRANCH] = str(siblings[there])
            st.rerun()
        if step < 0:
            st.caption(f"{at + 1} of {len(siblings)}")


@st.dialog("Edit and run again", icon=":material/edit:", width="medium")
def _edit(conversation_id: UUID, turn: TurnView, opening: int) -> None:
    """Asks another wording in a message's place; the first one stays, on a branch of its own."""
    who = signed_in()
    with st.form(f"edit-form-{opening}", border=False):
        text = st.text_area("Message", turn.text, max_chars=LONGEST, height=160, key=f"edit-text-{opening}")
        st.caption("The earlier wording and its answers stay, one click away.")
        send = st.form_submit_button("Run again", type="primary", icon=":material/refresh:")
    if not send:
        return
    conversations = workbench().conversations
    try:
        thread = conversations.thread(who.actor, conversation_id)
        columns = [column.setup for column in thread.columns if not column.removed]
        asked = {answer.column_id for answer in turn.answers} & {setup.id for setup in columns}
        sent = Message(
            [Ask(text, to=asked or None, repeats=turn.repeats)], columns, conversation_id, instead_of=turn.id
        )
        made = conversations.send(who.actor, sent)
    except ByokError as problem:
        parts.error(problem)
        return
    st.query_params[BRANCH] = str(made.turn_id)
    st.rerun()


def _ended() -> None:
    """All have ended: the page is drawn with its numbers."""
