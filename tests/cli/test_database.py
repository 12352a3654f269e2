"""`byok db`, `byok master-key`, `byok demo` and `byok doctor`."""

from __future__ import annotations

import base64
import os
import secrets
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

from byok.ground.schema import HEAD
from tests.cli.conftest import Byok
from tests.cli.loopback import KEY, Loopback


def test_upgrading_makes_the_tables_and_says_so_once(byok: Byok, home: Path) -> None:
    (home / "byok.sqlite3").unlink()
    assert byok("db", "upgrade").out == f"Upgraded to revision {HEAD}.\n"
    assert byok("db", "upgrade").out == f"Already at revision {HEAD}.\n"
    assert (home / "byok.sqlite3").stat().st_mode & 0o777 == 0o600


def test_a_backup_is_a_whole_database_for_this_user_only(byok: Byok, acme: str, tmp_path: Path) -> None:
    file = tmp_path / "backup.sqlite3"
    done = byok("db", "backup", str(file))
    assert done.status == 0, done.err
    assert file.stat().st_mode & 0o777 == 0o600
    with closing(sqlite3.connect(file)) as copy:
        assert copy.execute("SELECT slug FROM company").fetchall() == [("acme",)]
        assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_backup_overwrites_nothing(byok: Byok, acme: str, tmp_path: Path) -> None:
    file = tmp_path / "precious"
    file.write_text("mine")
    done = byok("db", "backup", str(file))
    assert (done.status, file.read_text()) == (1, "mine")


def test_without_a_database_there_is_nothing_to_back_up(byok: Byok, home: Path, tmp_path: Path) -> None:
    (home / "byok.sqlite3").unlink()
    done = byok("db", "backup", str(tmp_path / "backup.sqlite3"))
    assert done.status == 1
    assert not (tmp_path / "backup.sqlite3").exists()
    assert not (home / "byok.sqlite3").exists()


