"""What `byok doctor` says of files, and what it makes of a BYOK_HOME that is not there yet."""

from __future__ import annotations

import base64
import secrets
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Byok

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no file modes")


def said(byok: Byok, name: str) -> str:
    """State and detail of one check."""
    (row,) = [row for row in byok("doctor", "--json").json if row["name"] == name]
    return f"{row['state']}: {row['detail']}"


@pytest.fixture
def master_keys(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BYOK_MASTER_KEYS", "m1:" + base64.b64encode(secrets.token_bytes(32)).decode())


def test_the_doctor_names_the_files_that_it_looked_at(byok: Byok, home: Path) -> None:
    assert said(byok, "files") == (
        "ok: no other user of this machine may read byok.sqlite3, byok.sqlite3-wal, byok.sqlite3-shm, master.keys"
    )


@pytest.mark.parametrize("command", ["doctor", "db backup copy.sqlite3", "db upgrade", "company list"])
def test_whatever_command_comes_first_the_home_is_made_for_this_user_only(
    byok: Byok, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setenv("BYOK_HOME", str(tmp_path / "new"))
    byok(*command.split())
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700


@pytest.mark.usefixtures("master_keys")
def test_the_doctor_looks_at_a_sqlite_database_that_is_named_by_url(
    byok: Byok, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BYOK_DATABASE_URL", f"sqlite:///{tmp_path / 'o.sqlite3'}")
    (tmp_path / "o.sqlite3").touch(mode=0o644)
    assert "may read o.sqlite3" in said(byok, "files")
    assert (tmp_path / "o.sqlite3").stat().st_mode & 0o777 == 0o600


@pytest.mark.usefixtures("master_keys")
def test_the_doctor_says_that_postgresql_s_own_files_were_not_looked_at(
    byok: Byok,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    new_postgres: Callable[[str], str],
    migrated_postgres: str,
) -> None:
    monkeypatch.setenv("BYOK_DATABASE_URL", new_postgres(migrated_postgres))
    assert said(byok, "files") == ("ok: none that is secret is in BYOK_HOME; the database's own were not looked at")


@pytest.mark.usefixtures("master_keys")
def test_the_doctor_says_that_the_home_cannot_be_written(
    byok: Byok, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a file").touch()
    monkeypatch.setenv("BYOK_HOME", str(tmp_path / "a file"))
    assert said(byok, "settings").startswith(
        f"fail: BYOK_HOME {tmp_path / 'a file'} cannot be written: it is no folder."
    )


@pytest.mark.usefixtures("master_keys")
def test_the_doctor_says_that_a_database_named_by_url_cannot_be_written(
    byok: Byok, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a file").touch()
    monkeypatch.setenv("BYOK_DATABASE_URL", f"sqlite:///{tmp_path / 'a file' / 'o.sqlite3'}")
    assert said(byok, "database").startswith(f"fail: BYOK_DATABASE_URL: {tmp_path / 'a file' / 'o.sqlite3'} cannot be")


def test_the_doctor_makes_no_database_where_its_master_keys_are_not_set(
    byok: Byok, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BYOK_DATABASE_URL", f"sqlite:///{tmp_path / 'o.sqlite3'}")
    assert said(byok, "master keys").startswith("fail: BYOK_MASTER_KEYS is not set")
    assert not (tmp_path / "o.sqlite3").exists()
