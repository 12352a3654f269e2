"""streamlit-authenticator, kept to what it does well here: it draws the form and checks the hash.

Its cookies, files, e-mail and session flags are not used: sessions are the database's.
"""

from __future__ import annotations

from typing import Any, Protocol
from uuid import UUID

import streamlit as st
from streamlit_authenticator import Authenticate
from streamlit_authenticator.controllers import AuthenticationController
from streamlit_authenticator.models import AuthenticationModel
from streamlit_authenticator.utilities import Hasher

FORM = {"Form name": "Sign in", "Username": "Username", "Password": "Password", "Login": "Sign in"}
FLAGS = ("authentication_status", "name", "email", "username", "roles", "logout", "password_hint")
TAKE, FOUND = "sign-in-number", "sign-in-found"
# Compared with when there is no such person, so that the answer takes as long: the hash of nothing anyone knows.
NOBODY = "$2b$12$" + "." * 53


class Credentials(Protocol):
    """Where the hash of a person's password is found."""

    def credential(self, username: str) -> tuple[UUID, str] | None:
        """Person id and bcrypt hash, or None where nobody active has that name."""


class _NoCookies:
    """Stands where the library keeps a cookie of its own; remembers nothing."""

    def get_cookie(self) -> None:
        """Never a cookie."""

    def set_cookie(self) -> None:
        """Sets none."""

    def delete_cookie(self) -> None:
        """Has none to delete."""


class _DatabaseModel(AuthenticationModel):  # type: ignore[misc]
    """Checks one person's hash against the database, and takes as long for a name that nobody has."""

    def __init__(self, accounts: Credentials) -> None:
        super().__init__({"usernames": {}}, auto_hash=False)
        self._accounts = accounts
        self.person_id: UUID | None = None

    def check_credentials(self, username: str, password: str) -> bool:
        found = self._accounts.credential(username)
        try:
            right = bool(Hasher.check_pw(password, found[1] if found else NOBODY))
        except ValueError:  # longer than bcrypt's 72 bytes: no such password was ever accepted
            right = False
        if found is None or not right:
            return False
        self.person_id = found[0]
        self.credentials["usernames"][username] = {"name": username}
        return True


class SignInForm(Authenticate):  # type: ignore[misc]
    """The form. `draw` returns the person's id in the run in which the right password was submitted."""

    def __init__(self, accounts: Credentials) -> None:
        # Not the parent's own: it would mount the cookie element that is not wanted here.
        self.path = None
        self.api_key = None
        self.attrs: dict[str, Any] = {"login_sleep_time": 0}
        self.cookie_controller = _NoCookies()
        self.authentication_controller = AuthenticationController({"usernames": {}}, auto_hash=False)
        self._model = _DatabaseModel(accounts)
        self.authentication_controller.authentication_model = self._model

    def draw(self) -> UUID | None:
        """Draws the form and, after a wrong password, one plain sentence."""
        number = st.session_state.setdefault(TAKE, 0)
        self.login(fields=FORM, clear_on_submit=True, key=f"sign-in-{number}")
        failed = st.session_state.get("authentication_status") is False
        for flag in FLAGS:
            st.session_state.pop(flag, None)
        if failed or self._model.person_id is not None:
            # In a new form at once: the old one would keep the password here, and send it again with the next click.
            st.session_state[TAKE], st.session_state[FOUND] = number + 1, self._model.person_id
            st.rerun()
        if FOUND not in st.session_state:
            return None
        person_id: UUID | None = st.session_state.pop(FOUND)
        if person_id is None:
            st.error("That username and password do not belong together. Try again.", icon=":material/error:")
        return person_id
