"""A slow link, one that is lost for a while, a tab that slept: the page is whole again, and no hand reloads it."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import settled
from tests.e2e.paced import Seen
from tests.e2e.paced_app import PacedApp, paced_app
from tests.e2e.slow_link import SlowLink
from tests.e2e.steps import answer_of, ask, column, ended, line_up
from tests.e2e.usage_page import Elsewhere, table

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(300)]

TOKEN = re.compile(r"\bt\d{13}\b")
MEGABIT = 1_000_000
ASLEEP = 60  # seconds


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PacedApp]:
    with paced_app(tmp_path_factory.mktemp("paced"), "pace-100-600", "pace-50-300", "pace-50-60") as running:
        yield running


def enter(page: Page, url: str) -> None:
    page.goto(url)
    page.get_by_role("button", name="Continue as Ada - Pro admin").click()
    page.get_by_role("button", name="Sign out").wait_for()
    settled(page)


def requests(app: PacedApp, text: str) -> list[Seen]:
    return [one for one in app.provider.seen() if one.body["messages"][-1]["content"] == text]


def whole(page: Page, *tokens: int) -> None:
    """Waits until each column shows its numbers and all its tokens."""
    for number, count in enumerate(tokens, 1):
        expect(column(page, number)).to_contain_text(f"{count} out", timeout=60_000)
        assert len(TOKEN.findall(answer_of(column(page, number)))) == count
    ended(page)


def alive(page: Page, app: PacedApp, text: str, number: int = 1) -> None:
    """A click still does something: the zombie page's would be discarded."""
    before = len(requests(app, text))
    column(page, number).get_by_role("button", name="Run again").click()
    app.provider.seen_when(lambda _: len(requests(app, text)) == before + 1)
    expect(column(page, number).get_by_role("radio", name="2")).to_be_visible(timeout=30_000)
    ended(page)


def test_over_a_megabit_link_six_columns_stream_and_end_whole(page: Page, app: PacedApp) -> None:
    with SlowLink(app.server.port, bits_per_second=1e9, latency=0.02) as link:
        enter(page, link.url)
        line_up(page, *["pace-100-600"] * 6)
        page.evaluate("globalThis.__same = true")
        link.narrow(MEGABIT)
        ask(page, "Slowly")
        whole(page, *[600] * 6)
        assert page.evaluate("globalThis.__same") is True  # nor did it have to load itself anew
        alive(page, app, "Slowly")


def test_a_link_that_is_cut_while_columns_stream_and_mended_while_they_still_do(page: Page, app: PacedApp) -> None:
    with SlowLink(app.server.port, bits_per_second=1e9) as link:
        enter(page, link.url)
        line_up(page, *["pace-50-300"] * 4)
        ask(page, "Cut and mended")
        expect(column(page, 4).locator(".live")).to_contain_text(TOKEN)
        link.cut()
        app.provider.seen_when(lambda _: all(one.tokens >= 150 for one in requests(app, "Cut and mended")))
        link.mend()
        whole(page, 300, 300, 300, 300)
        assert len(requests(app, "Cut and mended")) == 4
        alive(page, app, "Cut and mended")


def test_a_link_that_is_mended_only_after_all_have_ended(page: Page, app: PacedApp) -> None:
    with SlowLink(app.server.port, bits_per_second=1e9) as link:
        enter(page, link.url)
        line_up(page, *["pace-50-60"] * 4)
        ask(page, "Mended late")
        expect(column(page, 4).locator(".live")).to_contain_text(TOKEN)
        link.cut()
        app.provider.seen_when(lambda _: all(one.ended for one in requests(app, "Mended late")))
        link.mend()
        whole(page, 60, 60, 60, 60)
        alive(page, app, "Mended late")


def test_a_page_that_was_open_while_the_app_started_anew_follows_and_answers_clicks_again(
    page: Page, app: PacedApp
) -> None:
    enter(page, app.server.url)
    page.goto(f"{app.server.url}/usage?period=Last+90+days")
    line = page.get_by_text("answered BYOK requests")
    count = int(line.inner_text().partition(" ")[0].lstrip("=").replace(",", ""))
    page.evaluate("globalThis.__same = true")
    app.server.stop()
    expect(page.get_by_test_id("stApp")).not_to_have_attribute("data-test-connection-state", "CONNECTED")
    app.server.start()
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-connection-state", "CONNECTED", timeout=60_000)
    Elsewhere(app.server.home).book("byok:paced/anew", cost_pico=7 * 10**12)
    expect(line).to_contain_text(f"{count + 1:,} answered BYOK requests", timeout=60_000)
    settled(page)
    page.get_by_role("radio", name="Days").or_(page.get_by_role("button", name="Days")).first.click()
    expect(table(page)).to_contain_text("Day (UTC)")
    assert page.evaluate("globalThis.__same") is True  # nor did it have to load itself anew


def test_a_tab_that_slept_for_a_minute_while_answers_ended_is_whole_when_it_wakes(page: Page, app: PacedApp) -> None:
    enter(page, app.server.url)
    line_up(page, "pace-100-4000", *["pace-50-300"] * 3)
    ask(page, "Good night")
    expect(column(page, 4).locator(".live")).to_contain_text(TOKEN)
    browser = page.context.new_cdp_session(page)
    fell_asleep = time.monotonic()
    browser.send("Page.setWebLifecycleState", {"state": "frozen"})
    app.provider.seen_when(lambda _: all(one.ended for one in requests(app, "Good night")), timeout=80)
    threading.Event().wait(max(0.0, fell_asleep + ASLEEP - time.monotonic()))
    browser.send("Page.setWebLifecycleState", {"state": "active"})
    for number, count in enumerate(("4,000", "300", "300", "300"), 1):
        expect(column(page, number)).to_contain_text(f"{count} out", timeout=30_000)
    assert len(TOKEN.findall(answer_of(column(page, 1)))) == 4_000
    ended(page)
    alive(page, app, "Good night", 2)
