"""The tools together, on the real app: paced answers, what the page sees of them, what it receives, a slow link."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.e2e import lag
from tests.e2e.conftest import settled
from tests.e2e.paced_app import PacedApp, paced_app
from tests.e2e.slow_link import SlowLink
from tests.e2e.steps import ask, choose
from tests.e2e.traffic import Traffic

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(180)]
MODEL = "Model (for each message)"
THIRTY_FRAMES = """() => new Promise((done) => {
  let frames = 30;
  const next = () => (frames-- ? requestAnimationFrame(next) : done());
  next();
})"""


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PacedApp]:
    with paced_app(tmp_path_factory.mktemp("paced"), "pace-100-200") as running:
        yield running


def enter(page: Page, url: str) -> None:
    page.goto(url)
    page.get_by_role("button", name="Continue as Ada - Pro admin").click()
    page.get_by_role("button", name="Sign out").wait_for()
    settled(page)


def quiet(page: Page, link: SlowLink) -> None:
    """Waits until nothing more comes: what is under way would be counted on one side and not yet on the other."""
    passed = -1
    while passed != link.down:
        passed = link.down
        page.evaluate(THIRTY_FRAMES)


def test_every_token_is_seen_and_every_byte_is_counted(page: Page, app: PacedApp) -> None:
    with SlowLink(app.server.port, bits_per_second=1e9) as link:
        lag.install(page)
        traffic = Traffic(page)
        enter(page, link.url)
        choose(page, MODEL, "pace-100-200")
        lag.begin(page)
        quiet(page, link)
        websocket, passed = traffic.websocket, link.down
        assert traffic.events == 0
        ask(page, "Hello")
        expect(page.get_by_text(re.compile(r"first token \d+"))).to_be_visible(timeout=40_000)
        settled(page)
        quiet(page, link)
        events, websocket, passed = traffic.events, traffic.websocket - websocket, link.down - passed
        reading = lag.read(page)
    (seen,) = (one for one in app.provider.seen() if one.model == "pace-100-200")
    assert seen.body["stream_options"] == {"include_usage": True}
    assert {mark: one.tokens for mark, one in reading.columns.items()} == {f"a{seen.id}": 200}
    assert reading.all.p50 is not None
    assert reading.all.p50 >= 0
    # What the wire counts besides are the heads of HTTP and of frames.
    assert events > 200 * len(" t1764012345123")
    assert 0.8 * passed <= events + websocket <= 1.05 * passed


def test_over_a_slow_link_that_is_cut_the_page_is_whole_in_the_end(page: Page, app: PacedApp) -> None:
    with SlowLink(app.server.port, bits_per_second=40_000_000, latency=0.01) as link:
        enter(page, link.url)
        choose(page, MODEL, "pace-100-400")
        ask(page, "Hello")
        expect(page.locator(".live")).to_contain_text(re.compile(r"(t\d{13}\W+){20}"), timeout=40_000)
        passed = link.down
        assert passed > 1_000_000  # the page's own scripts, at the least
        link.cut()
        app.provider.seen_when(lambda seen: seen[-1].tokens > 200)
        link.mend()
        expect(page.get_by_text(re.compile(r"first token \d+"))).to_be_visible(timeout=60_000)
        tokens = re.findall(r"\bt\d{13}\b", page.get_by_test_id("stChatMessage").nth(1).inner_text())
        assert len(tokens) == 400
        assert link.down > passed
        assert link.up > 0


def test_stop_reaches_a_provider_that_hangs(page: Page, app: PacedApp) -> None:
    enter(page, app.server.url)
    choose(page, MODEL, "hang")
    ask(page, "Hello")
    app.provider.seen_when(lambda seen: seen and seen[-1].model == "hang")
    page.get_by_role("button", name="Stop", exact=True).click()
    seen = app.provider.seen_when(lambda seen: seen[-1].aborted)[-1]
    assert seen.tokens == 0
