"""The sign-in page and the way out. It hands the browser a one-time ticket; routes turn that into a cookie."""

from __future__ import annotations

from uuid import UUID

import streamlit as st

from byok.services.sessions import Identity
from web import elements
from web.authenticator import SignInForm
from web.house import house, workbench


def _enter(person_id: UUID) -> None:
    ticket = workbench().sessions.issue_ticket(person_id)
    elements.post_and_reload("/app/session", {"ticket": ticket})
    st.caption("Signing in …")


def sign_in() -> None:
    """Draws the sign-in page: one click in demo mode, the form always; without companies, how to make one."""
    bench = workbench()
    _, middle, _ = st.columns([1, 2, 1])
    with middle:
        st.title("Aimy BYOK workbench", anchor=False)
        st.markdown(
            "Bring your own AI provider keys to your chatbots. You pay the provider directly; Aimy adds no markup."
        )
        if bench.settings.demo_on:
            _one_click()
        elif not bench.accounts.companies():
            _first_company()
        with st.container(border=False):
            person_id = SignInForm(bench.accounts).draw()
        if person_id is not None:
            _enter(person_id)
        if bench.settings.demo_on:
            st.caption(f"Demo accounts: ada, max, bea, finn. Their password: `{bench.demo.password}`")
        st.caption("Keys are encrypted at rest, opened only at the moment of a request, and never shown again.")
    elements.watch_session()


def _one_click() -> None:
    people = workbench().demo.people()
    if not people:
        return
    with st.container(border=True):
        st.markdown("**Try the demo** :gray-badge[Sample data]")
        for person in people:
            if st.button(person.label, key=f"as-{person.username}", icon=":material/login:", width="stretch"):
                _enter(person.person_id)


def _first_company() -> None:
    with st.container(border=True):
        st.markdown("**There is no company yet.** Two commands make one, with its first admin:")
        st.code(
            "uv run byok company add acme --name 'Acme' --plan pro\n"
            "uv run byok user add acme alice --name 'Alice' --role admin",
            language="bash",
        )


def sign_out(_who: Identity) -> None:
    """Ends the session in the database at once, then lets the browser drop the cookie and load the page again."""
    token = house().token()
    if token:
        workbench().sessions.end(token)
    elements.post_and_reload("/app/sign-out", {})
    st.stop()
