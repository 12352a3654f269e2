"""From `streamlit run` to a sign-in page that can be clicked, in Chromium: the very first time, and from then on.

    uv run python bench/first_start.py

Each start has a home of its own, so that the database and the demo are made. The first one finds no module compiled,
as on a machine where the packages have just arrived; the others find what it compiled.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # the server and the browser are found as the browser tests find them

from report import Report  # noqa: E402
from tests.e2e.conftest import FLAGS, HOW, find_chromium, make_server  # noqa: E402

MOST_SECONDS = 10.0
FIRST, LATER = 3, 3  # how often


def start(browser: Browser, compiled: Path) -> tuple[float, float]:
    """Seconds until the server answers, and until the page stands."""
    with tempfile.TemporaryDirectory() as home:
        server = make_server(Path(home), PYTHONPYCACHEPREFIX=str(compiled))
        server.env.pop("PYTHONDONTWRITEBYTECODE", None)
        page = browser.new_page()
        began = time.perf_counter()
        server.start()
        answers = time.perf_counter() - began
        try:
            page.goto(server.url)
            page.get_by_role("button", name="Continue as Ada - Pro admin").wait_for()
            return answers, time.perf_counter() - began
        finally:
            page.close()
            server.stop()


def main() -> int:
    """Runs the benchmark; 1 where the bar is missed."""
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        path = find_chromium(playwright)
        if path is None:
            sys.exit(HOW)
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        first = [start(browser, Path(folder) / str(turn)) for turn in range(FIRST)]
        later = [start(browser, Path(folder) / "0") for _ in range(LATER)]
        browser.close()
    report = Report("first_start", "From `streamlit run` to the sign-in page in Chromium, an empty home each time")
    report.add(f"{'start':<30}{'runs':>6}{'server answers s':>18}{'page stands s':>16}")
    for name, times in (("no module compiled yet", first), ("modules compiled", later)):
        answers, stands = (statistics.median(column) for column in zip(*times, strict=True))
        report.add(f"{name:<30}{len(times):>6}{answers:>18.1f}{stands:>16.1f}")
    report.add()
    stands = statistics.median(page for _, page in first)
    report.bar("the first sign-in page", measured=stands, most=MOST_SECONDS, unit="s")
    return report.keep()


if __name__ == "__main__":
    sys.exit(main())
