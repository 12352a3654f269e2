"""The check of each master key: when it is made, what it finds out, and when a process must not start."""

from __future__ import annotations

import base64
import secrets

import pytest
import sqlalchemy as sa

from byok.core.master_keys import MasterKeys
from byok.core.vault import Vault
from byok.ground.clock import utc_now
from byok.ground.db import Database
from byok.ground.errors import SettingsError
from byok.ground.tables import Company
from byok.services.master_key_checks import CHECKS, MasterKeyChecks
from byok.services.rotation import Rotation
from tests.run_world import rows


def entry(key_id: str) -> str:
    return f"{key_id}:" + base64.b64encode(secrets.token_bytes(32)).decode()


OLD, NEW, OTHER = entry("old"), entry("new"), entry("other")


def vault_of(*entries: str) -> Vault:
    return Vault(MasterKeys.parse(",".join(entries)))


def start(db: Database, *entries: str) -> list[str]:
    """What a start does; the ids that have a check afterwards."""
    MasterKeyChecks(db=db, vault=vault_of(*entries), clock=utc_now).run()
    return sorted(row["id"] for row in rows(db, "master_key_check"))


def add_company(db: Database, vault: Vault, slug: str = "acme") -> None:
    company = Company(slug=slug, name=slug, plan="pro", fingerprint_key=b"", created_at=utc_now())
    company.fingerprint_key = vault.new_fingerprint_key(company_id=company.id)
    with db.write() as session:
        session.add(company)


def test_a_fresh_master_key_gets_its_check_once(any_db: Database) -> None:
    assert start(any_db, OLD) == ["old"]
    before = rows(any_db, "master_key_check")
    assert start(any_db, OLD) == ["old"]
    assert rows(any_db, "master_key_check") == before
    assert start(any_db, NEW, OLD) == ["new", "old"]


def test_another_key_under_a_known_id_stops_the_start(any_db: Database) -> None:
    start(any_db, OLD)
    with pytest.raises(SettingsError, match="under the id old is another one"):
        start(any_db, NEW, entry("old"))
    assert [row["id"] for row in rows(any_db, "master_key_check")] == ["old"]


def test_without_any_known_key_a_database_with_sealed_rows_stops_the_start_and_names_what_is_missing(
    any_db: Database,
) -> None:
    start(any_db, OLD)
    add_company(any_db, vault_of(OLD))
    with pytest.raises(SettingsError, match="its 1 sealed rows need: old"):
        start(any_db, NEW, OTHER)
    assert [row["id"] for row in rows(any_db, "master_key_check")] == ["old"]


def test_without_any_sealed_row_a_lost_key_keeps_nobody_from_starting(db: Database) -> None:
    start(db, OLD)
    assert start(db, NEW) == ["new", "old"]


def test_an_old_key_that_is_missing_does_not_stop_the_start_while_the_first_is_known(db: Database) -> None:
    start(db, NEW, OLD)
    add_company(db, vault_of(OLD))
    assert start(db, NEW) == ["new", "old"]


def test_rows_of_before_there_were_checks_tell_a_wrong_key_too(any_db: Database) -> None:
    """An upgraded database has rows and no check: none is made for a key that does not open them."""
    add_company(any_db, vault_of(OLD))
    with pytest.raises(SettingsError, match="under the id old is another one"):
        start(any_db, entry("old"))
    assert rows(any_db, "master_key_check") == []
    with pytest.raises(SettingsError, match="sealed rows need: old"):
        start(any_db, NEW)
    assert rows(any_db, "master_key_check") == []
    assert start(any_db, OLD) == ["old"]


def test_one_spoilt_row_does_not_call_a_right_key_wrong(db: Database) -> None:
    add_company(db, vault_of(OLD), "acme")
    add_company(db, vault_of(OLD), "bolt")
    with db.write_core() as connection:
        spoilt = sa.text("UPDATE company SET fingerprint_key = substr(fingerprint_key, 1, 20) WHERE slug = 'acme'")
        connection.execute(spoilt)
    assert start(db, OLD) == ["old"]


@pytest.mark.parametrize("whole", [True, False], ids=["another key's", "cut"])
def test_a_check_that_was_tampered_with_stops_the_start(db: Database, whole: bool) -> None:
    start(db, OLD)
    forged = vault_of(NEW).new_check("new") if whole else vault_of(OLD).new_check("old")[:-1]
    with db.write_core() as connection:
        connection.execute(sa.update(CHECKS).values(sealed=forged))
    with pytest.raises(SettingsError, match="another one"):
        start(db, OLD)


def test_after_a_rotation_the_old_key_is_not_needed_to_start(db: Database) -> None:
    start(db, OLD)
    add_company(db, vault_of(OLD))
    start(db, NEW, OLD)
    Rotation(db=db, vault=vault_of(NEW, OLD)).rotate()
    assert start(db, NEW) == ["new", "old"]
