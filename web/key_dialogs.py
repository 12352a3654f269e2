"""The dialogs of API Keys in which a key is pasted: add one, or replace the secret of a saved one.

A pasted key is sealed in the very run that receives it. No dialog keeps it, and none can show it again.
A dialog is run without the page around it, so each asks anew who is signed in.
"""

from __future__ import annotations

import streamlit as st
from pydantic import SecretStr

from byok.core.catalogue import Provider
from byok.core.wire import Finding
from byok.ground.errors import ByokError
from byok.services.key_views import DraftView, KeyView
from byok.services.sessions import Identity
from web import parts
from web.house import signed_in, workbench

DRAFT, FOUND, TAKE = "key_draft", "key_finding", "key_paste_number"


def forget_draft() -> None:
    """Drops what the dialog left when it is closed: the draft in the database, and its view here."""
    draft: DraftView | None = st.session_state.pop(DRAFT, None)
    st.session_state.pop(FOUND, None)
    if draft is not None:
        who = st.session_state.get("key_draft_actor")
        if who is not None:
            try:
                workbench().keys.discard_draft(who, draft.id)
            except ByokError:
                return  # saved or expired meanwhile: there is nothing left to drop


def _remember(who: Identity, draft: DraftView | None, found: Finding | None) -> None:
    st.session_state["key_draft_actor"] = who.actor
    st.session_state[DRAFT], st.session_state[FOUND] = draft, found


def _caption(provider: Provider) -> str:
    chat = "✓ OpenAI-compatible" if provider.chat else "— not OpenAI-compatible: kept and tested, not for chat yet"
    page = f" · [Get a key]({provider.key_page})" if provider.key_page else ""
    return f"`{provider.key_format or 'any form'}` · {chat}{page}"


@st.dialog("Add Key", width="medium", icon=":material/key:", on_dismiss=forget_draft)
def add() -> None:
    """Choose a provider, paste, Test, Save."""
    who = signed_in()
    providers = workbench().catalogue.all()
    with st.container(height=216, border=True):
        chosen = st.radio(
            "Provider",
            providers,
            format_func=lambda provider: provider.name,
            captions=[_caption(provider) for provider in providers],
            key="key_provider",
            on_change=forget_draft,
        )
    _paste_and_test(who, chosen, replaces=None)


@st.dialog("Replace the key", width="medium", icon=":material/key:", on_dismiss=forget_draft)
def replace(key: KeyView) -> None:
    """Paste another secret for a saved key: its label, its place as default and what pins it stay."""
    who = signed_in()
    st.markdown(f"**{parts.plain(key.label)}** · {parts.plain(key.provider_name)} …{parts.plain(key.hint)}")
    _paste_and_test(who, workbench().catalogue.get(key.provider_id), replaces=key)


def _paste_and_test(who: Identity, provider: Provider, *, replaces: KeyView | None) -> None:
    number = st.session_state.setdefault(TAKE, 0)
    # A new widget for each submit: the old one would send the key again with the next click.
    with st.form(f"key-form-{number}", clear_on_submit=True, border=False):
        pasted = st.text_input(
            f"{provider.name} key",
            type="password",
            key=f"key-paste-{number}",
            placeholder=provider.key_format or "Paste the key",
            autocomplete="off",
        )
        with st.container(horizontal=True, vertical_alignment="center"):
            tested = st.form_submit_button("Test", icon=":material/network_check:", type="primary")
            st.caption(parts.plain(provider.check_cost))
    if provider.launch != "none":
        _built_in_key()
    if tested:
        st.session_state[TAKE] = number + 1
        secret = SecretStr(pasted)
        forget_draft()
        _seal_and_test(who, provider, secret, replaces)
        st.rerun(scope="fragment")
    problem = st.session_state.pop("key_problem", None)
    if problem is not None:
        parts.error(problem)
    draft: DraftView | None = st.session_state.get(DRAFT)
    if draft is not None and draft.provider_id == provider.id:
        _judge_and_save(who, provider, draft, replaces)


def _seal_and_test(who: Identity, provider: Provider, secret: SecretStr, replaces: KeyView | None) -> None:
    keys = workbench().keys
    try:
        draft = keys.draft(
            who.actor, provider_id=provider.id, pasted=secret, replaces=replaces.id if replaces else None
        )
        _remember(who, draft, None)
        if draft.looks_like is None:
            with st.spinner(f"Asking {provider.name} …"):
                _remember(who, draft, keys.test_draft(who.actor, draft.id))
    except ByokError as problem:
        st.session_state["key_problem"] = problem


def _built_in_key() -> None:
    bench = workbench()
    if not bench.local.installed:
        st.warning(bench.local.missing, icon=":material/info:")
    elif bench.settings.demo_on and st.toggle("Show the built-in model's key", key="show-local-key"):
        st.code(bench.local.key.get_secret_value(), language=None)


def _judge_and_save(who: Identity, provider: Provider, draft: DraftView, replaces: KeyView | None) -> None:
    found: Finding | None = st.session_state.get(FOUND)
    if draft.warning:
        st.warning(parts.plain(draft.warning), icon=":material/warning:")
    if draft.duplicate_of:
        st.warning(
            f"This is the same key as “{parts.plain(draft.duplicate_of)}”, which is saved already.",
            icon=":material/content_copy:",
        )
    if found is None:
        if draft.looks_like:
            st.warning(
                f"This looks like a key of {draft.looks_like}. Nothing was sent. Choose {draft.looks_like} and paste "
                f"it again, or test it with {provider.name} all the same.",
                icon=":material/warning:",
            )
        _test_draft(who, provider, draft, f"Test with {provider.name} anyway")
        return
    parts.finding(found)
    if found.undecided:
        _test_draft(who, provider, draft, "Test again")
    _save(who, provider, draft, found, replaces)


def _test_draft(who: Identity, provider: Provider, draft: DraftView, label: str) -> None:
    """A button that tests what was pasted before: it lies sealed, and need not be pasted once more."""
    if not st.button(label, icon=":material/network_check:", key="key-test-draft"):
        return
    try:
        with st.spinner(f"Asking {provider.name} …"):
            _remember(who, draft, workbench().keys.test_draft(who.actor, draft.id))
    except ByokError as problem:
        st.session_state["key_problem"] = problem
    st.rerun(scope="fragment")


def _save(who: Identity, provider: Provider, draft: DraftView, found: Finding, replaces: KeyView | None) -> None:
    rejected, unproven = found.verdict == "rejected", found.unproven
    label = replaces.label if replaces else ""
    # A form: Enter in the label saves.
    with st.form(f"key-save-{draft.id}", border=False), st.container(horizontal=True, vertical_alignment="bottom"):
        if replaces is None and not rejected:
            made_up = f"{provider.name} key"
            label = st.text_input("Label", key=f"key-label-{draft.id}", placeholder=made_up, max_chars=60)
        wanted = st.form_submit_button(
            "Save untested" if unproven else "Save",
            type="primary",
            icon=":material/save:",
            disabled=rejected,
            key="key-save",
        )
    if rejected:
        st.caption("A rejected key cannot be saved. Paste another one above.")
    else:
        st.caption(f"Billed directly by {provider.name}. {parts.NO_MARKUP}")
    if not wanted:
        return
    try:
        saved = workbench().keys.save_draft(who.actor, draft.id, label=label, untested=unproven)
    except ByokError as problem:
        parts.error(problem)
        return
    _remember(who, None, None)
    st.session_state["key_done"] = f"Saved “{saved.label}” · …{saved.hint}"
    st.rerun()
