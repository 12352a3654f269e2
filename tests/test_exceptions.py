"""What is let past bandit: every exception stands, with its reason, in pyproject.toml and nowhere else."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PROJECT = (ROOT / "pyproject.toml").read_text("utf-8")
NOSEC = re.compile(r"#\s*nosec\b(.*)")


def test_each_exception_on_a_line_is_listed_with_its_reason() -> None:
    files = [ROOT / "app.py", *(path for room in ("byok", "web", "pages") for path in (ROOT / room).rglob("*.py"))]
    found = {
        (str(path.relative_to(ROOT)), number)
        for path in files
        for match in NOSEC.finditer(path.read_text("utf-8"))
        for number in re.findall(r"B\d{3}", match[1]) or ["all"]
    }
    listed = set(re.findall(r"^#   (\S+\.py) +(B\d{3})  \S.+$", PROJECT, re.MULTILINE))
    assert found == listed


def test_each_exception_for_all_files_has_its_reason_behind_it() -> None:
    skips = tomllib.loads(PROJECT)["tool"]["bandit"]["skips"]
    assert len(skips) == len(re.findall(r'^    "B\d{3}",  # \S.+$', PROJECT, re.MULTILINE))
