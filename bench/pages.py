"""A click on each page of the demo, in Chromium: when its heading stands, and when the whole page does.

    uv run python bench/pages.py

The app runs as it does for a person, with the demo in a home of its own; Ada is signed in and clicks each page's
link 15 times, in turns. Measured inside the browser, from the click's event on: `heading` is the frame after the
heading of that page was put into the document, `whole` is when Streamlit says that the script has run to its end.

Then a filled month is chosen on the Usage page, each time after the running one. `drawn` runs from the click on the
month to the frame in which its table and charts stand and the script has run to its end.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # the server and the browser are found as the browser tests find them

from report import Report  # noqa: E402
from tests.e2e.conftest import FLAGS, HOW, Server, find_chromium, make_server, settled, sign_in  # noqa: E402

CLICKS = 15
MOST_HEADING, MOST_WHOLE = 100.0, 200.0
MOST_MONTH = 300.0
PAGES = ("Playground", "Chatbot Settings", "Usage", "API Keys")

# Clicks a link and waits for both moments. The heading of the page before must be gone: it has another name.
MEASURE = """
(title) => new Promise((resolve, reject) => {
  const link = [...document.querySelectorAll('[data-testid=stSidebarNavLink]')]
    .find((one) => one.textContent.includes(title));
  const app = document.querySelector('[data-testid=stApp]');
  const times = {};
  const look = () => {
    if (!('heading' in times)) {
      const found = [...document.querySelectorAll('h1')]
        .some((one) => one.textContent.trim() === title && one.getClientRects().length > 0
          && !one.closest('[data-stale=true]'));
      if (found) {
        times.heading = -1;
        requestAnimationFrame(() => { times.heading = performance.now() - began; finish(); });
      }
    }
    const state = app.getAttribute('data-test-script-state');
    if (state === 'notRunning' && times.heading !== undefined && !('whole' in times)) {
      times.whole = performance.now() - began;
    }
    finish();
  };
  const finish = () => {
    if (times.heading > 0 && 'whole' in times) {
      watch.disconnect();
      clearTimeout(limit);
      resolve({ heading: times.heading, whole: Math.max(times.heading, times.whole) });
    }
  };
  const watch = new MutationObserver(look);
  watch.observe(document.body, { subtree: true, childList: true, attributes: true, characterData: true });
  const limit = setTimeout(() => reject(new Error('no page: ' + title + JSON.stringify(times))), 15000);
  const began = performance.now();
  link.click();
})
"""

# Clicks an option of the open list, and looks at each frame whether table and charts are that month's and all has run.
CHOOSE = """
(month) => new Promise((resolve, reject) => {
  const option = [...document.querySelectorAll('[role=option]')].find((one) => one.textContent.trim() === month);
  const app = document.querySelector('[data-testid=stApp]');
  const roots = () => [document, ...[...document.querySelectorAll('*')].map((one) => one.shadowRoot).filter(Boolean)];
  const there = (selector) => roots().some((root) => root.querySelector(selector) !== null);
  const look = () => {
    const took = performance.now() - began;
    if (app.getAttribute('data-test-script-state') === 'notRunning' && !there('[data-stale=true]')
        && there(`table[aria-label^="Usage in ${month}:"]`) && there(`figure[aria-label*=", ${month}-01 to "]`)) {
      resolve(took);
    } else if (took > 15000) {
      reject(new Error('no figures of ' + month));
    } else {
      requestAnimationFrame(look);
    }
  };
  const began = performance.now();
  option.click();
  requestAnimationFrame(look);
})
"""


@contextmanager
def app() -> Iterator[Server]:
    """The running app, with the demo in it."""
    with tempfile.TemporaryDirectory() as folder:
        running = make_server(Path(folder))
        running.start()
        try:
            yield running
        finally:
            running.stop()


def measure(page: Page) -> dict[str, list[dict[str, float]]]:
    """Milliseconds to both moments, by page, one pair for each click."""
    found: dict[str, list[dict[str, float]]] = {title: [] for title in PAGES}
    for turn in range(CLICKS + 2):
        for title in (*PAGES[1:], PAGES[0]):  # the Playground is where one is signed in
            times = page.evaluate(MEASURE, title)
            page.wait_for_timeout(150)  # what the page does by itself afterwards is no part of the next click
            if turn >= 2:
                found[title].append(times)
    return found


def choose(page: Page) -> list[float]:
    """Milliseconds from the click on a filled month to its figures, table and charts."""
    page.get_by_role("link", name="Usage").click()
    page.get_by_role("heading", name="Usage").wait_for()
    settled(page)
    field = page.get_by_role("combobox", name="Period (UTC)")
    field.click()
    running, filled = page.get_by_role("option").all_inner_texts()[:2]
    page.keyboard.press("Escape")
    found = []
    for turn in range(CLICKS + 2):
        field.click()
        page.get_by_role("option", name=filled, exact=True).wait_for()
        took = page.evaluate(CHOOSE, filled)
        assert page.get_by_text("BYOK requests +").is_visible(), "the line that adds up is not there"
        if turn >= 2:
            found.append(took)
        field.click()
        page.get_by_role("option", name=running, exact=True).click()
        page.locator(f'table[aria-label^="Usage in {filled}:"]').wait_for(state="detached")
        settled(page)
        page.wait_for_timeout(150)
    return found


def main() -> int:
    """Runs the benchmark; 1 where a bar is missed."""
    with sync_playwright() as playwright, app() as server:
        path = find_chromium(playwright)
        if path is None:
            sys.exit(HOW)
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        version = browser.version
        page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
        sign_in(page, server)
        found = measure(page)
        months = choose(page)
        browser.close()
    report = Report("pages", f"A click on each page of the demo, Chromium {version}, {CLICKS} clicks a page")
    report.add(f"{'page':<20}{'heading ms':>12}{'whole ms':>12}{'p90 heading':>14}{'p90 whole':>12}")
    medians: dict[str, tuple[float, float]] = {}
    for title, times in found.items():
        heading, whole = ([one[kind] for one in times] for kind in ("heading", "whole"))
        medians[title] = statistics.median(heading), statistics.median(whole)
        tails = statistics.quantiles(heading, n=10)[-1], statistics.quantiles(whole, n=10)[-1]
        report.add(f"{title:<20}{medians[title][0]:>12.0f}{medians[title][1]:>12.0f}{tails[0]:>14.0f}{tails[1]:>12.0f}")
    drawn, p90 = statistics.median(months), statistics.quantiles(months, n=10)[-1]
    report.add(f"{'Usage, a filled month':<32}{drawn:>12.0f}{p90:>26.0f}")
    report.add()
    for title, median in medians.items():
        report.bar(f"{title}: heading", measured=median[0], most=MOST_HEADING, unit="ms")
        report.bar(f"{title}: whole", measured=median[1], most=MOST_WHOLE, unit="ms")
    report.bar("Usage, a filled month: drawn", measured=drawn, most=MOST_MONTH, unit="ms")
    return report.keep()


if __name__ == "__main__":
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    sys.exit(main())
