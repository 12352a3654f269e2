"""Browser tests that failed in CI are run once more, by themselves and in a world of their own; no other test is."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.conftest import SKIPPED

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[1]
HOOKS = "from tests.conftest import pytest_collection_modifyitems, pytest_sessionfinish\n"
SETTINGS = "[pytest]\nmarkers =\n    browser\n"
# Fails until it has left a file behind: the world that pytest itself keeps is new at each start.
TEST = """
import pathlib
import pytest

WORLD = []

{mark}
def test_fails_once():
    WORLD.append(1)
    tried = pathlib.Path("tried")
    before = tried.exists()
    tried.touch()
    assert before
    assert WORLD == [1]

def test_is_right():
    pass
"""
BROWSER = "@pytest.mark.browser"


def run_as_ci_does(folder: Path, test: str) -> subprocess.CompletedProcess[str]:
    (folder / "pytest.ini").write_text(SETTINGS)
    (folder / "conftest.py").write_text(HOOKS)
    (folder / "test_it.py").write_text(test)
    env = {**os.environ, "PYTHONPATH": str(ROOT), "UV_PROJECT": str(ROOT), "UV_NO_SYNC": "1", "PYTEST_ADDOPTS": ""}
    command = ["bash", str(ROOT / ".ci" / "tests"), "-q", "--rootdir", str(folder), "-n", "2"]
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=100, check=False)


def test_a_browser_test_that_fails_has_a_second_look_and_both_are_reported(tmp_path: Path) -> None:
    ran = run_as_ci_does(tmp_path, TEST.format(mark=BROWSER))
    assert ran.returncode == 0, ran.stdout
    assert "1 failed, 1 passed" in ran.stdout
    assert ran.stdout.rstrip().splitlines()[-1].startswith("1 passed")


def test_a_browser_test_that_fails_twice_fails_the_run(tmp_path: Path) -> None:
    ran = run_as_ci_does(tmp_path, TEST.format(mark=BROWSER).replace("assert before", "assert False"))
    assert ran.returncode == 1
    assert ran.stdout.count("FAILED test_it.py::test_fails_once") == 2


@pytest.mark.parametrize("also", ["", f"{BROWSER}\ndef test_beside_it():\n    assert False\n"])
def test_another_test_has_no_second_try(tmp_path: Path, also: str) -> None:
    ran = run_as_ci_does(tmp_path, TEST.format(mark="") + also)
    assert ran.returncode not in (0, 5)
    assert "no second try" in ran.stdout + ran.stderr


@pytest.mark.parametrize("beside", ["import pytest\n", TEST.format(mark=BROWSER)])
def test_a_skipped_test_fails_the_run_whatever_else_a_second_look_finds(tmp_path: Path, beside: str) -> None:
    skipped = "\n\ndef test_it():\n    pytest.skip('nothing to look with')\n"
    ran = run_as_ci_does(tmp_path, beside + skipped)
    assert ran.returncode == SKIPPED
    assert "second look" not in ran.stdout
