"""Which pages there are, and the frame around them: brand, who is signed in, what is left of the plan."""

from __future__ import annotations

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from byok.ground import request_ids
from byok.services.sessions import Identity
from web import door, elements, join, own_password, parts
from web.house import identity, signed_in, workbench

LEFT = "plan-left"
"""The part of the card that says what is left: a page can let it be drawn again by itself."""


def run() -> None:
    """One page run: the page for who is signed in, else the sign-in page at the same address."""
    request_ids.begin()
    # A Material symbol as page icon would be fetched from another origin; a file of ours is not.
    st.set_page_config(page_title="Aimy BYOK workbench", page_icon=str(elements.ASSETS / "icon.svg"), layout="wide")
    st.html(elements.ASSETS / "page.css")
    st.html(f"<style>{elements.answer_css()}</style>")
    st.logo(str(elements.ASSETS / "logo.svg"), icon_image=str(elements.ASSETS / "icon.svg"), size="large")
    who = identity()
    # All pages are declared even when signed out, so that a deep link survives the sign-in.
    page = st.navigation(
        {
            "Workbench": [
                st.Page("pages/playground.py", title="Playground", icon=":material/forum:", default=True),
                st.Page(
                    "pages/chatbot_settings.py",
                    title="Chatbot Settings",
                    icon=":material/smart_toy:",
                    url_path="chatbot-settings",
                ),
                st.Page("pages/usage.py", title="Usage", icon=":material/monitoring:", url_path="usage"),
            ],
            "Company admin": [
                st.Page("pages/api_keys.py", title="API Keys", icon=":material/key:", url_path="api-keys"),
                st.Page(
                    "pages/team.py",
                    title="Team",
                    icon=":material/group:",
                    url_path="team",
                    # A member who knows the address gets there all the same, and is told why not.
                    visibility="visible" if who is None or who.is_admin else "hidden",
                ),
                st.Page("pages/audit_log.py", title="Audit log", icon=":material/history:", url_path="audit-log"),
            ],
        },
        position="sidebar" if who and join.LINK not in st.query_params else "hidden",
    )
    if join.LINK in st.query_params:
        join.page(who)
        return
    if who is None:
        door.sign_in()
        return
    # The card keeps its place, and is filled after the page: what a person clicked for comes first.
    card = st.sidebar.container(border=True, gap="small")
    try:
        page.run()
    except Exception:
        _account(who, card)  # the way out stays, whatever a page does
        raise
    _account(who, card)
    elements.watch_session(who.actor.person_id)


def _account(who: Identity, card: DeltaGenerator) -> None:
    with card:
        sample = " :gray-badge[Sample data]" if who.sample else ""
        st.markdown(f"**{parts.plain(who.company_name)}** :green-badge[{who.plan.name}]{sample}")
        st.caption(f"{parts.plain(who.name)} · {who.role}")
        _left()
        if st.button("Change password", icon=":material/password:", width="stretch", key="change-password"):
            own_password.change()
        if st.button("Sign out", icon=":material/logout:", width="stretch", key="sign-out"):
            door.sign_out(who)


@st.fragment(key=LEFT)
def _left() -> None:
    who = signed_in(seen=False)
    allowance, used = workbench().usage.allowance(who.actor)
    share = min(1.0, used / allowance) if allowance else 1.0
    st.progress(share, text=f":small[{parts.plan_left(used, allowance)}]")
