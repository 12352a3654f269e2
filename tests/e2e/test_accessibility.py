"""axe on the Playground, in both themes: empty, with columns, while they stream, with each dialog open."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.e2e.conftest import profile, settled, sign_in, tab
from tests.e2e.paced_app import PacedApp, paced_app
from tests.e2e.steps import add_column, ask, column, ended, growing, line_up

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(300)]

BAD = ("serious", "critical")
# Streamlit puts elements of its own between the list of pages and its items; no app can change that.
STREAMLITS_OWN = {"exclude": [["[data-testid=stSidebarNavItems]"]]}
FAST = "plain-200-40"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PacedApp]:
    with paced_app(tmp_path_factory.mktemp("paced"), FAST) as running:
        yield running


# What fades in has less contrast until it has; what moves for ever is not waited for.
FADED_IN = """() => Promise.allSettled(
  document.getAnimations().filter((one) => one.effect.getTiming().iterations !== Infinity).map((one) => one.finished),
)"""


@pytest.fixture(params=["light", "dark"])
def page(request: pytest.FixtureRequest, browser: Browser, app: PacedApp) -> Iterator[Page]:
    with profile(browser, color_scheme=request.param) as context, tab(context) as opened:
        sign_in(opened, app.server)
        yield opened


def bad(page: Page, where: str) -> list[str]:
    """The serious and critical violations, one a line."""
    settled(page)
    page.mouse.move(0, 0)  # what the mouse happens to stand over changes its colours
    page.evaluate(FADED_IN)
    found = Axe().run(page, context=STREAMLITS_OWN).response["violations"]
    return [
        f"{where}: {one['id']} ({one['impact']}) at {node['target']}: {node['html'][:200]}"
        for one in found
        if one["impact"] in BAD
        for node in one["nodes"]
    ]


def test_no_state_of_the_playground_has_a_serious_violation(page: Page) -> None:
    found = bad(page, "empty")
    line_up(page, FAST)
    ask(page, "One")
    ended(page)
    found += bad(page, "1 column")
    page.get_by_role("button", name="New conversation").click()
    expect(page.get_by_text("Ask something, or try one of these")).to_be_visible()
    line_up(page, "markdown", FAST, "refuse-401", "drop-50")
    ask(page, "Four")
    ended(page)
    found += bad(page, "4 columns")
    for opener, dialog in (
        (f"2 · {FAST}", "Model and parameters"),
        ("Fair race", "Fair race"),
        ("Compare the words", "Compare the words"),
        ("Edit", "Edit and run again"),
    ):
        page.get_by_role("button", name=opener).first.click()
        expect(page.get_by_role("dialog").get_by_text(dialog, exact=True).first).to_be_visible()
        found += bad(page, f"dialog {dialog}")
        page.get_by_role("dialog").get_by_role("button", name="Close").click()
        expect(page.get_by_role("dialog")).to_be_hidden()
    for _ in range(4):
        add_column(page, "pace-20-200")
    found += bad(page, "8 columns")
    ask(page, "Eight")
    expect(column(page, 8).locator(".live")).to_contain_text("t1")
    found += bad(page, "8 columns streaming")
    page.get_by_role("button", name="Stop all").click()
    ended(page)
    assert not found, "\n".join(found)


def test_answers_are_logs_that_are_not_announced_token_by_token(page: Page) -> None:
    line_up(page, "markdown", "pace-20-200")
    ask(page, "Hello")
    expect(growing(page)).to_have_count(2)
    for number in (1, 2):
        log = column(page, number).get_by_role("log")
        expect(log).to_have_attribute("aria-live", "off")
        expect(log).to_have_attribute("aria-busy", "true")
        expect(log).to_have_accessible_name(f"Answer of column {number}: {('markdown', 'pace-20-200')[number - 1]}")
    page.get_by_role("button", name="Stop all").click()
    ended(page)
    for number in (1, 2):
        expect(column(page, number).get_by_role("log")).to_have_attribute("aria-live", "off")
        expect(column(page, number).get_by_role("log")).not_to_have_attribute("aria-busy", "true")
