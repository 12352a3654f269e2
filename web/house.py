"""The one holder of what the process owns, shared by the lifespan, the routes and the pages.

Pages reach identity and services through here and nowhere else, so that a test can hand in its own.
"""

from __future__ import annotations

import functools
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

import streamlit as st

from byok.ground.errors import NotSignedInError
from byok.process import Workbench
from byok.services.sessions import Identity

COOKIE = "byok_session"
PLACE = "byok_place"
"""The cookie by which the throttle knows a browser again; it opens nothing, and outlives the session."""


def _cookie_token() -> str | None:
    token = st.context.cookies.get(COOKIE)
    return token if isinstance(token, str) else None


def _place() -> str:
    place = st.context.cookies.get(PLACE)
    return place if isinstance(place, str) else ""


def _address() -> str:
    # None on loopback, where Streamlit leaves it out.
    address = st.context.ip_address
    return address if isinstance(address, str) and address else "127.0.0.1"


@dataclass
class House:
    """The workbench, and where a page run finds its session token: the cookie, or what a test hands in.

    Attributes:
        leaving: whether the process was told to stop.
        mark: by which a tab that was cut off sees that another process answers it now.
        address: where a page run is asked from.
        place: the token of the browser that asks, empty where it has none; see `byok.services.throttle`.
    """

    workbench: Workbench
    token: Callable[[], str | None] = field(default=_cookie_token)
    leaving: bool = False
    address: Callable[[], str] = field(default=_address)
    place: Callable[[], str] = field(default=_place)
    mark: str = field(default_factory=lambda: secrets.token_hex(8))


@functools.cache
def house() -> House:
    """The process's one holder, opened when first asked for.

    Not one of Streamlit's caches: a single message from any browser, signed in or not, empties those, and a second
    workbench would then be opened beside the first.
    """
    return House(Workbench.open(what="app"))


def workbench() -> Workbench:
    """The services."""
    return house().workbench


def identity(*, seen: bool = True) -> Identity | None:
    """Who is signed in, read from the database at each call; None where nobody is.

    Args:
        seen: whether a person's click asks, which keeps the session from falling silent.
    """
    token = house().token()
    return house().workbench.sessions.whois(token, address=house().address(), seen=seen) if token else None


def signed_in(*, seen: bool = True) -> Identity:
    """Who is signed in. The first line of a page, and of what runs without it: a fragment or dialog that reads data.

    Without a session it ends there, whatever led to it.

    Args:
        seen: see `identity`; False for what is drawn anew by itself.
    """
    who = identity(seen=seen)
    if who is None:
        st.info("You are signed out.", icon=":material/lock:")
        st.stop()
    return who


def while_signed_in(make: Callable[[], bytes]) -> Callable[[], bytes]:
    """What makes a file at a click on its button; refuses where the session that the button was drawn for has ended."""
    token = house().token()

    def made() -> bytes:
        if token is None or not workbench().sessions.lasts(token):
            raise NotSignedInError("You are signed out.")
        return make()

    return made
