"""The table of SECURITY.md: which test shows which promise. Run as a module, it writes the last column anew."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "SECURITY.md"
MARK = re.compile(r"pytest\.mark\.threat\((\d+)\)")
ROW = re.compile(r"^\| (\d+) \| (.*?) \| (.*?) \|(.*)\|$", re.MULTILINE)
LINK = re.compile(r"\[([^]]+)\]\(([^)]+)\)")


def shown_by() -> Mapping[int, list[str]]:
    """The files whose tests name a threat, by its number; paths from the repository's root."""
    found: dict[int, list[str]] = {}
    for path in sorted((ROOT / "tests" / "security").glob("test_*.py")):
        for number in sorted({int(number) for number in MARK.findall(path.read_text("utf-8"))}):
            found.setdefault(number, []).append(path.relative_to(ROOT).as_posix())
    return found


def rows(text: str) -> Iterator[tuple[int, str, str, list[str]]]:
    """The table's rows: number, threat, promise, and the files that it names."""
    for number, threat, promise, files in ROW.findall(text):
        yield int(number), threat, promise, [path for _, path in LINK.findall(files)]


def written(text: str) -> str:
    """The text with the last column as the tests have it."""
    files = shown_by()

    def row(found: re.Match[str]) -> str:
        links = ", ".join(f"[{Path(one).stem}]({one})" for one in files.get(int(found[1]), []))
        return f"| {found[1]} | {found[2]} | {found[3]} | {links} |"

    return ROW.sub(row, text)


if __name__ == "__main__":
    FILE.write_text(written(FILE.read_text("utf-8")), "utf-8")
