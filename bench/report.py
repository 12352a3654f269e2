"""What a benchmark says: printed, and kept under `bench/results/` with what a reader needs to judge it."""

from __future__ import annotations

import os
import platform
from pathlib import Path

RESULTS = Path(__file__).parent / "results"


class Report:
    """Lines for a terminal and a file; `bar` adds a verdict. Nothing in it names the machine.

    Args:
        name: of the file, without its ending.
        title: the first line.
    """

    def __init__(self, name: str, title: str) -> None:
        self._file = RESULTS / f"{name}.txt"
        self._lines: list[str] = []
        self.met = True
        self.add(title)
        machine = f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}"
        # What else runs on the machine makes everything slower, so a reader must know of it.
        self.add(f"Python {platform.python_version()}, {machine}, load of the last minute {os.getloadavg()[0]:.1f}")

    def add(self, line: str = "") -> None:
        """One line."""
        print(line)
        self._lines.append(line)

    def bar(self, what: str, *, measured: float, most: float, unit: str) -> None:
        """One bar: what was measured, what it may be at most, and whether it is."""
        met = measured <= most
        self.met = self.met and met
        self.add(f"{'met   ' if met else 'MISSED'}  {what}: {measured:.2f} {unit}, at most {most:g} {unit}")

    def keep(self) -> int:
        """Writes the file; 0 where every bar is met, else 1: the exit status."""
        RESULTS.mkdir(exist_ok=True)
        self._file.write_text("\n".join(self._lines) + "\n", "utf-8")
        return 0 if self.met else 1
