"""API Keys: an admin of a Pro company keeps the company's own provider keys here; others see why not."""

from __future__ import annotations

import streamlit as st

from byok.ground.clock import utc_now
from byok.ground.errors import ByokError
from byok.services.key_views import KeyView
from byok.services.sessions import Identity
from web import formats, key_dialogs, parts, saved_key_dialogs
from web.house import signed_in, workbench


def page() -> None:
    """Draws the page for who is signed in."""
    who = signed_in()
    with st.container(horizontal=True, vertical_alignment="bottom", horizontal_alignment="distribute"):
        st.title("API Keys", anchor=False, width="content")
        may_add = who.is_admin and who.plan.byok
        if may_add and st.button("Add Key", type="primary", icon=":material/add:"):
            key_dialogs.forget_draft()
            key_dialogs.add()
    st.caption(f"Billed directly by the provider. {parts.NO_MARKUP}")
    if not who.is_admin:
        st.info(
            "Keys are managed by the admins of your company: ask one of them to add or change a key. "
            "You use the models of these keys in the Playground and in chatbots.",
            icon=":material/admin_panel_settings:",
        )
        return
    done = st.session_state.pop("key_done", None)
    if done:
        st.toast(parts.plain(done), icon=":material/check:")
    if not who.plan.byok:
        parts.upgrade(who)
    _keys(who)
    found = st.session_state.pop("key_tested", None)
    if found is not None:
        saved_key_dialogs.tested(found)


def _keys(who: Identity) -> None:
    keys = workbench().keys
    rows = keys.list(who.actor)
    erasing = keys.erasing(who.actor)
    if erasing:
        st.info(f"{erasing} deleted key(s): being erased from the database's files.", icon=":material/hourglass:")
    if not rows:
        if who.plan.byok:
            parts.steps(
                "No keys yet",
                [
                    "Click **Add Key** and choose a provider",
                    "Paste its key and click **Test**: a wrong key is found at once",
                    "Click **Save**: its models stand in Chatbot Settings and in the Playground",
                ],
                icon=":material/key:",
            )
        return
    if not who.plan.byok:
        st.warning("These keys are kept sealed and are not used while the plan is not Pro.", icon=":material/lock:")
    for row in rows:
        _key(who, row)


def _key(who: Identity, key: KeyView) -> None:
    now = utc_now()
    with st.container(border=True, key=f"key-{key.id}"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(
                f"**{parts.plain(key.label)}** · {parts.plain(key.provider_name)} {parts.code('…' + key.hint)}",
                width="stretch",
            )
            if key.readable:
                parts.verdict_badge(key.verdict)
            else:
                st.badge("Needs to be entered again", color="red", icon=":material/key_off:")
            st.badge("Default" if key.is_default else "Spare", color="blue" if key.is_default else "gray")
        many = "" if key.models_open == 1 else "s"
        opens = "" if key.models_open is None else f" · {formats.count(key.models_open)} chat model{many}"
        chat = "" if key.chat else " · — not for chat yet"
        st.caption(
            f"Added by {parts.plain(key.added_by or 'the operator')} {formats.ago(key.created_at, now)} · "
            f"tested {formats.ago(key.tested_at, now)} · used {formats.ago(key.last_used_at, now)}{opens}{chat} · "
            f"Billed directly by {parts.plain(key.provider_name)}."
        )
        _actions(who, key)


def _actions(who: Identity, key: KeyView) -> None:
    with st.container(horizontal=True):
        if who.plan.byok:
            if st.button("Test again", key=f"test-{key.id}", icon=":material/network_check:"):
                _test_again(who, key)
            if st.button("Replace", key=f"replace-{key.id}", icon=":material/sync:"):
                key_dialogs.forget_draft()
                key_dialogs.replace(key)
            if not key.is_default and st.button("Make default", key=f"default-{key.id}", icon=":material/star:"):
                workbench().keys.make_default(who.actor, key.id)
                st.rerun()
            if st.button("What we store", key=f"stored-{key.id}", icon=":material/database:"):
                saved_key_dialogs.stored(key)
        if st.button("Delete", key=f"delete-{key.id}", icon=":material/delete:"):
            saved_key_dialogs.delete(key)


def _test_again(who: Identity, key: KeyView) -> None:
    try:
        with st.spinner(f"Asking {key.provider_name} …"):
            found = workbench().keys.test(who.actor, key.id)
    except ByokError as problem:
        parts.error(problem)
        return
    st.session_state["key_tested"] = found
    st.rerun()  # the card was drawn before its key was tested


page()
