"""The workbench as a whole: what it makes at start, and that it ends cleanly."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlmodel import select

from byok.ground.errors import SettingsError
from byok.ground.settings import Settings
from byok.ground.tables import ProcessLease
from byok.process import Workbench


def _settings(tmp_path: Path, *, demo: bool = False) -> Settings:
    password = SecretStr("walk right in")
    return Settings(home=tmp_path / "home", demo=demo, demo_password=password, database_url=None, master_keys=None)


def test_the_first_start_makes_a_home_that_only_this_user_reads(tmp_path: Path) -> None:
    Workbench.open(_settings(tmp_path), what="command").close()
    home = tmp_path / "home"
    assert home.stat().st_mode & 0o777 == 0o700
    assert {file.name: file.stat().st_mode & 0o077 for file in home.iterdir() if not file.name.endswith(".lock")} == {
        "byok.sqlite3": 0,
        "master.keys": 0,
    }


def test_a_home_that_was_there_keeps_its_mode_and_its_database_is_closed(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir(mode=0o755)
    Workbench.open(_settings(tmp_path), what="command").close()
    assert (tmp_path / "home").stat().st_mode & 0o777 == 0o755
    assert (tmp_path / "home" / "byok.sqlite3").stat().st_mode & 0o777 == 0o600


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no file modes")
def test_files_that_were_put_back_from_a_copy_are_closed_again(tmp_path: Path) -> None:
    bench = Workbench.open(_settings(tmp_path), what="command")
    _ = bench.local.key
    bench.close()
    home = tmp_path / "home"
    for name in ("byok.sqlite3", "master.keys", "local.key"):
        (home / name).chmod(0o644)
    (home / "byok.sqlite3-wal").touch(mode=0o666)
    (home / "of somebody else.txt").touch(mode=0o644)
    bench = Workbench.open(_settings(tmp_path), what="command")
    _ = bench.local.key
    loose = {file.name for file in home.iterdir() if file.stat().st_mode & 0o077 and not file.name.endswith(".lock")}
    bench.close()
    assert loose == {"of somebody else.txt"}


def test_the_first_start_seeds_the_demo_and_the_second_leaves_it(tmp_path: Path) -> None:
    for _ in range(2):
        bench = Workbench.open(_settings(tmp_path, demo=True), what="command")
        assert len(bench.accounts.companies()) == 3
        bench.close()


def test_the_app_takes_a_lease_and_gives_it_back(tmp_path: Path) -> None:
    bench = Workbench.open(_settings(tmp_path), what="app")
    with bench.db.read() as session:
        assert session.exec(select(ProcessLease.what)).all() == ["app"]
    bench.close()
    after = Workbench.open(_settings(tmp_path), what="command")
    with after.db.read() as session:
        assert session.exec(select(ProcessLease.id)).all() == []
    after.close()


def test_a_command_takes_no_lease_before_it_asks(tmp_path: Path) -> None:
    bench = Workbench.open(_settings(tmp_path), what="command")
    bench.accounts.companies()
    _ = bench.conversations
    with bench.db.read() as session:
        assert session.exec(select(ProcessLease.id)).all() == []
    bench.close()


def test_closing_twice_is_harmless_and_leaves_no_thread(tmp_path: Path) -> None:
    before = set(threading.enumerate())
    bench = Workbench.open(_settings(tmp_path), what="app")
    bench.close()
    bench.close()
    assert [thread.name for thread in threading.enumerate() if thread not in before and thread.is_alive()] == []


def test_a_platform_key_that_cannot_be_sent_stops_the_start_and_its_variable_is_named(tmp_path: Path) -> None:
    settings = _settings(tmp_path).model_copy(update={"platform_keys": {"groq": SecretStr("bad key with spaces")}})
    with pytest.raises(SettingsError, match="BYOK_PLATFORM_KEY_GROQ cannot be used") as caught:
        Workbench.open(settings)
    assert "spaces" not in str(caught.value)


def test_a_start_that_fails_says_why_and_holds_nothing(tmp_path: Path) -> None:
    before = set(threading.enumerate())
    file = f"sqlite:///{tmp_path / 'elsewhere.sqlite3'}"
    settings = Settings(home=tmp_path / "home", database_url=SecretStr(file), master_keys=None)
    with pytest.raises(SettingsError, match="BYOK_MASTER_KEYS is not set"):
        Workbench.open(settings)
    assert not (tmp_path / "elsewhere.sqlite3").exists()
    assert set(threading.enumerate()) == before
