"""Whoever steals the database, its log, a dump or a backup has no key: none stands in any of them, in any form."""

from __future__ import annotations

import base64
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from uuid import UUID

import pytest
import sqlalchemy as sa
from pydantic import SecretStr

from byok.cli.main import run
from byok.core.master_keys import MasterKeys
from byok.core.vault import Vault
from byok.ground.db import Database
from byok.ground.tables import ApiKey, KeyDraft
from tests.canary import Canary
from tests.security.conftest import Tally
from tests.security.threats import at_scale
from tests.services.key_world import KeyWorld, fresh_master_keys

pytestmark = pytest.mark.threat(1)


class Vaultful:
    """A database with canaries in every place where a key can be: saved, tested, replaced, waiting as a draft."""

    def __init__(self, db: Database, home: Path, keys: int) -> None:
        master = fresh_master_keys()
        self.master = master._keys["t1"]
        self.world = KeyWorld(db, home=home, vault=Vault(MasterKeys({"t1": self.master})))
        self.world.openai_lists("gpt-5.4-mini")
        self.canaries: list[Canary] = []
        for number in range(keys):
            key_id = self._saved()
            if number % 4 == 1:
                self._saved(replaces=key_id)
            elif number % 4 == 2:
                self._pasted()
            elif number % 4 == 3:
                self.world.keys.test(self.world.ada, key_id)
        self.world.settle()

    def sings_in(self, found: bytes) -> bool:
        """Whether any key, or the master key, stands in it."""
        encoded = base64.b64encode(self.master)
        forms = (self.master, encoded, encoded.rstrip(b"="), self.master.hex().encode())
        return any(form in found for form in forms) or any(canary.sings_in(found) for canary in self.canaries)

    def sealed_stands_in(self, found: bytes) -> bool:
        """Whether the sealed bytes do: proof that the right place was looked at."""
        return all(key.ciphertext in found for key in (*self.world.rows(ApiKey), *self.world.rows(KeyDraft)))

    def _pasted(self, replaces: UUID | None = None) -> UUID:
        self.canaries.append(Canary())
        pasted = SecretStr(self.canaries[-1].key)
        return self.world.keys.draft(self.world.ada, provider_id="openai", pasted=pasted, replaces=replaces).id

    def _saved(self, replaces: UUID | None = None) -> UUID:
        draft_id = self._pasted(replaces)
        self.world.keys.test_draft(self.world.ada, draft_id)
        return self.world.keys.save_draft(self.world.ada, draft_id).id


@at_scale(500, few=4)
def test_no_key_stands_in_database_log_dump_or_backup(
    db: Database, tmp_path: Path, tally: Tally, tries: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = Vaultful(db, tmp_path, tries)
    try:
        monkeypatch.setenv("BYOK_HOME", str(tmp_path))
        monkeypatch.setenv("BYOK_DEMO", "0")
        assert run(["db", "backup", str(tmp_path / "stolen.backup")]) == 0
        stolen = dict(_stolen(tmp_path))
        assert set(stolen) == {"byok.sqlite3", "byok.sqlite3-wal", "byok.sqlite3-shm", "dump", "stolen.backup"}
        assert full.sealed_stands_in(stolen["byok.sqlite3"] + stolen["byok.sqlite3-wal"])
        assert full.sealed_stands_in(stolen["stolen.backup"])
        for where, content in stolen.items():
            tally.tried(len(full.canaries))
            if full.sings_in(content):
                tally.leaked(where)
    finally:
        full.world.close()


@at_scale(200, few=4)
def test_no_key_stands_in_any_row_of_either_database(
    any_db: Database, tmp_path: Path, tally: Tally, tries: int
) -> None:
    full = Vaultful(any_db, tmp_path, tries)
    try:
        rows = b"".join(_rows(any_db))
        assert full.sealed_stands_in(rows)
        tally.tried(len(full.canaries))
        if full.sings_in(rows):
            tally.leaked("a row")
    finally:
        full.world.close()


def _stolen(home: Path) -> Iterator[tuple[str, bytes]]:
    """Every file of the database, and what a dump in SQL says, sealed bytes in hexadecimal."""
    for file in sorted(home.glob("byok.sqlite3*")):
        if not file.name.endswith(".lock"):
            yield file.name, file.read_bytes()
    yield "stolen.backup", (home / "stolen.backup").read_bytes()
    with closing(sqlite3.connect(home / "byok.sqlite3")) as connection:
        yield "dump", "\n".join(connection.iterdump()).encode()


def _rows(db: Database) -> Iterator[bytes]:
    """Every value of every row: bytes as they are, all else as it reads."""
    with db.engine.connect() as connection:
        for name in sa.inspect(connection).get_table_names():
            for row in connection.execute(sa.select(sa.text("*")).select_from(sa.table(name))):
                for value in row:
                    yield bytes(value) if isinstance(value, bytes | memoryview) else str(value).encode()
                    yield b"\n"
