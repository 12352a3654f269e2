"""Markdown from models, in a browser: it fetches nothing, runs nothing, and looks right, half-finished too."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.conftest import browser, profile, sign_in, tab
from tests.e2e.paced_app import PacedApp
from tests.e2e.paced_models import HOSTILE
from tests.e2e.steps import ask, column, ended, line_up
from tests.security.conftest import Tally

__all__ = ["browser"]
pytestmark = [pytest.mark.browser, pytest.mark.threat(23), pytest.mark.timeout(120)]

MEANS_ILL = re.compile(r"https?://|\]\(//|javascript:|data:|on\w+=|<(?:script|style|iframe)")

# What would have been fetched or run, had the policy of the response headers not stopped it, is noted too.
NOTE_WHAT_WAS_STOPPED = """
  globalThis.stopped = [];
  document.addEventListener("securitypolicyviolation", (one) => stopped.push(one.blockedURI));
"""
# While the fence is still open, of an answer that still grows: what the first line looks like.
HALF_A_FENCE = """() => {
  const live = [...document.querySelectorAll("*")].map((one) => one.shadowRoot?.querySelector(".live")).find(Boolean);
  const code = live?.querySelector("pre.code > code");
  return code?.textContent.includes("line number 3") && !code.textContent.includes("last_line")
    && live.querySelector("img, iframe, script, style, b") === null;
}"""
STYLE = "(element, name) => getComputedStyle(element)[name]"


@pytest.fixture(scope="module")
def page(browser: Browser, app: PacedApp) -> Iterator[Page]:
    """A finished conversation of two columns, `hostile` and `markdown`; seen while the first had half a fence."""
    with profile(browser) as context, tab(context) as opened:
        opened.add_init_script(NOTE_WHAT_WAS_STOPPED)
        sign_in(opened, app.server)
        line_up(opened, "hostile", "markdown")
        ask(opened, "Do your worst")
        opened.wait_for_function(HALF_A_FENCE, polling=50)
        expect(column(opened, 2).locator(".live math")).to_have_count(0)
        ended(opened)
        yield opened


def test_nothing_is_fetched_and_no_script_or_element_of_the_answer_lives(page: Page, tally: Tally) -> None:
    answer = column(page, 1).locator(".answer")
    expect(answer).to_contain_text('<img src="x" onerror="globalThis.ran = 1">')
    expect(answer.locator("img, iframe, script, style, svg, b, object, form, input")).to_have_count(0)
    names = "(root) => [...new Set([...root.querySelectorAll('*')].flatMap((one) => one.getAttributeNames()))].sort()"
    assert set(answer.evaluate(names)) <= {"align", "class", "data-language", "href", "rel", "tabindex", "target"}
    assert page.evaluate("globalThis.ran") is None
    tally.tried(len(MEANS_ILL.findall(HOSTILE)))  # what is asked of another origin fails the profile, too
    for address in page.evaluate("stopped"):
        tally.leaked(f"only the policy held back {address}")
    expect(page.get_by_role("button", name="Run again").first).to_be_visible()  # its style hid nothing


def test_links_lead_where_they_say_and_only_when_clicked(page: Page) -> None:
    links = column(page, 1).locator(".answer a")
    targets = links.evaluate_all("(all) => all.map((one) => one.getAttribute('href'))")
    assert "https://pages.example/three" in targets
    assert "https://images.example/cat.png" in targets
    assert all(target.startswith(("https://", "http://")) for target in targets)
    for rel in links.evaluate_all("(all) => all.map((one) => one.rel)"):
        assert "noopener" in rel
    column(page, 1).get_by_text("[one](javascript:globalThis.ran=3)").click()
    assert page.evaluate("globalThis.ran") is None


def test_a_table_of_forty_columns_scrolls_within_its_card(page: Page) -> None:
    table = column(page, 1).locator(".answer table").first
    assert table.evaluate("(one) => one.scrollWidth > 2 * one.clientWidth")
    assert table.evaluate(STYLE, "overflowX") == "auto"
    card, inside = column(page, 1).bounding_box(), table.bounding_box()
    assert card is not None
    assert inside is not None
    assert inside["x"] + inside["width"] <= card["x"] + card["width"]
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_code_keeps_its_lines_and_colours_and_a_half_table_is_one(page: Page) -> None:
    answer = column(page, 1).locator(".answer")
    code = answer.locator("pre.code")
    expect(code).to_contain_text('<img src="https://images.example/in-code.png"')
    assert code.evaluate(STYLE, "whiteSpace") == "pre"
    assert len(code.inner_text().strip().split("\n")) == 27
    colours = code.locator("span").evaluate_all("(all) => all.map((one) => getComputedStyle(one).color)")
    assert len({*colours}) > 1
    half = answer.locator("table").last
    expect(half.locator("th")).to_have_text(["half", "a table"])
    expect(half.locator("td")).to_have_text(["one", "1", "two", ""])
    assert half.locator("td").nth(1).evaluate(STYLE, "textAlign") == "right"


def test_a_report_looks_like_one_with_its_formula_once_it_has_ended(page: Page) -> None:
    answer = column(page, 2).locator(".answer")
    expect(answer.locator("math")).to_have_count(1)
    assert answer.locator("math").evaluate("(one) => one.namespaceURI") == "http://www.w3.org/1998/Math/MathML"
    expect(answer.locator("h1, h2, h3")).to_have_text(["A report in one page", "What was measured", "How"])
    sizes = answer.locator("h1, h2, h3, p").evaluate_all("(all) => all.map((one) => getComputedStyle(one).fontSize)")
    h1, h2, h3, p = (float(sizes[place].removesuffix("px")) for place in (0, 2, 3, 1))
    assert h1 > h2 > h3 > p
    assert int(answer.locator("strong").evaluate(STYLE, "fontWeight")) >= 600
    assert answer.locator("em").first.evaluate(STYLE, "fontStyle") == "italic"
    expect(answer.locator("ol > li")).to_have_count(3)
    expect(answer.locator("ol ul > li")).to_have_count(2)
    assert answer.locator("blockquote").evaluate(STYLE, "borderLeftStyle") == "solid"
    assert answer.locator("td").nth(1).evaluate(STYLE, "textAlign") == "right"
    assert answer.locator("td").nth(1).evaluate(STYLE, "borderTopStyle") == "solid"
    keyword = answer.locator("pre.code .k").first
    assert keyword.evaluate(STYLE, "color") != answer.locator("pre.code").evaluate(STYLE, "color")
    expect(answer.locator("pre.code")).to_contain_text("# Nothing <b>bold</b> happens here.")
