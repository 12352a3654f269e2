"""The table of endings: each row is written as soon as it is known, so that a run that is broken off keeps some."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from pathlib import Path

from tests.e2e.conftest import ROOT
from tests.e2e.ending_kinds import ENDINGS
from tests.e2e.endings import Found

TITLE = "How answers end: each run is one question, asked and ended in real processes over real sockets"
HOW = "uv run pytest -n 0 -m soak -s tests/e2e/test_endings.py"
NOTES = (
    "rows: attempts of these questions in the ledger; settled once: by a trigger that notes each change of a row",
    "late: the answer was over before its ending began; asked again, and not counted among the runs",
)
NUMBERS = ("runs", "rows", "settled once", "left open", "wrong", "late", "seconds")
HEAD = f"{'ending':<16}" + "".join(f"{name:>14}" for name in NUMBERS) + "  database    day         by"


class Table:
    """The file; rows of endings that are not run again stay. `ENDINGS_TABLE` names another file."""

    def __init__(self) -> None:
        self._file = Path(os.environ.get("ENDINGS_TABLE") or ROOT / "bench" / "results" / "endings.txt")

    def add(self, ending: str, found: Found, *, seconds: float, database: str, by: str) -> None:
        """Writes one row, in the place of the last one of that ending; prints the table.

        Args:
            by: what was ended, and who asked.
        """
        numbers = (found.runs, found.rows, found.settled_once, found.left_open, len(found.wrong), found.late)
        line = f"{ending:<16}" + "".join(f"{number:>14,}" for number in (*numbers, round(seconds)))
        line += f"  {database:<10}  {datetime.now(UTC):%Y-%m-%d}  {by}"
        lines = {name: one for one in self._rows() if (name := one[:16].strip()) in ENDINGS} | {ending: line}
        cores, system = os.cpu_count(), f"{platform.system()} {platform.machine()}"
        machine = f"Python {platform.python_version()}, {cores} cores, {system}"
        rows = [lines[name] for name in ENDINGS if name in lines]
        text = "\n".join([TITLE, HOW, machine, *NOTES, "", HEAD, *rows]) + "\n"
        self._file.write_text(text, "utf-8")
        print(f"\n{text}")  # noqa: T201

    def _rows(self) -> list[str]:
        return self._file.read_text("utf-8").splitlines() if self._file.exists() else []
