"""Finished answers on a page, as the script sends them."""

from __future__ import annotations

import json
import re

from streamlit.testing.v1 import AppTest

from web import elements


def _page() -> None:
    from uuid import UUID

    import streamlit as st

    from web import elements

    elements.finished_answer(UUID(int=1), st.session_state["text"], label="Answer")


def shown(text: str) -> AppTest:
    page = AppTest.from_function(_page)
    page.session_state["text"] = text
    page.run()
    assert not page.exception
    return page


def test_an_answer_without_formulas_is_plain_html() -> None:
    page = shown("Costs **$5** and $10 :red[x] :material/home:")
    assert [one.proto.body for one in page.get("html")] == [
        '<div class="answer" role="log" aria-live="off" aria-label="Answer" tabindex="0">'
        "<p>Costs <strong>$5</strong> and $10 :red[x] :material/home:</p>\n</div>"
    ]


def test_an_answer_with_formulas_goes_where_mathml_is_let_in() -> None:
    page = shown("So $x$.")
    assert not page.get("html")
    sent = json.loads(page.get("bidi_component")[0].proto.json)
    assert sent["html"] == '<p>So <math display="inline"><mrow><mi>x</mi></mrow></math>.</p>\n'


def test_an_answer_of_nothing_shows_nothing() -> None:
    page = shown(" \n")
    assert not page.get("html")
    assert not page.get("bidi_component")


def test_the_page_gets_the_colours_of_both_themes() -> None:
    css = elements.answer_css()
    for name in ("link-color", "secondary-background-color", "border-color"):
        assert re.search(rf"--st-{name}: light-dark\(#[0-9a-f]{{6}}, #[0-9a-f]{{6}}\)", css)
    assert "pre.code .k { color: light-dark(" in css
    assert not re.search(r"<[/\w!]|url\(|@import", css)  # the first would make Streamlit drop it whole
