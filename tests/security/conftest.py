"""Counts what the tests against each threat tried and what got through, and prints it as a table at the end."""

from __future__ import annotations

import platform
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.security.threats import THREATS, Tried, table

PROPERTY = "threat"
KEPT = Path(__file__).resolve().parents[2] / "bench" / "results" / "security.txt"
LINE = re.compile(r"^ *(\d+)  .*? +([\d,]+) +([\d,]+) +([\d,]+)  (\d{4}-\d\d-\d\d)$")


class Tally:
    """What one test tried. It fails at the end of the test if anything got through, or nothing was tried."""

    def __init__(self) -> None:
        self.tries = 0
        self.leaks: list[str] = []

    def tried(self, count: int = 1) -> None:
        """So many attempts more."""
        self.tries += count

    def leaked(self, what: str) -> None:
        """Something got through; say where, never the secret itself."""
        self.leaks.append(what)


@pytest.fixture
def tally(request: pytest.FixtureRequest, record_property: Callable[[str, object], None]) -> Iterator[Tally]:
    """Counts for the threat that the test, or its file, names by `pytest.mark.threat(number)`."""
    (number,) = request.node.get_closest_marker("threat").args
    assert number in THREATS
    counted = Tally()
    yield counted
    record_property(PROPERTY, [number, counted.tries, len(counted.leaks)])
    assert counted.tries > 0, "nothing was tried"
    assert counted.leaks == []


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Prints the table; one of a run by hand is kept as well."""
    found: dict[int, Tried] = {}
    for reports in list(terminalreporter.stats.values()):
        for report in reports:
            if getattr(report, "when", "") != "teardown":
                continue
            for name, value in report.user_properties:
                if name == PROPERTY:
                    number, tries, leaks = value
                    found[number] = found.get(number, Tried()) + Tried(tries, leaks, 1)
    if not found:
        return
    terminalreporter.section("threats")
    for line in table(found):
        terminalreporter.write_line(line)
    if config.option.markexpr == "soak":
        _keep(found)


def _keep(found: dict[int, Tried]) -> None:
    """Puts the lines of this run in place of older ones of the same threats."""
    kept, days = {}, {}
    for line in KEPT.read_text("utf-8").splitlines() if KEPT.exists() else []:
        if match := LINE.match(line):
            number, tests, tries, leaks = (int(text.replace(",", "")) for text in match.groups()[:4])
            kept[number], days[number] = Tried(tries, leaks, tests), match[5]
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    kept.update(found)
    days.update(dict.fromkeys(found, today))
    head = (
        "The full numbers against each threat, and what got through",
        "uv run pytest -m soak tests/security",
        f"Python {platform.python_version()}, {platform.system()} {platform.machine()}",
        "",
    )
    KEPT.write_text("\n".join((*head, *table(kept, more=days))) + "\n", "utf-8")
