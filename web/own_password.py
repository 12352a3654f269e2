"""The dialog in which a person changes his password: asks for the present one, and keeps none of the three."""

from __future__ import annotations

import streamlit as st
from pydantic import SecretStr

from byok.ground.errors import ByokError, InvalidInputError
from byok.services.sessions import Identity
from web import elements, parts, secret_form
from web.house import house, signed_in, workbench
from web.join import RULES

FORM = "own-password"


@st.dialog("Change password", icon=":material/password:")
def change() -> None:
    """Present password, new one, the new one again."""
    who = signed_in()
    last_problem, key = secret_form.problem_of(FORM), secret_form.key_of(FORM)
    with st.form(key, clear_on_submit=True, border=False):
        present = st.text_input(
            "Present password", type="password", autocomplete="current-password", key=f"{key}-present"
        )
        new = st.text_input("New password", type="password", autocomplete="new-password", key=f"{key}-new")
        again = st.text_input("New password again", type="password", autocomplete="new-password", key=f"{key}-again")
        st.caption(RULES)
        wanted = st.form_submit_button("Change", type="primary", icon=":material/check:")
    st.caption("You are signed out everywhere else, and stay signed in here.")
    if wanted:
        _change(who, present, new, again)
    elif last_problem is not None:
        parts.error(last_problem)


def _change(who: Identity, present: str, new: str, again: str) -> None:
    try:
        if new != again:
            raise InvalidInputError("The two new ones are not the same.", next_step="Type the new password twice.")
        secrets = {"present": SecretStr(present), "new": SecretStr(new)}
        ticket = workbench().own_password.change(who.actor, **secrets, place=house().place())
    except ByokError as problem:
        secret_form.draw_anew(FORM, problem, scope="fragment")
    secret_form.forget(FORM)
    elements.post_and_reload("/app/session", {"ticket": ticket})
    st.success("Changed.", icon=":material/check:")