def test_for_postgresql_the_backup_names_pg_dump(byok: Byok, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("BYOK_DATABASE_URL", "postgresql+psycopg://nobody@127.0.0.1:1/none")
    done = byok("db", "backup", str(tmp_path / "backup.sqlite3"))
    assert (done.status, "pg_dump" in done.err) == (1, True)


def test_a_key_survives_a_rotation_and_the_old_master_key_is_needed_no_more(
    byok: Byok, acme: str, provider: Loopback, home: Path
) -> None:
    old = _ids(home)[0]
    assert byok("master-key", "add").status == 0
    new = _ids(home)[1]
    assert byok("master-key", "promote", new).status == 0
    assert _ids(home) == [new, old]
    rows = {row["id"]: row["rows"] for row in byok("master-key", "list", "--json").json}
    refused = byok("master-key", "drop", old)
    assert (refused.status, f"{rows[old]} rows are still sealed under {old}" in refused.err) == (1, True)
    done = byok("master-key", "rotate", "--json")
    assert done.err.endswith(f"{rows[old]} of {rows[old]} rows\n")
    assert (done.json["resealed"], done.json["changed"], done.json["unreadable"]) == (rows[old], 0, 0)
    assert (done.json["master_key_id"], done.json["left"]) == (new, {old: 0})
    assert byok("master-key", "drop", old).status == 0
    assert _ids(home) == [new]
    assert byok("key", "test", "--company", acme, "Main").status == 0
    again = byok("key", "add", "--company", acme, "--provider", "loop", "--label", "Twin", stdin=KEY)
    assert "the same key as “Main”" in again.err
    assert _operators_record(home) == [
        f"{what} {key}"
        for what, key in (
            ("master_key.added", new),
            ("master_key.promoted", new),
            ("master_key.rotated", new),
            ("master_key.dropped", old),
        )
    ]


@pytest.mark.slow
def test_a_rotation_says_when_the_log_still_holds_what_the_old_master_key_sealed(
    byok: Byok, acme: str, home: Path
) -> None:
    byok("master-key", "add")
    byok("master-key", "promote", _ids(home)[1])
    with closing(sqlite3.connect(home / "byok.sqlite3", isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM api_key").fetchall()
        done = byok("master-key", "rotate", "--json")
    assert (done.status, done.json["erased"]) == (0, False)
    assert "SQLite's log still holds data keys" in done.err
    assert "warn  erasures" not in byok("doctor").out


def test_the_master_key_that_seals_cannot_be_dropped_whatever_is_under_it(byok: Byok, acme: str, home: Path) -> None:
    done = byok("master-key", "drop", _ids(home)[0])
    assert (done.status, "that seals. Promote another one first" in done.err) == (1, True)
    assert len(_ids(home)) == 1


def test_the_list_says_which_master_key_seals_and_which_rows_need_one_that_is_gone(
    byok: Byok, acme: str, home: Path
) -> None:
    (old,) = _ids(home)
    _lose_the_old_one(byok, home)
    (new,) = _ids(home)
    listed = byok("master-key", "list", "--json").json
    assert [(row["id"], row["seals"], row["opens"], row["can_be_dropped"]) for row in listed] == [
        (new, True, True, False),
        (old, False, False, False),
    ]
    assert listed[1]["rows"] >= 2
    assert "Put it back from a copy" in byok("master-key", "list").out


def test_the_master_key_file_stays_closed_and_keeps_its_warning(byok: Byok, acme: str, home: Path) -> None:
    byok("master-key", "add")
    assert (home / "master.keys").stat().st_mode & 0o777 == 0o600
    assert (home / "master.keys").read_text().startswith("# Without this file")


def test_a_master_key_that_is_not_there_cannot_be_promoted(byok: Byok, acme: str, home: Path) -> None:
    before = (home / "master.keys").read_text()
    assert byok("master-key", "promote", "nope").status == 1
    assert (home / "master.keys").read_text() == before


def test_master_keys_of_the_environment_are_only_printed_anew(byok: Byok, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = "m1:" + base64.b64encode(secrets.token_bytes(32)).decode()
    monkeypatch.setenv("BYOK_MASTER_KEYS", mine)
    done = byok("master-key", "add")
    monkeypatch.setenv("BYOK_MASTER_KEYS", f"{mine},{done.out.strip()}")
    assert byok("company", "list").status == 0
    assert byok("master-key", "promote", "m1").status == 1


def test_rows_that_no_master_key_opens_are_counted_and_left(byok: Byok, acme: str, home: Path) -> None:
    _lose_the_old_one(byok, home)
    done = byok("master-key", "rotate", "--json")
    assert (done.status, done.json["resealed"]) == (1, 0)
    assert done.json["unreadable"] == sum(done.json["left"].values()) >= 2
    assert byok("key", "list", "--company", acme, "--json").json[0]["status"] == "needs to be entered again"


def test_a_demo_reset_brings_the_sample_companies(byok: Byok, acme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BYOK_DEMO", "1")
    monkeypatch.setenv("BYOK_DEMO_PASSWORD", "walk right in")
    done = byok("demo", "reset")
    assert done.out.endswith("Demo accounts: ada, max, bea, finn. Password: walk right in\n")
    slugs = [row["slug"] for row in byok("company", "list", "--json").json]
    assert slugs == ["acme", "corner-shop", "northwind-labs", "tryout"]


def test_the_doctor_finds_a_sound_installation_sound(byok: Byok, acme: str) -> None:
    done = byok("doctor", "--json")
    assert done.status == 0, done.out
    states = {row["name"]: row["state"] for row in done.json}
    assert {states[name] for name in ("settings", "providers", "master keys", "database", "keys", "erasures")} == {"ok"}


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no file modes")
def test_the_doctor_names_files_that_others_may_read_and_that_it_cannot_close(
    byok: Byok, acme: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "master.keys").chmod(0o644)
    assert "ok    files" in byok("doctor").out  # its owner's start closes it
    (home / "master.keys").chmod(0o644)
    monkeypatch.setattr(os, "geteuid", lambda: home.stat().st_uid + 1)
    done = byok("doctor")
    assert f"warn  files           other users of this machine may read {home / 'master.keys'}: chmod 600" in done.out


def test_the_doctor_names_a_mistake_in_the_catalogue(byok: Byok, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = home / "mine.toml"
    file.write_text('[mine]\nname = "Mine"\nbase_url = "http://example.org"\n')
    monkeypatch.setenv("BYOK_PROVIDERS", str(file))
    done = byok("doctor")
    assert done.status == 1
    assert "mine.toml: [mine]" in done.out


def test_the_doctor_names_a_platform_key_of_no_provider(byok: Byok, acme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BYOK_PLATFORM_KEY_GRQO", "x" * 20)
    done = byok("doctor")
    assert done.status == 0
    assert "warn  platform keys   the catalogue has no such provider: BYOK_PLATFORM_KEY_GRQO" in done.out


def test_the_doctor_names_a_platform_key_that_cannot_be_sent(
    byok: Byok, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BYOK_PLATFORM_KEY_GROQ", "two words")
    done = byok("doctor")
    assert done.status == 1
    assert "fail  platform keys   BYOK_PLATFORM_KEY_GROQ cannot be used." in done.out


def test_the_doctor_names_keys_that_must_be_entered_again(byok: Byok, acme: str, home: Path) -> None:
    (old,) = _ids(home)
    _lose_the_old_one(byok, home)
    done = byok("doctor")
    assert done.status == 0
    assert "1 of 1 need to be entered again: acme: Loop “Main”" in done.out
    assert f"under {old}: " in done.out
    assert "need a master key that is not here" in done.out


def test_the_doctor_says_so_where_a_master_key_is_another_one(byok: Byok, acme: str, home: Path) -> None:
    (mine,) = _ids(home)
    (home / "master.keys").write_text(f"{mine}:" + base64.b64encode(secrets.token_bytes(32)).decode())
    done = byok("doctor")
    assert done.status == 1
    assert f"fail  master key check The master key under the id {mine} is another one" in done.out


def _lose_the_old_one(byok: Byok, home: Path) -> None:
    """Promotes a new master key, and takes the old one away without a rotation."""
    (old,) = _ids(home)
    byok("master-key", "add")
    assert byok("master-key", "promote", _ids(home)[1]).status == 0
    file = home / "master.keys"
    file.write_text("".join(line for line in file.read_text().splitlines(keepends=True) if old not in line))


def _operators_record(home: Path) -> list[str]:
    with closing(sqlite3.connect(home / "byok.sqlite3")) as connection:
        query = "SELECT action, subject FROM audit_event WHERE chain_id = ? AND action LIKE 'master_key%' ORDER BY seq"
        return [" ".join(row) for row in connection.execute(query, ["0" * 32])]


def _ids(home: Path) -> list[str]:
    lines = (home / "master.keys").read_text().splitlines()
    return [line.partition(":")[0] for line in lines if line and not line.startswith("#")]
