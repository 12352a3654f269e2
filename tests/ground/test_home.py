"""BYOK_HOME and the database's files: who may read them, and what is said where they cannot be written."""

from __future__ import annotations

import base64
import secrets
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest
from pydantic import SecretStr

from byok.ground import schema
from byok.ground.db import Database, sqlite_file
from byok.ground.errors import SettingsError
from byok.ground.home import closed_to_others, database_files, make_home
from byok.ground.settings import Settings
from byok.process import Workbench

modes = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no file modes")


def named(tmp_path: Path, url: str) -> Settings:
    keys = SecretStr("m1:" + base64.b64encode(secrets.token_bytes(32)).decode())
    return Settings(home=tmp_path / "home", demo=False, database_url=SecretStr(url), master_keys=keys)


def below_a_file(tmp_path: Path) -> Path:
    (tmp_path / "a file").touch()
    return tmp_path / "a file" / "x"


def mode(file: Path) -> int:
    return file.stat().st_mode & 0o777


@modes
@pytest.mark.parametrize(
    "url",
    ["sqlite:///{}", "sqlite+pysqlite:///{}?timeout=9", "sqlite:///file:{}?uri=true", "sqlite:///file://{}?uri=1"],
)
def test_a_sqlite_database_named_by_url_is_made_for_this_user_only(tmp_path: Path, url: str) -> None:
    file = tmp_path / "of ours" / "o.sqlite3"
    settings = named(tmp_path, url.format(file))
    bench = Workbench.open(settings, what="command")
    with bench.db.read() as session:
        session.connection()
        found = {one.name: mode(one) for one in database_files(settings)}
    bench.close()
    assert found == {"o.sqlite3": 0o600, "o.sqlite3-wal": 0o600, "o.sqlite3-shm": 0o600}
    assert mode(file.parent) == 0o700


@modes
def test_a_sqlite_database_named_by_url_that_others_may_read_is_closed_with_its_log(tmp_path: Path) -> None:
    settings = named(tmp_path, f"sqlite:///{tmp_path / 'o.sqlite3'}")
    for file in database_files(settings):
        file.touch()
        file.chmod(0o644)
    make_home(settings)
    assert [mode(file) for file in database_files(settings)] == [0o600] * 3


@modes
def test_a_database_behind_a_link_is_closed_where_it_lies(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "o.sqlite3")
    settings = named(tmp_path, f"sqlite:///{tmp_path / 'link'}")
    make_home(settings)
    with closing(sqlite3.connect(tmp_path / "link")) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE t (c)")
        assert [mode(file) for file in database_files(settings)] == [0o600] * 3


@modes
def test_a_folder_in_the_place_of_the_database_keeps_its_mode(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared").chmod(0o755)
    make_home(named(tmp_path, f"sqlite:///{tmp_path / 'shared'}"))
    assert mode(tmp_path / "shared") == 0o755
    assert not closed_to_others(tmp_path / "shared")


@pytest.mark.parametrize(
    "url",
    [
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite:///file::memory:?cache=shared&uri=true",
        "sqlite:///file:shared?mode=memory&uri=true",
        "postgresql+psycopg://db/byok",
    ],
)
def test_no_file_is_looked_for_in_memory_and_on_postgresql(url: str) -> None:
    assert sqlite_file(url) is None


@pytest.mark.parametrize("url", ["no url", "sqlite://host/o.sqlite3", "postgresql+psycopg://db:port/byok"])
def test_nothing_is_made_for_what_is_no_database_url(tmp_path: Path, url: str) -> None:
    with pytest.raises(SettingsError, match="BYOK_DATABASE_URL is not a database URL"):
        sqlite_file(url)


def test_a_database_named_by_uri_makes_nothing_beside_its_own_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    db = Database(f"sqlite:///file:{tmp_path / 'there' / 'o.sqlite3'}?uri=true")
    schema.upgrade(db)
    db.close()
    assert list((tmp_path / "here").iterdir()) == []


def test_an_ordinary_file_in_the_place_of_the_home_is_named(tmp_path: Path) -> None:
    home = below_a_file(tmp_path).parent
    with pytest.raises(SettingsError) as caught:
        make_home(Settings(home=home, database_url=None))
    assert str(caught.value) == (
        f"BYOK_HOME {home} cannot be written: it is no folder. "
        "Give this process the right to write there, or set BYOK_HOME."
    )


def test_a_home_below_a_file_is_named(tmp_path: Path) -> None:
    home = below_a_file(tmp_path)
    with pytest.raises(SettingsError, match=rf"^BYOK_HOME {home} cannot be written: Not a directory\. "):
        make_home(Settings(home=home, database_url=None))


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs a folder that not even root can write to")
def test_a_home_that_takes_no_file_is_named() -> None:
    with pytest.raises(SettingsError, match=r"^BYOK_HOME /proc cannot be written: .+\. .+, or set BYOK_HOME\.$"):
        make_home(Settings(home=Path("/proc"), database_url=None))


def test_a_database_named_by_url_that_cannot_be_made_is_named_with_its_variable(tmp_path: Path) -> None:
    file = below_a_file(tmp_path) / "o.sqlite3"
    with pytest.raises(SettingsError) as caught:
        make_home(named(tmp_path, f"sqlite:///{file}"))
    assert str(caught.value) == (
        f"BYOK_DATABASE_URL: {file} cannot be written: Not a directory. "
        "Give this process the right to write there, or set BYOK_DATABASE_URL."
    )


def test_a_folder_of_a_database_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    folder = below_a_file(tmp_path)
    with pytest.raises(
        SettingsError, match=rf"^The database's folder {folder} cannot be written: Not a directory\. Give"
    ):
        Database(f"sqlite:///{folder / 'o.sqlite3'}")


def test_a_database_for_reading_alone_that_cannot_be_looked_for_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"cannot be read: File name too long\. Give this process the right"):
        Database(f"sqlite:///{tmp_path / ('n' * 300)}", read_only=True)
