"""Ten thousand keys rotated while fifty people chat, killed twenty times: no failed answer, no lost key.

All of it real processes: the app with its sessions, the commands that an operator types, and kill -9.
"""

from __future__ import annotations

import json
import os
import platform
import random
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from byok.core.master_keys import FILE, MasterKeys, load_master_keys, new_entry
from byok.core.vault import Vault
from byok.ground.db import Database
from byok.ground.settings import ROOT, Settings
from tests.run_world import until
from tests.security.conftest import Tally
from tests.security.key_checker import KeyChecker, key_checker
from tests.security.rotation_world import KEYS, byok, environment, fill, lost, rest, started

pytestmark = [pytest.mark.threat(6), pytest.mark.timeout(3600)]

RESULTS = ROOT / "bench" / "results" / "rotation.txt"
BYOK = ("-c", "from byok.cli.main import main; main()")
SIZES = [
    pytest.param(1_000, 5, 2, id="tenth", marks=pytest.mark.slow),
    pytest.param(10_000, 50, 20, id="whole", marks=pytest.mark.soak),
]


@dataclass
class Load:
    """What is done to one database, and what came of it."""

    url: str
    rows: int
    people: int
    kills: int
    lines: list[str] = field(default_factory=list)
    killed_at: list[int] = field(default_factory=list)
    moved_while_chatting_s: float = 0.0

    def rotate(self, db: Database, new: str, env: Mapping[str, str]) -> None:
        """Rotates, killed -9 at `kills` places spread over all rows, each at some moment of some row's transaction."""
        dice = random.Random(secrets.randbits(64))  # noqa: S311 - where it is killed is no secret
        under_new = sa.select(sa.func.count()).where(KEYS.c.master_key_id == new.partition(":")[0])

        def moved() -> int:
            with db.read() as session:
                return int(session.connection().execute(under_new).scalar_one())

        began = time.monotonic()
        for life in range(self.kills):
            wanted = self.rows * (life + 1) // (self.kills + 1)
            with started(*BYOK, "master-key", "rotate", env=env, stderr=subprocess.DEVNULL) as process:
                until(lambda wanted=wanted: moved() >= wanted, seconds=120)  # type: ignore[misc]
                time.sleep(dice.random() * 0.01)
                process.kill()
                assert process.wait(30) == -9
            self.killed_at.append(moved())
        with started(*BYOK, "master-key", "rotate", env=env, stderr=subprocess.PIPE) as last:
            _, said = last.communicate(timeout=900)
            assert last.returncode == 0, said
        self.moved_while_chatting_s = time.monotonic() - began

    def told(self, kind: str, chats: Mapping[str, Any], checker: KeyChecker, left: list[str]) -> list[str]:
        """The figures, for the record."""
        return [
            kind,
            f"  keys {self.rows:,}, sessions {self.people}, kills {self.kills}, "
            f"rotation with its kills {self.moved_while_chatting_s:.0f} s",
            f"  keys under the new master key at each kill: {', '.join(map(str, self.killed_at))}",
            f"  answers {chats['answers']:,} on {chats['keys']:,} keys; saved meanwhile {chats['saved']}",
            f"  right keys at the provider {checker.right:,}, wrong {checker.wrong}",
            f"  failed reads {sum(chats['failures'].values())}, lost {len(left)}",
        ]


