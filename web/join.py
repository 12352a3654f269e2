"""The page behind a link of Team or of `byok user reset`: whoever holds one chooses a password, once, and is signed in.

Refuses whoever is signed in already: a link is for a person, not for the browser of another.
"""

from __future__ import annotations

import streamlit as st
from pydantic import SecretStr

from byok.ground.errors import ByokError, NotFoundError
from byok.services.invitations import InvitationView
from byok.services.passwords import MIN_CHARACTERS
from byok.services.sessions import Identity
from web import door, elements, parts
from web.house import house, workbench

LINK = "invite"
"""The parameter of the address that carries a link's token."""
RULES = f"At least {MIN_CHARACTERS} characters; spaces and every script are welcome. Common passwords are refused."


def page(who: Identity | None) -> None:
    """Draws the page for the link in the address."""
    _, middle, _ = st.columns([1, 3, 1])
    with middle:
        if who is not None:
            _signed_in(who)
        else:
            _choose(str(st.query_params[LINK]))
    elements.watch_session(who.actor.person_id if who else None)


def _signed_in(who: Identity) -> None:
    st.title("This link is for somebody else", anchor=False)
    st.markdown(
        f"You are signed in as **{parts.plain(who.name)}** of {parts.plain(who.company_name)}. "
        "Sign out first to use the link, or go back to the workbench."
    )
    with st.container(horizontal=True):
        if st.button("Sign out", icon=":material/logout:", key="sign-out"):
            door.sign_out(who)
        _back("Go to the workbench")


def _choose(token: str) -> None:
    try:
        found = workbench().invitations.look(token)
    except NotFoundError as problem:
        st.title("This link does not work", anchor=False)
        parts.error(problem)
        _back("Go to the sign-in page")
        return
    st.title("Choose your password", anchor=False)
    st.markdown(_whose(found))
    with st.form("join", clear_on_submit=True, border=True):
        # Its name is read by password managers: they keep the two together.
        st.text_input("Username", value=found.username, disabled=True)
        new = st.text_input("New password", type="password", autocomplete="new-password")
        again = st.text_input("New password again", type="password", autocomplete="new-password")
        st.caption(RULES)
        if not st.form_submit_button("Set the password and sign in", type="primary", icon=":material/login:"):
            return
    if new != again:
        st.error("The two are not the same. Type the password twice.", icon=":material/error:")
        return
    try:
        person_id = workbench().invitations.accept(token, SecretStr(new), address=house().address())
    except ByokError as problem:
        parts.error(problem)
        return
    st.query_params.clear()
    door.enter(person_id)


def _whose(found: InvitationView) -> str:
    name, company = parts.plain(found.name), parts.plain(found.company_name)
    if found.purpose == "reset":
        return f"**{name}**, choose a new password for your account at **{company}**."
    return f"**{name}**, you are invited to the Aimy BYOK workbench of **{company}**."


def _back(label: str) -> None:
    if st.button(label, icon=":material/arrow_back:"):
        st.query_params.clear()
        st.rerun()
