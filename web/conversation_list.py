"""The person's own conversations, in the sidebar of the Playground: search, open, start anew."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

import streamlit as st

from byok.ground.errors import ByokError
from byok.services.sessions import Identity
from web import parts
from web.house import signed_in, workbench

SHOWN = 20


def draw(who: Identity, current: UUID | None) -> None:
    """Draws the list; opening one changes the address, so that a reload stays there."""
    with st.sidebar:
        if st.button("New conversation", icon=":material/edit_square:", width="stretch", key="new-conversation"):
            _open(None)
        search = st.text_input(
            "Search conversations", placeholder="Search", icon=":material/search:", label_visibility="collapsed"
        )
        found = workbench().conversations.list(who.actor, search=search)
        if not found:
            st.caption("Nothing found." if search else "Your conversations will be listed here.")
        with st.container(key="conversations", gap="xxsmall"):
            for one in found[:SHOWN]:
                title = parts.plain(one.title or "Untitled") + (" :gray-badge[Sample data]" if one.sample else "")
                kind: Literal["secondary", "tertiary"] = "secondary" if one.id == current else "tertiary"
                if st.button(title, key=f"open-{one.id}", width="stretch", type=kind):
                    _open(one.id)
        if len(found) > SHOWN:
            st.caption(f"{len(found) - SHOWN} more: search for them.")


def _open(conversation_id: UUID | None) -> None:
    st.session_state.pop("unsent", None)
    if conversation_id is None:
        st.query_params.clear()
    else:
        st.query_params["conversation"] = str(conversation_id)
    st.rerun()


@st.dialog("Rename", icon=":material/edit:")
def rename(conversation_id: UUID, title: str, opening: int) -> None:
    """Gives a conversation another title."""
    who = signed_in()
    with st.form(f"rename-form-{opening}", border=False):  # a form: Enter saves
        wanted = st.text_input("Title", value=title, max_chars=120, key=f"rename-title-{opening}")
        save = st.form_submit_button("Save", type="primary", key="rename-save")
    if save:
        try:
            workbench().conversations.rename(who.actor, conversation_id, title=wanted)
        except ByokError as problem:
            parts.error(problem)
            return
        st.rerun()


@st.dialog("Delete this conversation?", icon=":material/delete:")
def delete(conversation_id: UUID, title: str) -> None:
    """Deletes a conversation; the usage table keeps its counts, which hold no text."""
    who = signed_in()
    st.markdown(f"**{parts.plain(title)}** and its answers are deleted. Usage keeps the counts, not the words.")
    if st.button("Delete", type="primary", icon=":material/delete:", key="delete-conversation-confirmed"):
        try:
            workbench().conversations.delete(who.actor, conversation_id)
        except ByokError as problem:
            parts.error(problem)
            return
        _open(None)
