"""One column's answer to one message: it grows, it ends, it is measured, it can be stopped and asked for again.

A card is a fragment of its own, so that the end of an answer redraws it alone and closes no dialog.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

import streamlit as st

from byok.ground.errors import ByokError
from byok.services.conversation_views import AnswerView, TurnView
from byok.services.model_choices import Menu
from web import elements, parts, receipt
from web.house import signed_in, workbench
from web.stream import Address

STATES = {
    "stopped": ":material/stop_circle: Stopped. What had arrived is kept.",
    "interrupted": ":material/power_off: Interrupted: the process that wrote it ended. What had arrived is kept.",
}
CUT = {"length": "Cut off at the answer length.", "filter": "The provider's content filter ended it."}
AGAIN, SOURCE = "Run again", "Show the source"


@dataclass(frozen=True, slots=True)
class Cell:
    """Where a card stands: whose answers to which message.

    Attributes:
        number: the column's, from 1; None where the conversation has but one.
        mine: whether the reader may stop and ask again.
        also: is called when an answer was asked for again, before the page is drawn anew.
    """

    turn: TurnView
    column_id: UUID
    number: int | None
    mine: bool
    address: Address
    names: Callable[[AnswerView], str]


@st.fragment
def draw(cell: Cell) -> None:
    """Draws the card; alone in its reruns, so what ran when the page was drawn is read anew."""
    who = signed_in()
    versions = cell.turn.of(cell.column_id)
    if any(one.running for one in versions):
        try:
            versions = tuple(workbench().conversations.answers(who.actor, [one.id for one in versions]))
        except ByokError as problem:
            parts.error(problem)
            return
    shown = _version(cell, versions)
    _head(cell, shown, versions)
    if shown.running:
        _running(cell, shown, versions)
        return
    _finished(cell, shown)
    if cell.mine:
        _again(cell, shown)


def _version(cell: Cell, versions: tuple[AnswerView, ...]) -> AnswerView:
    """The version to show: the one that is being written, else what was chosen, else the newest."""
    running = next((one for one in versions if one.running), None)
    if running is not None:
        return running
    chosen = st.session_state.get(_pager(cell))
    return next((one for one in versions if one.version == chosen), versions[-1])


def _head(cell: Cell, shown: AnswerView, versions: tuple[AnswerView, ...]) -> None:
    name = cell.names(shown)
    if cell.number is not None:
        st.markdown(f"**{cell.number} · {parts.plain(name)}**")
    instead = receipt.instead(shown, cell.names)
    if instead:
        st.caption(f":material/swap_horiz: {parts.plain(instead)}")
    waiting = [one for one in versions if one.running]
    if waiting and len(versions) > 1:
        st.caption(f"{len(versions) - len(waiting)} of {len(versions)} done")
    elif len(versions) > 1:
        st.segmented_control(
            f"Version of the answer of column {cell.number or 1}",
            [one.version for one in versions],
            default=versions[-1].version,
            required=True,
            key=_pager(cell),
            label_visibility="collapsed",
            help="The newest one that has text is what the model is told of later.",
        )


def _running(cell: Cell, shown: AnswerView, versions: tuple[AnswerView, ...]) -> None:
    label = f"Answer of column {cell.number}: {cell.names(shown)}" if cell.number else f"Answer of {cell.names(shown)}"
    place = cell.address.places.get(shown.id)
    if place is not None:
        elements.live_answer(shown.id, cell.address.url, place=place, label=label, on_ended=_ended)
    if cell.mine and st.button("Stop", key=f"stop-{shown.id}", icon=":material/stop:", help="Stop this answer"):
        who = signed_in()
        workbench().conversations.stop(who.actor, *(one.id for one in versions if one.running))
        st.rerun(scope="fragment")


def _finished(cell: Cell, shown: AnswerView) -> None:
    if shown.reasoning:
        with st.expander("Reasoning", icon=":material/psychology:"):
            st.text(shown.reasoning)
    if shown.text:
        column = f" of column {cell.number}" if cell.number else ""
        elements.finished_answer(shown.id, shown.text, label=f"Answer{column}: {cell.names(shown)}")
    if shown.state in STATES:
        st.caption(STATES[shown.state])
    elif shown.finish_reason in CUT and not shown.error:
        st.caption(f":material/content_cut: {CUT[shown.finish_reason or '']}")
    if shown.error:
        st.error(parts.plain(shown.error), icon=":material/error:")
    receipt.draw(shown)


def _again(cell: Cell, shown: AnswerView) -> None:
    with st.container(horizontal=True, gap="small", key=f"tools-{cell.turn.id}-{cell.column_id}"):
        if st.button(AGAIN, key=f"again-{shown.id}", type="tertiary", icon=":material/refresh:"):
            _ask_again(shown)
        if shown.text:
            with st.popover("Source", type="tertiary", key=f"source-{shown.id}", on_change="rerun") as source:
                if source.open:
                    st.code(shown.text, language=None, wrap_lines=True)


def _ask_again(shown: AnswerView) -> None:
    who = signed_in()
    try:
        workbench().conversations.again(who.actor, shown.id)
    except ByokError as problem:
        parts.error(problem)
        return
    st.rerun()


def _pager(cell: Cell) -> str:
    return f"version-{cell.turn.id}-{cell.column_id}"


def _ended() -> None:
    """The answer is no longer running: the fragment draws it whole."""


def names_of(menu: Menu) -> Callable[[AnswerView], str]:
    """What an answer's model is called: as the menu calls it, else by its id."""
    known = {str(choice.name): choice.label for choice in menu.choices}
    return lambda answer: known.get(answer.model) or answer.model.partition(":")[2].partition("/")[2]
