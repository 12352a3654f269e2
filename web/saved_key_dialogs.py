"""The dialogs of API Keys about a saved key: what is stored of it, what its test found, delete. None shows the key.

A dialog is run without the page around it, so each asks anew who is signed in.
"""

from __future__ import annotations

import streamlit as st

from byok.core.wire import Finding
from byok.ground.errors import ByokError, NotFoundError
from byok.services.key_views import KeyView
from web import formats, parts
from web.house import signed_in, workbench


@st.dialog("What we store", width="medium", icon=":material/database:")
def stored(key: KeyView) -> None:
    """What the database keeps of a key: never the key."""
    who = signed_in()
    try:
        view = workbench().keys.stored(who.actor, key.id)
    except ByokError as problem:
        parts.error(problem)
        return
    st.markdown(f"**{parts.plain(key.label)}** · {parts.plain(key.provider_name)} …{parts.plain(key.hint)}")
    rows = {
        "Algorithm": view.algorithm,
        "Master key id": view.master_key_id,
        "Nonce (random, public)": view.nonce,
        "Fingerprint (keyed hash)": view.fingerprint,
        "Bound to": view.bound_to,
        "Sealed key": f"{view.ciphertext_size} bytes",
        "Sealed data key": f"{view.data_key_size} bytes",
        "Stored": f"{view.created_at:%Y-%m-%d %H:%M} UTC",
    }
    st.table(
        {"": list(rows), "What the database holds": [parts.plain(value) for value in rows.values()]}, hide_index=True
    )
    st.markdown("The key itself is not shown by anything, to anybody. It is opened only as a request is sent.")


@st.dialog("Delete this key?", icon=":material/delete:")
def delete(key: KeyView) -> None:
    """Names what would lose its model, then removes the key and its bytes."""
    who, keys = signed_in(), workbench().keys
    try:
        bots = keys.used_by(who.actor, key.id)
    except NotFoundError as problem:
        parts.error(problem)
        return
    st.markdown(f"**{parts.plain(key.label)}** · {parts.plain(key.provider_name)} …{parts.plain(key.hint)}")
    if bots:
        names = ", ".join(f"**{parts.plain(name)}**" for name in bots)
        st.warning(
            f"Used by {names}. They will ask for another model; nothing is chosen for them.",
            icon=":material/smart_toy:",
        )
    else:
        st.markdown("No chatbot uses it.")
    st.markdown("The sealed key is removed from the database's files. This cannot be undone.")
    if st.button("Delete", type="primary", icon=":material/delete:", key="key-delete-confirmed"):
        try:
            result = keys.delete(who.actor, key.id)
        except ByokError as problem:
            parts.error(problem)
            return
        gone = "and erased from the files" if result.erased else "and is being erased from the files"
        st.session_state["key_done"] = f"Deleted “{key.label}” {gone}."
        st.rerun()


@st.dialog("Test", width="medium", icon=":material/network_check:")
def tested(found: Finding) -> None:
    """The verdict of a saved key's test. A failed test changes nothing of the key."""
    parts.finding(found)
    st.caption(f"The saved key was not changed. {formats.milliseconds(found.elapsed_ms)}.")
