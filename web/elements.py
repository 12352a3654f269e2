"""The few elements that need JavaScript of their own, registered once for the process.

Their scripts are files of this product; text that others wrote never becomes part of one.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import streamlit as st

from web.markdown import pygments_css

ASSETS = Path(__file__).parent / "assets"


def _asset(name: str) -> str:
    return (ASSETS / name).read_text("utf-8")


def _live_css() -> str:
    """The look of a running answer, with the colours of code for both themes."""
    light, dark = (pygments_css(dark=theme).splitlines() for theme in (False, True))
    colours = [*(f".live:not(.dark) {rule}" for rule in light), *(f".live.dark {rule}" for rule in dark)]
    return "\n".join((_asset("live.css"), *colours))


_post = st.components.v2.component("byok.post", js=_asset("post.js"))
_watch = st.components.v2.component("byok.watch", js=_asset("watch.js"))
_live = st.components.v2.component(
    "byok.live", html=_asset("live.html"), css=_live_css(), js=_asset("live.js"), isolate_styles=True
)


def post_and_reload(url: str, body: dict[str, str]) -> None:
    """Lets the browser post `body` to one of the app's own routes and then load the page again."""
    _post(key=f"post-{url}", data={"url": url, "body": body})


def watch_session(person_id: UUID | None) -> None:
    """Reloads this tab once somebody else is signed in, or nobody any more, whichever tab did it.

    Args:
        person_id: for whom this page is drawn; None on the sign-in page.
    """
    _watch(key="watch-session", height=1, data={"person": str(person_id) if person_id else None})


def live_answer(answer_id: UUID, url: str, *, on_ended: Callable[[], None]) -> None:
    """Shows a running answer as it grows; `on_ended` runs once it is no longer running.

    Args:
        url: the event stream of all answers that run on this page (`web.stream.url`), so that they share one.
    """
    _live(key=f"live-{answer_id}", data={"url": url, "answer": str(answer_id)}, on_ended_change=on_ended)
