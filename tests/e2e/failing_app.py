"""An app whose every button fails in another way, behind the product's own error page, log and middleware."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import streamlit as st
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from streamlit.runtime.scriptrunner import get_script_run_ctx

from byok.core import logs
from byok.ground import request_ids
from byok.ground.errors import NotAllowedError
from web import error_page
from web.request_ids import RequestIds

SECRET = "-".join(("words", "of", "an", "exception"))


def fail() -> None:
    raise RuntimeError(SECRET)


@st.fragment
def fragment() -> None:
    if st.button("In a fragment"):
        fail()


@st.dialog("A dialog")
def dialog() -> None:
    if st.button("In a dialog"):
        fail()


def draw() -> None:
    request_ids.begin()
    st.button("In a callback", on_click=fail)
    fragment()
    if st.button("Open a dialog"):
        dialog()
    if st.button("In the page"):
        with st.container(border=True):
            fail()
    if st.button("On purpose"):
        raise NotAllowedError("Members cannot do <b>that</b>.")
    if st.button("Stop"):
        st.stop()
    if st.button("Again"):
        st.session_state["again"] = True
        st.rerun()
    st.write("Drawn to the end" + (", again" if st.session_state.get("again") else ""))


@contextlib.asynccontextmanager
async def lifespan(_: Any) -> AsyncIterator[dict[str, Any]]:
    logs.set_up("json")
    error_page.set_up()
    yield {}


async def route(_: Request) -> Response:
    raise RuntimeError(SECRET)


if get_script_run_ctx(suppress_warning=True) is None:
    app = st.App(
        __file__,
        lifespan=lifespan,
        routes=[Route("/fails", route)],
        middleware=[Middleware(RequestIds)],
        on_script_error=error_page.show,
    )
else:
    draw()
