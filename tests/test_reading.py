"""A notebook reads a database as it is: no file, table or row is made or changed, and no master key is asked for."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from byok.frames import read_usage
from byok.ground import schema
from byok.ground.db import Database
from byok.ground.errors import SettingsError
from byok.ground.tables import metadata
from tests.services.usage_world import UsageWorld


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("BYOK_")]:
        monkeypatch.delenv(name)


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def rows(db: Database) -> dict[str, list[Any]]:
    """Every row of every table."""
    with db.engine.connect() as connection:
        return {table.name: list(connection.execute(sa.select(table))) for table in metadata.sorted_tables}


def url_of(db: Database) -> str:
    return db.engine.url.render_as_string(hide_password=False)


def test_reading_leaves_every_file_as_it_was(
    seeded_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    shutil.copytree(seeded_home, home)
    monkeypatch.setenv("BYOK_HOME", str(home))
    before = files(home)
    assert len(read_usage("northwind-labs", month="2026-01").providers.columns) > 0
    assert files(home) == before


def test_reading_leaves_every_row_as_it_was_and_needs_no_master_key(
    any_db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = UsageWorld(any_db)
    world.add(count=3)
    world.add_up()
    monkeypatch.setenv("BYOK_DATABASE_URL", url_of(any_db))
    monkeypatch.setenv("BYOK_DEMO", "1")
    before = rows(any_db)
    assert len(read_usage("acme", month="2026-11").attempts) == 3
    assert rows(any_db) == before


def test_where_there_is_no_database_none_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BYOK_HOME", str(tmp_path / "deep" / "home"))
    with pytest.raises(SettingsError, match=r"There is no database at .*home.* Start the app once"):
        read_usage("northwind-labs", month="2026-01")
    assert list(tmp_path.iterdir()) == []


def test_an_empty_file_stays_empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "byok.sqlite3").touch()
    monkeypatch.setenv("BYOK_HOME", str(tmp_path))
    with pytest.raises(SettingsError, match="has no tables of this product yet"):
        read_usage("northwind-labs", month="2026-01")
    assert files(tmp_path) == {"byok.sqlite3": b""}


def test_a_database_without_tables_gets_none(new_url: Callable[[], str], monkeypatch: pytest.MonkeyPatch) -> None:
    url = new_url()
    database = Database(url)
    assert schema.revision(database) is None
    monkeypatch.setenv("BYOK_DATABASE_URL", url)
    with pytest.raises(SettingsError, match="has no tables of this product yet"):
        read_usage("northwind-labs", month="2026-01")
    assert sa.inspect(database.engine).get_table_names() == []
    database.close()


def test_an_older_database_is_not_upgraded_under_the_app_that_runs_on_it(
    new_url: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    url = new_url()
    database = Database(url)
    schema.upgrade(database, to="0004")
    monkeypatch.setenv("BYOK_DATABASE_URL", url)
    with pytest.raises(SettingsError, match=r"at revision 0004, and this release reads 0005\..* byok db upgrade"):
        read_usage("northwind-labs", month="2026-01")
    assert schema.revision(database) == "0004"
    database.close()


def test_a_database_of_a_newer_release_is_refused(own_db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    with own_db.write_core() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    monkeypatch.setenv("BYOK_DATABASE_URL", url_of(own_db))
    with pytest.raises(SettingsError, match="at revision 9999, which this release does not know"):
        read_usage("northwind-labs", month="2026-01")
