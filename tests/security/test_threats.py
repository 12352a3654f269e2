"""That each threat has its test: one that nobody tries any more would look like one that never gets through."""

from __future__ import annotations

import re
from pathlib import Path

from tests.security.threats import THREATS


def test_each_threat_is_named_by_a_test() -> None:
    files = [path for path in Path(__file__).parent.glob("test_*.py") if path.name != Path(__file__).name]
    named = {int(number) for path in files for number in re.findall(r"mark\.threat\((\d+)\)", path.read_text("utf-8"))}
    assert named == set(THREATS)
