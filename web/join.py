"""The page behind a link of Team or of `byok user reset`: whoever holds one chooses a password, once, and is signed in.

Refuses whoever is signed in already: a link is for a person, not for the browser of another.
"""

from __future__ import annotations

import streamlit as st
from pydantic import SecretStr

from byok.ground.errors import ByokError, InvalidInputError, NotFoundError
from byok.services.invitations import InvitationView
from byok.services.passwords import MIN_CHARACTERS
from byok.services.sessions import Identity
from web import door, elements, parts, secret_form
from web.house import house, workbench

FORM, LINK = "join", "invite"
"""Of the link: the parameter of the address that carries its token."""
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
    last_problem, key = secret_form.problem_of(FORM), secret_form.key_of(FORM)
    with st.form(key, clear_on_submit=True, border=True):
        # Its name is read by password managers: they keep the two together.
        st.text_input("Username", value=found.username, disabled=True)
        new = st.text_input("New password", type="password", autocomplete="new-password", key=f"{key}-new")
        again = st.text_input("New password again", type="password", autocomplete="new-password", key=f"{key}-again")
        st.caption(RULES)
        wanted = st.form_submit_button("Set the password and sign in", type="primary", icon=":material/login:")
    if wanted:
        _accept(token, new, again)
    elif last_problem is not None:
        parts.error(last_problem)


def _accept(token: str, new: str, again: str) -> None:
    try:
        if new != again:
            raise InvalidInputError("The two are not the same.", next_step="Type the password twice.")
        person_id = workbench().invitations.accept(token, SecretStr(new), address=house().address())
    except ByokError as problem:
        secret_form.draw_anew(FORM, problem)
    secret_form.forget(FORM)
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