@pytest.mark.parametrize(("rows", "people", "kills"), SIZES)
def test_keys_of_a_file_rotated_while_people_chat(
    migrated_file: Path, tmp_path: Path, tally: Tally, rows: int, people: int, kills: int
) -> None:
    """SQLite: the app is never restarted; it finds the added, the promoted and the dropped key by itself."""
    with key_checker() as checker:
        env = environment(home=tmp_path, providers=_overlay(tmp_path, checker))
        (tmp_path / "byok.sqlite3").write_bytes(migrated_file.read_bytes())
        settings = Settings(home=tmp_path, demo=False)
        db, vault = Database(settings.url), Vault(load_master_keys(settings))
        fill(db, vault, keys=rows, companies=max(10, rows // 100), origin=checker.origin)
        before, (old,) = rest(db), vault.master_key_ids
        load = Load(settings.url, rows, people, kills)
        with started("-m", "tests.security.chat_sessions", str(people), env=env, **_talk()) as app:
            _chatting(app)
            byok("master-key", "add", env=env)
            new = (tmp_path / FILE).read_text().split()[-1]
            byok("master-key", "promote", new.partition(":")[0], env=env)
            load.rotate(db, new, env)
            byok("master-key", "drop", old, env=env)
            chats = _end(app)
        assert old not in (tmp_path / FILE).read_text()
        _judge(load, "SQLite", db, new, before, chats, checker, tally)
        byok("usage", "verify", env=env)
        db.close()


@pytest.mark.parametrize(("rows", "people", "kills"), SIZES)
def test_keys_of_the_environment_rotated_while_people_chat(
    new_postgres: Callable[[str], str],
    migrated_postgres: str,
    tmp_path: Path,
    tally: Tally,
    rows: int,
    people: int,
    kills: int,
) -> None:
    """PostgreSQL, in the midst of a rolling restart: the app still seals with the old key while all is moved."""
    url = new_postgres(migrated_postgres)
    old, new = new_entry(), new_entry()
    with key_checker() as checker:
        app_env = environment(
            home=tmp_path, providers=_overlay(tmp_path, checker), database_url=url, master_keys=f"{old},{new}"
        )
        env = app_env | {"BYOK_MASTER_KEYS": f"{new},{old}"}
        db = Database(url)
        fill(db, Vault(MasterKeys.parse(old)), keys=rows, companies=max(10, rows // 100), origin=checker.origin)
        before = rest(db)
        load = Load(url, rows, people, kills)
        with started("-m", "tests.security.chat_sessions", str(people), env=app_env, **_talk()) as app:
            _chatting(app)
            load.rotate(db, new, env)
            chats = _end(app)
        byok("master-key", "rotate", env=env)  # what the app went on sealing with the old key
        _judge(load, "PostgreSQL", db, new, before, chats, checker, tally)
        byok("usage", "verify", env=env)
        db.close()


def _overlay(home: Path, checker: KeyChecker) -> Path:
    file = home / "providers.toml"
    file.write_text(
        f'[loop]\nname = "Loop"\nbase_url = "{checker.origin}/v1"\nprivate_network = true\nat_once = 64\n', "utf-8"
    )
    return file


def _talk() -> dict[str, int]:
    return {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}


def _chatting(app: subprocess.Popen[str]) -> None:
    assert app.stdout is not None
    assert app.stdout.readline() == "chatting\n"


def _end(app: subprocess.Popen[str]) -> dict[str, Any]:
    """Lets the people go, and hears what became of their questions."""
    told, _ = app.communicate("", timeout=300)
    assert app.returncode == 0
    found: dict[str, Any] = json.loads(told.splitlines()[-1])
    return found


def _judge(
    load: Load,
    kind: str,
    db: Database,
    new: str,
    before: Mapping[tuple[str, str], object],
    chats: Mapping[str, Any],
    checker: KeyChecker,
    tally: Tally,
) -> None:
    """Every answer came, with the right key; every row opens with the new master key alone, and is what it was."""
    known = {key[1] for key in before if key[0] == "api_key"}
    left = lost(db, new, only=set(map(UUID, known)))
    lines = load.told(kind, chats, checker, left)
    sys.stdout.write("\n".join(lines) + "\n")
    if load.kills == 20:
        _keep(kind, lines)
    tally.tried(load.rows + load.kills)
    for one in left:
        tally.leaked(one)
    now = rest(db)
    assert {key: now.get(key) for key in before} == before
    assert (chats["failures"], checker.wrong) == ({}, 0)
    assert chats["answers"] >= load.people


def _keep(kind: str, lines: list[str]) -> None:
    """Puts what one database came to in place of what it came to before."""
    head = [
        "Keys rotated while people chat, the rotation killed -9 again and again, all in real processes",
        "uv run pytest -m soak tests/security/test_rotation_load.py",
    ]
    old = RESULTS.read_text("utf-8").splitlines() if RESULTS.exists() else []
    parts = {one[0].partition(",")[0]: one for one in _parts(old[2:])}
    machine = f"Python {platform.python_version()}, {os.cpu_count()} cores, {platform.system()} {platform.machine()}"
    parts[kind] = [f"{kind}, {datetime.now(UTC):%Y-%m-%d}, {machine}", *lines[1:]]
    RESULTS.write_text("\n".join([*head, *(line for one in parts.values() for line in one)]) + "\n", "utf-8")


def _parts(lines: list[str]) -> list[list[str]]:
    found: list[list[str]] = []
    for line in lines:
        if line.startswith("  "):
            found[-1].append(line)
        elif line:
            found.append([line])
    return found
