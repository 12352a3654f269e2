"""The few elements that need JavaScript of their own, registered once for the process.

Their scripts are files of this product; text that others wrote never becomes part of one.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from html import escape
from pathlib import Path
from uuid import UUID

import streamlit as st

from web.house import house
from web.markdown import pygments_css, render

ASSETS = Path(__file__).parent / "assets"
ALL = -1  # as in live.js


def _asset(name: str) -> str:
    return (ASSETS / name).read_text("utf-8")


@functools.cache
def answer_css() -> str:
    """The look of finished answers, for a `<style>` of the page: the same as running ones have."""
    theme = "".join(f"--st-{name}: {value}; " for name, value in _theme().items())
    return "\n".join((f"div.answer {{ {theme}}}", _asset("answer.css"), pygments_css()))


def _theme() -> dict[str, str]:
    """The theme's colours, each for light and dark, as Streamlit names them to elements with a root of their own."""
    names = ("link-color", "secondary-background-color", "border-color")
    found = {}
    for name in names:
        first, *more = name.split("-")
        option = first + "".join(word.title() for word in more)
        light, dark = (st.get_option(f"theme.{scheme}.{option}") for scheme in ("light", "dark"))
        if light and dark:
            found[name] = f"light-dark({light}, {dark})"
    return found


_post = st.components.v2.component("byok.post", js=_asset("post.js"))
_watch = st.components.v2.component("byok.watch", js=_asset("watch.js"))
_live = st.components.v2.component(
    "byok.live",
    html=_asset("live.html"),
    css="\n".join((_asset("answer.css"), _asset("live.css"), pygments_css())),
    js=_asset("live.js"),
    isolate_styles=True,
)
_ended = st.components.v2.component("byok.ended", html='<div class="ended" hidden></div>', js=_asset("live.js"))
_keys = st.components.v2.component("byok.keys", js=_asset("keys.js"))
_figures = st.components.v2.component(
    "byok.figures",
    html='<div class="usage-table" tabindex="0" role="region" aria-label="Usage"></div>',
    js=_asset("figures.js"),
    isolate_styles=False,
)
_changes = st.components.v2.component("byok.changes", js=_asset("changes.js"))
_answer = st.components.v2.component(
    "byok.answer",
    html='<div class="answer" role="log" aria-live="off" tabindex="0"></div>',
    js=_asset("answer.js"),
    isolate_styles=False,
)


def post_and_reload(url: str, body: dict[str, str]) -> None:
    """Lets the browser post `body` to one of the app's own routes and then load the page again."""
    _post(key=f"post-{url}", data={"url": url, "body": body})


def watch_session(person_id: UUID | None) -> None:
    """Reloads this tab once somebody else is signed in, or nobody any more, whichever tab did it.

    And lets the page be drawn anew once it is back at another process: that one knows none of its fragments, and would
    leave each click in one without an answer.

    Args:
        person_id: for whom this page is drawn; None on the sign-in page.
    """
    data = {"person": str(person_id) if person_id else None, "process": house().mark}
    _watch(key="watch-session", height=1, data=data, on_back_change=lambda: None)


def live_answer(answer_id: UUID, url: str, *, place: int, label: str, on_ended: Callable[[], None]) -> None:
    """Shows a running answer as it grows; `on_ended` runs once it is no longer running.

    Args:
        url: the event stream of all answers that run on this page (`web.stream`), so that they share one.
        place: the answer's place in that stream.
        label: what it is, for a screen reader.
    """
    data = {"url": url, "place": place, "label": label}
    _live(key=f"live-{answer_id}", data=data, on_ended_change=on_ended)


def when_all_ended(url: str, *, key: str, on_ended: Callable[[], None]) -> None:
    """Shows nothing; `on_ended` runs once all answers of an event stream have ended."""
    _ended(key=f"ended-{key}", data={"url": url, "place": ALL}, on_ended_change=on_ended)


def keyboard(*, sent: int) -> None:
    """Lets the Playground be used by keyboard; gives the input the focus whenever `sent` has changed."""
    _keys(key="keyboard", height=1, data={"sent": sent})


def usage_table(html: str, *, on_open: Callable[[], None]) -> str | None:
    """Shows the usage table, as `web.usage.table` makes it.

    Returns:
        What the number stands for that was clicked just now, as its button says it; else None.
    """
    clicked = _figures(key="usage-table", data={"html": html}, on_open_change=on_open).open
    return clicked if isinstance(clicked, str) else None


def when_usage_changes(url: str, *, on_changed: Callable[[], None]) -> None:
    """Shows nothing; lets the fragment that it stands in run again whenever the event stream says so."""
    data = {"url": url, "drawn": time.monotonic()}  # by which the script sees that it was heard
    _changes(key="usage-changes", height=1, data=data, on_changed_change=on_changed)


def finished_answer(answer_id: UUID, text: str, *, label: str) -> None:
    """Shows a finished answer, drawn as it was while it ran, now with its formulas. The page has `answer_css`.

    Args:
        label: what it is, for a screen reader.
    """
    html = _html(text)
    if "<math" in html:
        _answer(key=f"answer-{answer_id}", data={"html": html, "label": label})
    elif html:
        # Its own scrolling parts can be reached by keyboard; a screen reader is not told of it piece by piece.
        label = escape(label, quote=True)
        st.html(f'<div class="answer" role="log" aria-live="off" aria-label="{label}" tabindex="0">{html}</div>')


@functools.lru_cache(maxsize=128)
def _html(text: str) -> str:
    """Each run of a page shows all answers again: the last ones are kept as they were drawn."""
    # What scrolls within itself must be within reach of the keyboard.
    return render(text, math=True).replace('<pre class="code"', '<pre tabindex="0" class="code"')
