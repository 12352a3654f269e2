"""The same key saved again and again: no nonce, no data key and no sealed byte string ever comes twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from byok.core.vault import Place
from byok.ground.db import Database
from byok.ground.ids import new_id
from byok.ground.tables import ApiKey
from tests.security.conftest import Tally
from tests.security.sealed_things import SECRET, new_vault
from tests.security.threats import at_scale
from tests.services.key_world import KeyWorld, fresh_key

pytestmark = pytest.mark.threat(4)


@at_scale(1_000_000)
def test_a_key_saved_a_million_times_has_as_many_nonces(tally: Tally, tries: int) -> None:
    vault, place = new_vault(), Place(new_id(), new_id(), "openai", "https://api.openai.com")
    nonces: set[bytes] = set()
    for _ in range(tries):
        sealed = vault.seal(SECRET, place=place)
        assert len(sealed.nonce) == len(sealed.data_key_nonce) == 24
        # Of two boxes under different keys each; that they share none is asked all the same.
        nonces.update((sealed.nonce, sealed.data_key_nonce))
        tally.tried()
    if len(nonces) != 2 * tries:
        tally.leaked(f"{2 * tries - len(nonces)} nonces came twice")


@at_scale(200_000)
def test_a_rotation_and_every_other_sealing_takes_a_fresh_nonce(tally: Tally, tries: int) -> None:
    vault, company_id = new_vault(), new_id()
    place = Place(company_id, new_id(), "openai", "https://api.openai.com")
    sealed = vault.seal(SECRET, place=place)
    seen: set[bytes] = set()
    for _ in range(tries):
        fresh = [
            vault.reseal(sealed, place=place).data_key_nonce,
            vault.new_fingerprint_key(company_id=company_id),
            vault.new_audit_key(chain_id=company_id),
            vault.new_check(vault.master_key_ids[0]),
        ]
        seen.update(fresh)
        tally.tried(len(fresh))
    if len(seen) != 4 * tries:
        tally.leaked(f"{4 * tries - len(seen)} came twice")


def test_one_secret_in_three_rows_shares_no_byte_string(tmp_path: Path, db: Database, tally: Tally) -> None:
    world, secret = KeyWorld(db, home=tmp_path), fresh_key()
    world.openai_lists("gpt-5.4-mini")
    try:
        for actor in (world.ada, world.ada, world.eve):
            world.keys.save_draft(actor, world.paste(secret, by=actor), untested=True)
        world.settle()
        rows = world.rows(ApiKey)
        for column in ("nonce", "data_key_nonce", "ciphertext", "data_key"):
            tally.tried(len(rows))
            if len({getattr(row, column) for row in rows}) != len(rows):
                tally.leaked(column)
    finally:
        world.close()
