"""The holder: one workbench for the process, whatever a browser sends."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from tests.pages.front import empty_house
from web.house import house


def test_emptying_streamlits_caches_as_any_browser_can_leaves_the_holder_alone(tmp_path: Path) -> None:
    with empty_house(tmp_path):
        before = house()
        st.cache_resource.clear()
        assert house() is before
