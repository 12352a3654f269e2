"""A click on each page of the demo, in Chromium: when its heading stands, and when the whole page does.

    uv run python bench/pages.py

The app runs as it does for a person, with the demo in a home of its own; Ada is signed in and clicks each page's
link 15 times, in turns. Measured inside the browser, from the click's event on: `heading` is the frame after the
heading of that page was put into the document, `whole` is when Streamlit says that the script has run to its end.
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
from tests.e2e.conftest import FLAGS, HOW, Server, find_chromium, make_server, sign_in  # noqa: E402

CLICKS = 15
MOST_HEADING, MOST_WHOLE = 100.0, 200.0
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
        browser.close()
    report = Report("pages", f"A click on each page of the demo, Chromium {version}, {CLICKS} clicks a page")
    report.add(f"{'page':<20}{'heading ms':>12}{'whole ms':>12}{'p90 heading':>14}{'p90 whole':>12}")
    medians: dict[str, tuple[float, float]] = {}
    for title, times in found.items():
        heading, whole = ([one[kind] for one in times] for kind in ("heading", "whole"))
        medians[title] = statistics.median(heading), statistics.median(whole)
        tails = statistics.quantiles(heading, n=10)[-1], statistics.quantiles(whole, n=10)[-1]
        report.add(f"{title:<20}{medians[title][0]:>12.0f}{medians[title][1]:>12.0f}{tails[0]:>14.0f}{tails[1]:>12.0f}")
    report.add()
    for title, median in medians.items():
        report.bar(f"{title}: heading", measured=median[0], most=MOST_HEADING, unit="ms")
        report.bar(f"{title}: whole", measured=median[1], most=MOST_WHOLE, unit="ms")
    return report.keep()


if __name__ == "__main__":
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    sys.exit(main())
