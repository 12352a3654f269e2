"""The world that the tests about keys, models and chatbots live in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from byok.ground.db import Database
from tests.services.key_world import KeyWorld


@pytest.fixture
def world(db: Database, tmp_path: Path) -> Iterator[KeyWorld]:
    """On a SQLite file."""
    made = KeyWorld(db, home=tmp_path)
    yield made
    made.close()


@pytest.fixture
def any_world(any_db: Database, tmp_path: Path) -> Iterator[KeyWorld]:
    """Once on SQLite, once on PostgreSQL."""
    made = KeyWorld(any_db, home=tmp_path)
    yield made
    made.close()
