"""Team: an admin invites people, shuts them out, gives roles and resets passwords; others see why not."""

from __future__ import annotations

import streamlit as st

from byok.ground.clock import utc_now
from byok.ground.errors import ByokError
from byok.services.account_views import PersonView
from byok.services.sessions import Identity
from web import formats, parts, team_dialogs
from web.house import signed_in, workbench

STATES = {
    "active": ("green", ":material/check_circle:"),
    "invited": ("orange", ":material/mail:"),
    "disabled": ("gray", ":material/block:"),
}


def page() -> None:
    """Draws the page for who is signed in."""
    who = signed_in()
    with st.container(horizontal=True, vertical_alignment="bottom", horizontal_alignment="distribute"):
        st.title("Team", anchor=False, width="content")
        if who.is_admin and st.button("Invite", type="primary", icon=":material/person_add:"):
            team_dialogs.invite()
    if not who.is_admin:
        st.info(
            "People are managed by the admins of your company: ask one of them to invite somebody or to change a "
            "role. Your own password is changed in the sidebar.",
            icon=":material/admin_panel_settings:",
        )
        return
    st.caption("Who can sign in at your company. Admins manage keys, budgets and people; members use the models.")
    done = st.session_state.pop("team_done", None)
    if done:
        st.toast(parts.plain(done), icon=":material/check:")
    problem = st.session_state.pop("team_problem", None)
    if problem is not None:
        parts.error(problem)
    people = workbench().team.people(who.actor)
    for person in people:
        _person(who, person)
    if len(people) == 1:
        parts.steps(
            "You are alone here",
            [
                "Click **Invite** and name a colleague",
                "Copy the link that is shown, once, and send it",
                "The link works for 72 hours: whoever opens it chooses a password",
            ],
            icon=":material/group_add:",
        )


def _person(who: Identity, person: PersonView) -> None:
    with st.container(border=True, key=f"person-{person.id}"):
        with st.container(horizontal=True, vertical_alignment="center"):
            own = " (you)" if person.id == who.actor.person_id else ""
            st.markdown(f"**{parts.plain(person.name)}**{own} · {parts.code(person.username)}", width="stretch")
            colour, icon = STATES[person.state]
            st.badge(person.state.capitalize(), color=colour, icon=icon)  # type: ignore[arg-type]
            st.badge(person.role.capitalize(), color="blue" if person.role == "admin" else "gray")
        now = utc_now()
        seen = "not seen yet" if person.seen_at is None else f"last seen {formats.ago(person.seen_at, now)}"
        st.caption(f"Added {formats.ago(person.created_at, now)} · {seen}")
        with st.container(horizontal=True):
            _actions(who, person)


def _actions(who: Identity, person: PersonView) -> None:
    other = "member" if person.role == "admin" else "admin"
    if st.button(f"Make {other}", key=f"role-{person.id}", icon=":material/swap_horiz:"):
        if person.id == who.actor.person_id:
            team_dialogs.step_down(person)
        else:
            _change(who, person, other)
    if person.disabled:
        if st.button("Enable", key=f"enable-{person.id}", icon=":material/lock_open:"):
            _change(who, person, "enable")
        return
    if person.id != who.actor.person_id:
        label = "New link" if person.invited else "Reset password"
        if st.button(label, key=f"reset-{person.id}", icon=":material/link:"):
            team_dialogs.reset(person)
    if st.button("Disable", key=f"disable-{person.id}", icon=":material/block:"):
        team_dialogs.disable(person)


def _change(who: Identity, person: PersonView, what: str) -> None:
    team = workbench().team
    try:
        if what == "enable":
            team.enable(who.actor, person.id)
            st.session_state["team_done"] = f"{person.name} can sign in again."
        else:
            team.set_role(who.actor, person.id, what)
            st.session_state["team_done"] = f"{person.name} is {'an' if what == 'admin' else 'a'} {what} now."
    except ByokError as problem:
        st.session_state["team_problem"] = problem
    st.rerun()


page()
