"""What is done with a conversation as a whole: name, share, export, delete it, and open a run file."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import streamlit as st

from byok.ground.clock import utc_now
from byok.ground.errors import ByokError
from byok.services.conversation_views import ThreadView
from byok.services.messages import Message
from byok.services.run_export import markdown, numbers_csv, run_file
from byok.services.run_file import RunFile
from byok.services.sessions import Identity
from web import conversation_list, formats, parts
from web.house import signed_in, while_signed_in, workbench
from web.playground import sending
from web.playground.turns import BRANCH


def tools(who: Identity, thread: ThreadView | None, leaf: UUID | None) -> None:
    """The row of buttons beside the page's title."""
    with st.container(horizontal=True, width="content", gap="small"):
        if thread is None:
            if st.button("Open a run file", icon=":material/upload_file:", key="open-run", type="tertiary"):
                _run_anew(None, parts.opening("run"))
            return
        conversation = thread.conversation
        if conversation.mine:
            if st.button("Rename", icon=":material/edit:", key="rename", type="tertiary"):
                conversation_list.rename(conversation.id, conversation.title, parts.opening("rename"))
            # With another label it would be another popover, and close: the link would be out of sight again.
            with st.popover("Share", icon=":material/group:", type="tertiary", key="share", on_change="rerun") as box:
                if box.open:
                    _share(thread)
            if conversation.shared:
                st.badge("Shared", color="blue")
        with st.popover("Export", icon=":material/download:", type="tertiary", key="export", on_change="rerun") as box:
            if box.open:
                _export(thread, leaf)
        if conversation.mine and st.button(
            "Delete", icon=":material/delete:", key="delete-conversation", type="tertiary"
        ):
            conversation_list.delete(conversation.id, conversation.title)


def _share(thread: ThreadView) -> None:
    who, conversation = signed_in(), thread.conversation
    key = f"shared-{conversation.id}"
    clicked = st.session_state.pop(_clicked(key), None)
    if clicked is not None:
        try:
            workbench().conversations.share(who.actor, conversation.id, shared=clicked)
        except ByokError as problem:
            parts.error(problem)
            return
        st.rerun()
    # As it is kept, for another tab may have set it: what this one last drew is no click.
    st.session_state[key] = conversation.shared
    st.toggle("Share with company", key=key, on_change=_click, args=(key,))
    if conversation.shared:
        st.caption(f"Everybody at {parts.plain(who.company_name)} can read it by this link, and only they.")
        st.code(
            f"{(st.context.url or '').partition('?')[0]}?conversation={conversation.id}", language=None, wrap_lines=True
        )
    else:
        st.caption("Only you can read it.")


def _click(key: str) -> None:
    st.session_state[_clicked(key)] = bool(st.session_state[key])


def _clicked(key: str) -> str:
    return f"{key}-clicked"


def _export(thread: ThreadView, leaf: UUID | None) -> None:
    name = f"run-{thread.conversation.id}"

    def made(write: Callable[[RunFile], bytes]) -> Callable[[], bytes]:
        return while_signed_in(lambda: write(run_file(thread, at=utc_now(), through=leaf)))

    for label, write, ending, mime, icon in (
        ("Markdown, to read", markdown, "md", "text/markdown", "article"),
        ("JSON, to run anew", RunFile.dump, "json", "application/json", "data_object"),
        ("CSV of the numbers", numbers_csv, "csv", "text/csv", "table"),
    ):
        st.download_button(
            label, made(write), f"{name}.{ending}", mime, icon=f":material/{icon}:", on_click="ignore", width="stretch"
        )
    st.caption("None of them holds a key, nor a word about one.")


@st.dialog("Run anew", icon=":material/play_arrow:", width="medium")
def _run_anew(run: RunFile | None, opening: int) -> None:
    """Says what running a run anew would come to, and runs it; asks for the file where none is handed in."""
    who = signed_in()
    try:
        if run is None:
            uploaded = st.file_uploader("A run file (JSON), as Export makes it", type="json", key=f"run-{opening}")
            if uploaded is None:
                return
            run = RunFile.read(uploaded.getvalue())
        setups = run.setups()
        asks = run.asks(setups)
        outlook = workbench().forecasts.look(who.actor, list(setups.values()), asks=asks)
    except ByokError as problem:
        parts.error(problem)
        return
    answers = sum(len(ask.to or ()) * ask.repeats for ask in asks)
    st.markdown(f"**{parts.plain(run.title or 'Untitled')}**")
    told = [_many(len(asks), "message"), _many(answers, "answer")]
    if outlook.messages:
        told.append(f"{_many(outlook.messages, 'plan message')} ({parts.plan_left(outlook.used, outlook.allowance)})")
    if outlook.own:
        told.append(sending.at_most(outlook, message=""))
    st.caption(parts.plain(" · ".join(told)))
    for number, (setup, one) in enumerate(zip(setups.values(), outlook.columns, strict=True), 1):
        pays = parts.your_key(one.provider, one.key_hint) if one.source == "byok" else f"Plan · {one.provider}"
        st.markdown(f"{number}. {parts.code(str(setup.model))} · {parts.plain(one.problem or pays)}")
    nothing = not any(one.runs for one in outlook.columns)
    if st.button("Run it anew", type="primary", icon=":material/play_arrow:", disabled=nothing):
        try:
            made = workbench().conversations.send(who.actor, Message(asks, list(setups.values()), title=run.title))
        except ByokError as problem:
            parts.error(problem)
            return
        st.query_params.pop(BRANCH, None)
        st.query_params["conversation"] = str(made.conversation_id)
        st.rerun()


def _many(count: int, what: str) -> str:
    return f"{formats.count(count)} {what}{'' if count == 1 else 's'}"


def reader(thread: ThreadView) -> None:
    """For whoever reads a shared conversation: whose it is, and how to run it as one's own."""
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        author = parts.plain(thread.conversation.author)
        st.markdown(f":material/group: Shared by {author}: you can read it, not write in it.", width="content")
        if st.button("Run it anew as mine", icon=":material/play_arrow:", key="run-mine"):
            _run_anew(run_file(thread, at=utc_now()), parts.opening("run"))
