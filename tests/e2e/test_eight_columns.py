"""Eight columns of 4,000 tokens at 100 tokens/s: what is seen, what the wire carries, how soon a click is answered.

A shared machine says little of milliseconds: in CI (slow) all must end whole with few bytes, on fewer tokens. The full
numbers are run by hand (soak): one that fell short is made again, twice at most; `bench/results/` keeps the output.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e import lag
from tests.e2e.conftest import sign_in
from tests.e2e.paced import Seen
from tests.e2e.paced_app import PacedApp, paced_app
from tests.e2e.steps import ask, column, ended, growing, line_up
from tests.e2e.traffic import Traffic

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

COLUMNS, TOKENS, FEWER = 8, 4_000, 1_000
TRIES = 3
LAG = 100  # ms, the 95th of 100
LONGEST_TASK = 200  # ms
BYTES = 100  # a token
CLICK = 300  # ms
ABORT = 0.5  # seconds
# Clicks, and tells after how many ms something is in sight: measured in the page, where a person is.
CLICK_AND_WAIT = """(button, wanted) => new Promise((done, fail) => {
  const began = performance.now();
  const look = () => {
    const found = [...document.querySelectorAll(wanted)].some((one) => one.checkVisibility());
    if (found) return done(performance.now() - began);
    if (performance.now() - began > 10_000) return fail(new Error("nothing came of the click"));
    requestAnimationFrame(look);
  };
  button.click();
  look();
})"""


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PacedApp]:
    with paced_app(tmp_path_factory.mktemp("paced"), "pace-100-50", f"pace-100-{FEWER}") as running:
        yield running


@dataclass(frozen=True)
class Measured:
    """One run of eight columns."""

    p95: float | None
    columns: dict[str, int]
    longest_task: float
    bytes_a_token: float
    provider_late: float

    @property
    def fast(self) -> bool:
        """Whether the page kept up. A task is as long as the machine made it: what held up the provider is left out."""
        allowed = LONGEST_TASK + self.provider_late
        return self.p95 is not None and self.p95 <= LAG and self.longest_task <= allowed


def new_conversation(page: Page) -> None:
    page.get_by_role("button", name="New conversation").click()
    expect(page.get_by_text("Ask something, or try one of these")).to_be_visible()


def _asked(seen: list[Seen], text: str) -> int:
    """How many answers to this message have been written to their end."""
    return sum(one.body["messages"][-1]["content"] == text and not one.open for one in seen)


def run(page: Page, app: PacedApp, traffic: Traffic, text: str, *, tokens: int = TOKENS) -> Measured:
    new_conversation(page)
    line_up(page, *[f"pace-100-{tokens}"] * COLUMNS)
    before = traffic.websocket + traffic.events
    lag.begin(page)
    ask(page, text)
    # Until all is written nothing looks into the page: a look of Playwright's holds its thread up to 0.3 s.
    app.provider.seen_when(lambda seen: _asked(seen, text) == COLUMNS, timeout=120)
    ended(page, timeout=120_000)
    received = traffic.websocket + traffic.events - before
    reading = lag.read(page)
    seen = [one for one in app.provider.seen() if one.body["messages"][-1]["content"] == text]
    assert sorted(f"a{one.id}" for one in seen) == sorted(reading.columns)
    for number in range(1, COLUMNS + 1):
        expect(column(page, number)).to_contain_text(f"{tokens:,} out")
    measured = Measured(
        reading.all.p95,
        {mark: one.tokens for mark, one in reading.columns.items()},
        reading.longest_task,
        received / (COLUMNS * tokens),
        max(one.latest_ms for one in seen),
    )
    print(f"{reading.all=}\n{measured=}\n{reading.longest_gap=:.0f} {reading.frames=} {reading.own=:.0f}")  # noqa: T201
    return measured


@pytest.mark.slow
def test_all_finish_whole_with_few_bytes(page: Page, app: PacedApp) -> None:
    lag.install(page)
    traffic = Traffic(page)
    sign_in(page, app.server)
    measured = run(page, app, traffic, "Fewer tokens", tokens=FEWER)
    assert list(measured.columns.values()) == [FEWER] * COLUMNS
    assert measured.bytes_a_token <= BYTES


@pytest.mark.soak
def test_all_finish_whole_with_little_lag_no_long_task_and_few_bytes(page: Page, app: PacedApp) -> None:
    lag.install(page)
    traffic = Traffic(page)
    sign_in(page, app.server)
    for attempt in range(TRIES):
        measured = run(page, app, traffic, f"Run {attempt}")
        assert measured.columns == dict.fromkeys(measured.columns, TOKENS)
        assert len(measured.columns) == COLUMNS
        assert measured.bytes_a_token <= BYTES
        if measured.fast:
            return
    pytest.fail(f"in none of {TRIES} runs the page kept up; the last: {measured}")


def clicked(button: Locator, wanted: str) -> float:
    """Milliseconds from a click to what it brings."""
    took: float = button.evaluate(CLICK_AND_WAIT, wanted)
    return took


def clicks(page: Page, app: PacedApp) -> tuple[dict[str, float], dict[str, float]]:
    """How long clicks take while eight columns stream (ms), and how soon the provider sees aborts (seconds)."""
    new_conversation(page)
    line_up(page, "pace-100-50", *["pace-100-4000"] * (COLUMNS - 1))
    ask(page, "Click around")
    expect(column(page, 1).get_by_role("button", name="Source")).to_be_visible()
    column(page, 1).get_by_role("button", name="Run again").click()
    expect(column(page, 1).get_by_role("radio", name="2")).to_be_visible()
    expect(growing(page)).to_have_count(COLUMNS - 1)
    took = {}
    took["parameters"] = clicked(page.get_by_role("button", name="2 · pace-100-4000"), "[role=dialog] [role=combobox]")
    page.get_by_role("dialog").get_by_role("button", name="Close").click()
    expect(page.get_by_role("dialog")).to_be_hidden()
    took["another column"] = clicked(column(page, 1).get_by_role("button", name="Source"), "[data-testid=stCode]")
    page.keyboard.press("Escape")

    def running() -> list[Seen]:
        return [one for one in app.provider.seen() if one.open]

    assert len(running()) == COLUMNS - 1
    stopping = column(page, 8).get_by_role("button", name="Stop", exact=True)
    again = "[class*=st-key-cell-][class*='-8'] [class*=st-key-again-]"
    began = time.time()
    took["stop one"] = clicked(stopping, again)
    seen = app.provider.seen_when(lambda _: len(running()) == COLUMNS - 2)
    aborts = {"stop one": max(one.aborted or 0 for one in seen) - began}
    began = time.time()
    page.get_by_role("button", name="Stop all").evaluate("(button) => button.click()")
    seen = app.provider.seen_when(lambda _: not running())
    aborts["stop all"] = max(one.aborted or 0 for one in seen) - began
    ended(page)
    print(f"{took=} ms, {aborts=} s")  # noqa: T201
    return took, aborts


@pytest.mark.soak
def test_clicks_are_answered_and_stop_reaches_the_provider_while_eight_columns_stream(
    page: Page, app: PacedApp
) -> None:
    sign_in(page, app.server)
    for _ in range(TRIES):
        took, aborts = clicks(page, app)
        if max(took.values()) <= CLICK and max(aborts.values()) <= ABORT:
            return
    pytest.fail(f"in none of {TRIES} runs all clicks were answered in time; the last: {took} ms, {aborts} s")
