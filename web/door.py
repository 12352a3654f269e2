"""The sign-in page and the way out. It hands the browser a one-time ticket; routes turn that into a cookie."""

from __future__ import annotations

import re
from uuid import UUID

import streamlit as st

from byok.services.sessions import Identity
from web import elements, parts
from web.authenticator import SignInForm
from web.house import house, workbench

PLAIN = re.compile(r"[\w .-]+")


def enter(person_id: UUID) -> None:
    """Lets the browser trade a ticket for a session, and load the page again. The caller has made sure who it is."""
    ticket = workbench().sessions.issue_ticket(person_id)
    elements.post_and_reload("/app/session", {"ticket": ticket})
    st.caption("Signing in …")


def sign_in() -> None:
    """Draws the sign-in page: one click in demo mode, the form always; without companies, how to make one."""
    bench = workbench()
    pitch, _, entry = st.columns([6, 1, 6], vertical_alignment="top")
    with pitch:
        _pitch()
    with entry:
        if bench.settings.demo_on:
            _one_click()
        elif not any(company.people for company in bench.accounts.companies()):
            _first_person()
        person_id = SignInForm(bench.sign_in, address=house().address(), place=house().place()).draw()
        if bench.settings.demo_on:
            st.caption(f"Demo accounts: ada, max, bea, finn. Their password: {parts.code(bench.demo.password)}")
        if person_id is not None:
            enter(person_id)
    elements.watch_session(None)


def _pitch() -> None:
    st.markdown(":small[:green[**Aimy BYOK workbench**]]")
    st.title("Bring your own AI provider keys", anchor=False)
    st.markdown(
        "Connect your company's keys of OpenAI, Google Gemini, Mistral, Groq, Together AI, OpenRouter and others. "
        "Their models then stand beside the standard ones, in every chatbot and in the Playground."
    )
    st.markdown(
        ":material/payments: **You pay the provider directly.** Aimy adds no markup, and such calls never draw down "
        "your plan.\n\n"
        ":material/lock: **Keys stay sealed.** Encrypted at rest with a nonce of their own, opened only at the moment "
        "of a request, never shown again, deletable at any time.\n\n"
        ":material/monitoring: **Every answer has a receipt.** Who paid, tokens, time to the first token, estimated "
        "cost; and a usage table that adds up."
    )


def _one_click() -> None:
    people = workbench().demo.people()
    if not people:
        return
    with st.container(border=True):
        st.markdown("**Try the demo** :gray-badge[Sample data]")
        for person in people:
            label = person.label if PLAIN.fullmatch(person.label) else parts.plain(person.label)
            if st.button(label, key=f"as-{person.username}", icon=":material/login:", width="stretch"):
                enter(person.person_id)


def _first_person() -> None:
    companies = workbench().accounts.companies()
    slug = companies[0].slug if companies else "acme"
    add_company = "" if companies else "uv run byok company add acme --name 'Acme' --plan pro\n"
    with st.container(border=True):
        if companies:
            st.markdown("**Nobody can sign in yet.** This command makes the first admin:")
        else:
            st.markdown("**There is no company yet.** Two commands make one, with its first admin:")
        st.code(
            f"{add_company}uv run byok user add alice --company {slug} --name 'Alice' --role admin",
            language="bash",
            wrap_lines=True,
        )


def sign_out(_who: Identity) -> None:
    """Ends the session in the database at once, then lets the browser drop the cookie and load the page again."""
    token = house().token()
    if token:
        workbench().sessions.end(token, address=house().address())
    elements.post_and_reload("/app/sign-out", {})
    st.stop()
