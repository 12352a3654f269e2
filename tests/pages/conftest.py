"""Two ways to a seeded app: `demo`, shared by a module whose tests only look, and `own`, for one that changes it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pages.front import Front, empty_house, front


@pytest.fixture(scope="package", autouse=True)
def _holder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with empty_house(tmp_path_factory.mktemp("holder")):
        yield


@pytest.fixture(scope="module")
def demo(seeded_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    """The app with the demo as it is at first start, for tests that change nothing."""
    home = tmp_path_factory.mktemp("demo") / "home"
    shutil.copytree(seeded_home, home)
    with front(home) as opened:
        yield opened


@pytest.fixture
def own(seeded_home: Path, tmp_path: Path) -> Iterator[Front]:
    """The same for one test, which may change what it likes."""
    home = tmp_path / "home"
    shutil.copytree(seeded_home, home)
    with front(home) as opened:
        yield opened
