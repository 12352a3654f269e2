"""The dialog in which a person changes his password: asks for the present one, and keeps none of the three."""

from __future__ import annotations

import streamlit as st
from pydantic import SecretStr

from byok.ground.errors import ByokError
from web import elements, parts
from web.house import house, signed_in, workbench
from web.join import RULES


@st.dialog("Change password", icon=":material/password:")
def change() -> None:
    """Present password, new one, the new one again."""
    who = signed_in()
    # What was typed goes with the click: it is in no later run, and the next opening is empty.
    with st.form("own-password", clear_on_submit=True, border=False):
        present = st.text_input("Present password", type="password", autocomplete="current-password")
        new = st.text_input("New password", type="password", autocomplete="new-password")
        again = st.text_input("New password again", type="password", autocomplete="new-password")
        st.caption(RULES)
        wanted = st.form_submit_button("Change", type="primary", icon=":material/check:")
    st.caption("You are signed out everywhere else, and stay signed in here.")
    if not wanted:
        return
    if new != again:
        st.error("The two new ones are not the same. Type the new password twice.", icon=":material/error:")
        return
    try:
        secrets = {"present": SecretStr(present), "new": SecretStr(new)}
        ticket = workbench().own_password.change(who.actor, **secrets, place=house().place())
    except ByokError as problem:
        parts.error(problem)
        return
    elements.post_and_reload("/app/session", {"ticket": ticket})
    st.success("Changed.", icon=":material/check:")
