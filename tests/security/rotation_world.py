"""What the tests of half a rotation share: a database full of keys that anybody can foretell, and real processes."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from pydantic import SecretStr

from byok.core.audit import Chains, Happening
from byok.core.master_keys import MasterKeys
from byok.core.vault import Place, Sealed, Vault, hint
from byok.ground.clock import utc_now
from byok.ground.db import Database
from byok.ground.ids import new_id
from byok.ground.settings import ROOT
from byok.ground.tables.types import metadata
from tests.security.sealed_things import opened

KEYS, DRAFTS, COMPANIES = (metadata.tables[name] for name in ("api_key", "key_draft", "company"))
MAY_CHANGE = {"master_key_id", "data_key", "data_key_nonce", "fingerprint_key", "audit_key", "last_used_at"}
LIVES_OF_PROCESSES = {"seq", "mac", "signature"}  # a chain goes on while it is rotated
SEALED = {"api_key", "key_draft", "company", "audit_head"}


def key_of(row_id: UUID) -> SecretStr:
    """The API key of a row: made up, and known to whoever knows the row's id."""
    return SecretStr("sk-load-" + hashlib.blake2b(row_id.bytes, digest_size=16).hexdigest())


def fill(db: Database, vault: Vault, *, keys: int, companies: int, origin: str, drafts: int = 0) -> None:
    """Companies on Pro, each with its share of keys of the provider `loop`, and a chain of its own."""
    now, ids = utc_now(), [new_id() for _ in range(companies)]
    with db.write() as session:
        connection = session.connection()
        for number, company_id in enumerate(ids):
            named = {"slug": f"c{number}", "name": f"C{number}", "plan": "pro", "sample": False, "created_at": now}
            own = vault.new_fingerprint_key(company_id=company_id)
            connection.execute(sa.insert(COMPANIES).values(id=company_id, fingerprint_key=own, **named))
            Chains(vault=vault).add(connection, Happening(action="made", chain_id=company_id), at=now)
        rows = [_row(vault, ids[number % companies], origin) for number in range(keys + drafts)]
        saved = [
            row | {"label": f"K{n}", "is_default": n < companies, "added_by_name": "", "created_at": now}
            for n, row in enumerate(rows[:keys])
        ]
        waiting = [
            {**row, "id": new_id(), "key_id": row["id"], "replaces": False, "expires_at": now} for row in rows[keys:]
        ]
        for table, some in ((KEYS, saved), (DRAFTS, waiting)):
            if some:
                connection.execute(sa.insert(table), some)


def _row(vault: Vault, company_id: UUID, origin: str) -> dict[str, Any]:
    place = Place(company_id=company_id, row_id=new_id(), provider_id="loop", origin=origin)
    sealed, key = vault.seal(key_of(place.row_id), place=place), key_of(place.row_id)
    columns = {name: getattr(sealed, name) for name in Sealed.__slots__}
    its = {"id": place.row_id, "company_id": company_id, "provider_id": "loop", "origin": origin}
    return columns | its | {"hint": hint(key), "fingerprint": b"-"}


def lost(db: Database, *entries: str, only: set[UUID] | None = None) -> list[str]:
    """Rows that do not open with those master keys, or hold another key than theirs."""
    vault, found = Vault(MasterKeys.parse(",".join(entries))), []
    with db.read() as session:
        connection = session.connection()
        for table, bound_to in ((KEYS, "id"), (DRAFTS, "key_id")):
            for row in connection.execute(sa.select(table)):
                row_id = row._mapping[bound_to]
                place = Place(row.company_id, row_id, row.provider_id, row.origin)
                if not vault.readable(row, place=place):
                    found.append(f"{table.name} {row.id}")
                elif (only is None or row_id in only) and opened(vault, row, place) != key_of(
                    row_id
                ).get_secret_value():
                    found.append(f"{table.name} {row.id}: another key")
        for row in connection.execute(sa.select(COMPANIES)):
            try:
                vault.fingerprint(SecretStr("x" * 8), company_id=row.id, sealed_key=row.fingerprint_key)
            except Exception as error:  # noqa: BLE001 - whatever it is, the row is lost
                found.append(f"company {row.id}: {type(error).__name__}")
        heads = metadata.tables["audit_head"]
        for row in connection.execute(sa.select(heads)):
            try:
                vault.audit_mac(b"x", chain_id=row.chain_id, sealed_key=row.audit_key)
            except Exception as error:  # noqa: BLE001
                found.append(f"audit_head {row.chain_id}: {type(error).__name__}")
    return found


def rest(db: Database) -> dict[tuple[str, str], dict[str, Any]]:
    """Every column of every sealed row that a rotation must leave alone, by table and id."""
    found = {}
    with db.read() as session:
        for name in SEALED:
            table = metadata.tables[name]
            for row in session.connection().execute(sa.select(table)).mappings():
                whose = next(iter(table.primary_key.columns)).name
                kept = {key: value for key, value in row.items() if key not in MAY_CHANGE | LIVES_OF_PROCESSES}
                found[name, str(row[whose])] = kept
    return found


def environment(**settings: str | Path) -> dict[str, str]:
    """For a process of its own: nothing of ours but these settings, e.g. `home=...`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("BYOK_")}
    ours = {f"BYOK_{name.upper()}": str(value) for name, value in settings.items()}
    return kept | ours | {"PYTHONPATH": str(ROOT), "BYOK_DEMO": "0"}


def byok(*arguments: str, env: Mapping[str, str]) -> str:
    """Runs a command as a process of its own, to its good end; what it said on standard output."""
    done = subprocess.run(
        [sys.executable, "-c", "from byok.cli.main import main; main()", *arguments],
        env=dict(env),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@contextmanager
def started(*command: str, env: Mapping[str, str], **pipes: Any) -> Iterator[subprocess.Popen[str]]:
    """A process that is killed at the end if it still runs."""
    with subprocess.Popen([sys.executable, *command], env=dict(env), cwd=ROOT, text=True, **pipes) as process:
        try:
            yield process
        finally:
            process.kill()
