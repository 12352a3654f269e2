"""A backup made while the app writes, restored as docs/keys.md says: every key opens, and the figures agree."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from byok.core.master_keys import FILE, load_master_keys
from byok.core.vault import Vault
from byok.ground.db import Database
from byok.ground.settings import Settings
from tests.security.key_checker import key_checker
from tests.security.rotation_world import KEYS, byok, environment, fill, lost, started

KEYS_BEFORE = 60


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_copy_made_under_load_is_a_whole_database(migrated_file: Path, tmp_path: Path) -> None:
    home, copies = tmp_path / "home", [tmp_path / f"copy-{number}.sqlite3" for number in range(3)]
    home.mkdir()
    shutil.copyfile(migrated_file, home / "byok.sqlite3")
    with key_checker() as checker:
        overlay = tmp_path / "providers.toml"
        overlay.write_text(f'[loop]\nname = "Loop"\nbase_url = "{checker.origin}/v1"\nprivate_network = true\n')
        env = environment(home=home, providers=overlay)
        settings = Settings(home=home, demo=False)
        db, vault = Database(settings.url), Vault(load_master_keys(settings))
        fill(db, vault, keys=KEYS_BEFORE, companies=4, origin=checker.origin)
        db.close()
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        with started("-m", "tests.security.chat_sessions", "8", env=env, **pipes) as app:
            assert app.stdout is not None
            assert app.stdout.readline() == "chatting\n"
            for copy in copies:
                byok("db", "backup", str(copy), env=env)
            told, _ = app.communicate("", timeout=120)
        assert '"failures": {}' in told
        for number, copy in enumerate(copies):
            anew = tmp_path / f"restored-{number}"
            anew.mkdir()
            shutil.copyfile(copy, anew / "byok.sqlite3")
            shutil.copyfile(home / FILE, anew / FILE)
            restored = environment(home=anew, providers=overlay)
            byok("usage", "verify", env=restored)
            assert "all readable" in byok("doctor", env=restored)
            _judge(anew)


def _judge(home: Path) -> None:
    (entry,) = (line for line in (home / FILE).read_text().splitlines() if not line.startswith("#"))
    db = Database(f"sqlite:///{home / 'byok.sqlite3'}")
    with db.read() as session:
        ids = [row.id for row in session.connection().execute(KEYS.select()) if row.label.startswith("K")]
    assert len(ids) == KEYS_BEFORE
    assert lost(db, entry, only=set(ids)) == []
    db.close()
    with closing(sqlite3.connect(home / "byok.sqlite3")) as copy:
        assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        (answered,) = copy.execute("SELECT count(*) FROM attempt WHERE answered").fetchone()
    assert answered > 0
