"""Hundreds of models: a click to the Playground, and a keystroke in its picker, in Chromium.

    uv run python bench/picker.py

A provider on loopback lists 450 models; Ada has saved its key. `whole` is as in `pages.py`. `filtered` runs from the
event of a key that is pressed in the open picker to the frame after the best line of the list holds what was typed.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # the server and the browser are found as the browser tests find them

from pages import MEASURE, MOST_HEADING, MOST_WHOLE  # noqa: E402
from report import Report  # noqa: E402
from tests.e2e.conftest import FLAGS, HOW, find_chromium, make_server, settled, sign_in  # noqa: E402
from tests.e2e.test_many_models import MODEL, add_key  # noqa: E402
from tests.providers.crowd import Crowd, crowd  # noqa: E402

ROUNDS = 12
MOST_FILTERED = 100.0  # milliseconds: what feels immediate
WORDS = ("hazel/m-347", "elm/m-124", "birch/m-441")

# Notes each key press, and the frame in which every line of the list holds what stands in the field by then.
WATCH = """
() => {
  window.__filtered = [];
  if (window.__watching) return;
  window.__watching = true;
  let began = null, waiting = false;
  document.addEventListener('keydown', () => { began = performance.now(); }, true);
  const look = () => {
    if (began === null || waiting) return;
    const typed = document.activeElement.value.toLowerCase();
    const lines = [...document.querySelectorAll('[role=option]')].map((one) => one.textContent.toLowerCase());
    if (!lines.length || !lines[0].includes(typed)) return; // the rest may fit by its letters alone
    const from = began;
    waiting = true;
    requestAnimationFrame(() => { window.__filtered.push(performance.now() - from); began = null; waiting = false; });
  };
  document.addEventListener('input', () => setTimeout(look));
  new MutationObserver(look).observe(document.body, { subtree: true, childList: true, characterData: true });
}
"""


def visits(page: Page) -> list[dict[str, float]]:
    """Milliseconds from a click on Playground's link to its heading and to the whole page."""
    found = []
    for turn in range(ROUNDS + 2):
        page.evaluate(MEASURE, "Usage")
        page.wait_for_timeout(150)
        times = page.evaluate(MEASURE, "Playground")
        page.wait_for_timeout(150)
        if turn >= 2:
            found.append(times)
    return found


def keystrokes(page: Page) -> list[float]:
    """Milliseconds from a key press to the filtered list."""
    found: list[float] = []
    for _ in range(ROUNDS // len(WORDS)):
        for word in WORDS:
            page.get_by_role("combobox", name=MODEL).click()
            page.evaluate(WATCH)
            for number, letter in enumerate(word, start=1):
                page.keyboard.press(letter)
                page.wait_for_function("(n) => window.__filtered.length >= n", arg=number)
            found += page.evaluate("() => window.__filtered")
            page.keyboard.press("Escape")
            settled(page)
    return found


def main() -> int:
    """Runs the benchmark; 1 where a bar is missed."""
    with (
        sync_playwright() as playwright,
        tempfile.TemporaryDirectory() as folder,
        crowd(Path(folder)) as (models, file),
    ):
        path = find_chromium(playwright)
        if path is None:
            sys.exit(HOW)
        server = make_server(Path(folder) / "home", BYOK_PROVIDERS=str(file))
        add_key(server, models)
        server.start()
        try:
            browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
            version = browser.version
            page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
            sign_in(page, server)
            clicks, keys = visits(page), keystrokes(page)
            browser.close()
        finally:
            server.stop()
    report = Report("picker", f"The Playground with {Crowd.size} models to choose from, Chromium {version}")
    rows = {
        "click: heading": ([one["heading"] for one in clicks], MOST_HEADING),
        "click: whole": ([one["whole"] for one in clicks], MOST_WHOLE),
        "key: list filtered": (keys, MOST_FILTERED),
    }
    report.add(f"{'what':<22}{'times':>7}{'median ms':>12}{'p90 ms':>10}")
    for name, (times, _) in rows.items():
        p90 = statistics.quantiles(times, n=10)[-1]
        report.add(f"{name:<22}{len(times):>7}{statistics.median(times):>12.0f}{p90:>10.0f}")
    report.add()
    for name, (times, most) in rows.items():
        report.bar(name, measured=statistics.median(times), most=most, unit="ms")
    return report.keep()


if __name__ == "__main__":
    sys.exit(main())
