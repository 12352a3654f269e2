"""The dialogs of Team: invite somebody, give a link for a new password, shut somebody out, step down.

A link is shown in the run that made it, and kept nowhere. A dialog is run without the page around it, so each asks
anew who is signed in.
"""

from __future__ import annotations

from urllib.parse import urlsplit

import streamlit as st

from byok.ground.errors import ByokError
from byok.services.account_views import PersonView
from byok.services.invitations import Link
from web import parts
from web.house import signed_in, workbench


@st.dialog("Invite", icon=":material/person_add:", on_dismiss="rerun")
def invite() -> None:
    """Name, username, role; then the link."""
    who = signed_in()
    place = st.empty()
    with place.form("invite", border=False):
        name = st.text_input("Name", max_chars=64, placeholder="As others read it")
        username = st.text_input("Username", max_chars=64, placeholder="What is typed to sign in")
        role = st.radio(
            "Role",
            ["member", "admin"],
            format_func=str.capitalize,
            captions=["uses the models", "manages keys, budgets and people"],
        )
        wanted = st.form_submit_button("Make the link", type="primary", icon=":material/link:")
    if not wanted:
        return
    try:
        person, link = workbench().team.invite(who.actor, username=username, name=name, role=role)
    except ByokError as problem:
        parts.error(problem)
        return
    place.empty()
    _show(person, link)


@st.dialog("A new password", icon=":material/link:", on_dismiss="rerun")
def reset(person: PersonView) -> None:
    """Says what ends, then makes the link."""
    who = signed_in()
    place = st.empty()
    with place.container():
        st.markdown(f"**{parts.plain(person.name)}** · {parts.code(person.username)}")
        if person.invited:
            st.markdown("A new link is made. The one of before does not work any more.")
        else:
            st.markdown("The present password and every session end at once. A link is made to choose a new one.")
        wanted = st.button("Make the link", type="primary", icon=":material/link:", key="person-reset-confirmed")
    if not wanted:
        return
    try:
        found, link = workbench().team.reset(who.actor, person.id)
    except ByokError as problem:
        parts.error(problem)
        return
    place.empty()
    _show(found, link)


@st.dialog("Disable this person?", icon=":material/block:")
def disable(person: PersonView) -> None:
    """Says what ends, then shuts the person out."""
    who = signed_in()
    st.markdown(f"**{parts.plain(person.name)}** · {parts.code(person.username)}")
    st.markdown(
        "Every session and link ends at once, and nobody can sign in by that name. What was made stays, and the "
        "account can be enabled again."
    )
    if st.button("Disable", type="primary", icon=":material/block:", key="person-disable-confirmed"):
        try:
            workbench().team.disable(who.actor, person.id)
        except ByokError as problem:
            parts.error(problem)
            return
        st.session_state["team_done"] = f"{person.name} is shut out."
        st.rerun()


@st.dialog("Become a member?", icon=":material/swap_horiz:")
def step_down(person: PersonView) -> None:
    """Asks before an admin gives his own role up: he cannot take it back."""
    who = signed_in()
    st.markdown("You will not manage keys, budgets and people any more. Another admin can make you one again.")
    if st.button("Become a member", type="primary", icon=":material/swap_horiz:", key="person-step-down-confirmed"):
        try:
            workbench().team.set_role(who.actor, person.id, "member")
        except ByokError as problem:
            parts.error(problem)
            return
        st.rerun()


def _show(person: PersonView, link: Link) -> None:
    """The link, to be copied: it is not shown again."""
    here = urlsplit(st.context.url or "")
    st.markdown(f"**{parts.plain(person.name)}** · {parts.code(person.username)}")
    st.code(f"{here.scheme}://{here.netloc}{link.path}", language=None, wrap_lines=True)
    st.markdown(
        f"Send it to {parts.plain(person.name)} yourself: no mail is sent. It works once, until "
        f"{link.expires_at:%Y-%m-%d %H:%M} UTC, and is **not shown again**."
    )
