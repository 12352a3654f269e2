"""The holder: one workbench for the process, whatever a browser sends; and files for those alone who are signed in."""

from __future__ import annotations

from pathlib import Path

import pytest
import streamlit as st

from byok.ground.errors import NotSignedInError
from tests.pages.front import empty_house, front
from web.house import house, while_signed_in


def test_emptying_streamlits_caches_as_any_browser_can_leaves_the_holder_alone(tmp_path: Path) -> None:
    with empty_house(tmp_path):
        before = house()
        st.cache_resource.clear()
        assert house() is before


def test_a_file_is_made_for_as_long_as_the_session_lasts_that_its_button_was_drawn_for(tmp_path: Path) -> None:
    with empty_house(tmp_path / "holder"), front(tmp_path / "home") as one:
        one.sign_in("ada")
        made, token = while_signed_in(lambda: b"rows"), house().token()
        one.sign_in("max")  # another tab's click, in the meantime
        assert made() == b"rows"
        assert token is not None
        one.bench.sessions.end(token)
        with pytest.raises(NotSignedInError):
            made()


def test_nobody_is_made_a_file(tmp_path: Path) -> None:
    with empty_house(tmp_path / "holder"), front(tmp_path / "home") as one:
        one.sign_in(None)
        with pytest.raises(NotSignedInError):
            while_signed_in(lambda: b"rows")()
