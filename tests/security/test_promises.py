"""SECURITY.md says what is true: a row for each threat, and behind each the tests that there are."""

from __future__ import annotations

import re

from tests.security.promises import FILE, ROOT, rows, written
from tests.security.threats import THREATS

TEXT = FILE.read_text("utf-8")


def test_every_threat_has_a_row_with_a_promise() -> None:
    found = list(rows(TEXT))
    assert {number: threat for number, threat, _, _ in found} == THREATS
    assert [number for number, _, promise, _ in found if not promise.strip()] == []


def test_each_row_names_the_tests_that_show_it() -> None:
    assert written(TEXT) == TEXT, "write it anew: uv run python -m tests.security.promises"


def test_every_file_that_is_named_exists() -> None:
    links = [path for path in re.findall(r"\]\(([^)#]+)\)", TEXT) if "://" not in path]
    assert links
    assert [path for path in links if not (ROOT / path).exists()] == []


def test_the_readme_leads_there() -> None:
    assert "](SECURITY.md)" in (ROOT / "README.md").read_text("utf-8")
