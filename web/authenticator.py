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

from byok.ground.errors import TooManyTriesError
from byok.services.sign_in import Compare

FORM = {"Form name": "Sign in", "Username": "Username", "Password": "Password", "Login": "Sign in"}
FLAGS = ("authentication_status", "name", "email", "username", "roles", "logout", "password_hint")
TAKE, FOUND = "sign-in-number", "sign-in-found"


class Door(Protocol):
    """Where a username and a password are checked against the database, and tries are counted."""

    def check(
        self, username: str, password: str, *, compare: Compare, address: str = "", place: str = ""
    ) -> UUID | None:
        """The person's id, or None where the two do not belong together.

        Raises:
            TooManyTriesError: it must wait; the password was not looked at.
        """


class _NoCookies:
    """Stands where the library keeps a cookie of its own; remembers nothing."""

    def get_cookie(self) -> None:
        """Never a cookie."""

    def set_cookie(self) -> None:
        """Sets none."""

    def delete_cookie(self) -> None:
        """Has none to delete."""


class _DatabaseModel(AuthenticationModel):  # type: ignore[misc]
    """Has one person's hash checked at the door, by the library's comparison."""

    def __init__(self, door: Door, address: str, place: str) -> None:
        super().__init__({"usernames": {}}, auto_hash=False)
        self._door, self._where = door, {"address": address, "place": place}
        self.person_id: UUID | None = None
        self.wait: TooManyTriesError | None = None

    def check_credentials(self, username: str, password: str) -> bool:
        try:
            found = self._door.check(username, password, compare=Hasher.check_pw, **self._where)
        except TooManyTriesError as wait:
            self.wait = wait
            return False
        if found is None:
            return False
        self.person_id = found
        self.credentials["usernames"][username] = {"name": username}
        return True


class _WholePasswords(AuthenticationController):  # type: ignore[misc]
    """Hands a password on as it was typed: the library's own would take spaces off its ends."""

    def login(self, username: str | None = None, password: str | None = None, *_: Any, **__: Any) -> bool:
        return bool(self.authentication_model.login(username, password))


class SignInForm(Authenticate):  # type: ignore[misc]
    """The form. `draw` returns the person's id in the run in which the right password was submitted."""

    def __init__(self, door: Door, *, address: str, place: str) -> None:
        # Not the parent's own: it would mount the cookie element that is not wanted here.
        self.path = None
        self.api_key = None
        self.attrs: dict[str, Any] = {"login_sleep_time": 0}
        self.cookie_controller = _NoCookies()
        self.authentication_controller = _WholePasswords({"usernames": {}}, auto_hash=False)
        self._model = _DatabaseModel(door, address, place)
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
            st.session_state[TAKE] = number + 1
            st.session_state[FOUND] = self._model.person_id or self._model.wait
            st.rerun()
        if FOUND not in st.session_state:
            return None
        found: UUID | TooManyTriesError | None = st.session_state.pop(FOUND)
        if isinstance(found, UUID):
            return found
        if found is not None:
            st.error(str(found), icon=":material/hourglass:")
        else:
            st.error("That username and password do not belong together. Try again.", icon=":material/error:")
        return None
