"""Rotation: what a row keeps, and that a row changed meanwhile is left alone."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from pydantic import SecretStr
from sqlmodel import select

from byok.core.master_keys import MasterKeys
from byok.core.vault import Place, Sealed, Vault
from byok.ground.db import Database
from byok.ground.ids import new_id
from byok.ground.tables import ApiKey, KeyDraft, SealedColumns
from byok.services.key_use import place_of
from byok.services.rotation import Rotated, Rotation
from byok.services.sealed_rows import TABLES, rows_by_master_key
from tests.services.door_world import DoorWorld

# Adding the company began two records, its own and the operator's: the key of each is sealed, as the company's is.
OWN = 3
OLD, NEW = (f"{name}:" + base64.b64encode(secrets.token_bytes(32)).decode() for name in ("old", "new"))


@pytest.fixture
def world(any_db: Database, tmp_path: Path) -> DoorWorld:
    made = DoorWorld(any_db, home=tmp_path, vault=Vault(MasterKeys.parse(OLD)))
    made.accounts.add_company(slug="acme", name="Acme", plan="pro")
    return made


def test_only_the_data_key_of_a_row_changes(world: DoorWorld) -> None:
    before = _add_key(world)
    assert Rotation(db=world.db, vault=_both()).rotate() == Rotated(resealed=1 + OWN)
    after = _keys(world)[0]
    changed = {name for name, value in after.model_dump().items() if value != before.model_dump()[name]}
    assert changed == {"master_key_id", "data_key", "data_key_nonce"}
    assert Vault(MasterKeys.parse(NEW)).readable(after, place=place_of(after))


def test_no_api_key_is_opened(world: DoorWorld) -> None:
    key = _add_key(world)
    with world.db.write() as session:
        session.get_one(ApiKey, key.id).ciphertext = b"this opens with no key at all"
    assert Rotation(db=world.db, vault=_both()).rotate() == Rotated(resealed=1 + OWN)
    assert _keys(world)[0].ciphertext == b"this opens with no key at all"


def test_a_key_that_was_replaced_meanwhile_is_left_as_it_is(world: DoorWorld) -> None:
    key = _add_key(world)
    replaced = _both().seal(SecretStr("another-" + "y" * 24), place=place_of(key))

    class Meanwhile(Database):
        """Somebody replaces the key between the look at its row and the attempt to change it."""

        @contextmanager
        def write_core(self) -> Iterator[sa.Connection]:
            with world.db.write() as session:
                row = session.get_one(ApiKey, key.id)
                for name in Sealed.__slots__:
                    setattr(row, name, getattr(replaced, name))
            with super().write_core() as connection:
                yield connection

    other = Meanwhile(world.db.engine.url.render_as_string(hide_password=False))
    done = Rotation(db=other, vault=_both()).rotate()
    other.close()
    assert done == Rotated(resealed=OWN)
    assert Sealed.copy(_keys(world)[0]) == replaced


def test_running_it_again_finds_nothing_to_do(world: DoorWorld) -> None:
    _add_key(world)
    assert Rotation(db=world.db, vault=_both()).rotate() == Rotated(resealed=1 + OWN)
    (before,) = _keys(world)
    assert Rotation(db=world.db, vault=_both()).rotate() == Rotated()
    assert _keys(world) == [before]
    assert _both().readable(before, place=place_of(before))


def test_rows_are_read_page_by_page_and_said_as_they_are_done(world: DoorWorld) -> None:
    for _ in range(6):
        _add_key(world)
    told: list[tuple[int, int]] = []
    done = Rotation(db=world.db, vault=_both(), page=2).rotate(lambda *figures: told.append(figures))
    assert done == Rotated(resealed=6 + OWN)
    assert told == [(2, 9), (4, 9), (6, 9), (7, 9), (9, 9)]


def test_a_row_that_no_master_key_opens_is_counted_and_keeps_no_other_back(world: DoorWorld) -> None:
    first, _ = _add_key(world), _add_key(world)
    with world.db.write() as session:
        session.get_one(ApiKey, first.id).data_key = bytes(48)
    assert Rotation(db=world.db, vault=_both()).rotate() == Rotated(resealed=1 + OWN, unreadable=1)


def test_every_kind_of_sealed_row_is_counted_and_moved(world: DoorWorld) -> None:
    key = _add_key(world)
    with world.db.write() as session:
        columns = {name: getattr(key, name) for name in SealedColumns.model_fields}
        draft = KeyDraft(
            **columns, key_id=key.id, company_id=key.company_id, provider_id="openai", expires_at=world.now
        )
        session.add(draft)
    assert _rows(world) == {"old": 2 + OWN}
    assert Rotation(db=world.db, vault=_both()).rotate() == Rotated(resealed=2 + OWN)
    assert _rows(world) == {"new": 2 + OWN}
    with world.db.read() as session:
        vault = Vault(MasterKeys.parse(NEW))
        rows = [(one, row) for one in TABLES for row in session.connection().execute(sa.select(one.table))]
        assert {one.table.name for one, _ in rows} == {"api_key", "key_draft", "company", "audit_head"}
        assert [one.opens(vault, row) for one, row in rows] == [True] * (2 + OWN)


def _rows(world: DoorWorld) -> Mapping[str, int]:
    with world.db.read() as session:
        return rows_by_master_key(session.connection())


def _both() -> Vault:
    return Vault(MasterKeys.parse(f"{NEW},{OLD}"))


def _add_key(world: DoorWorld) -> ApiKey:
    company_id = world.accounts.company("acme").id
    place = Place(company_id=company_id, row_id=new_id(), provider_id="openai", origin="https://api.openai.com")
    sealed = world.vault.seal(SecretStr("made-up-" + "x" * 24), place=place)
    columns: dict[str, Any] = {name: getattr(sealed, name) for name in Sealed.__slots__}
    key = ApiKey(
        **columns,
        id=place.row_id,
        company_id=company_id,
        provider_id=place.provider_id,
        origin=place.origin,
        label="Main",
        fingerprint=b"",
        hint="xxxx",
        created_at=world.now,
    )
    with world.db.write() as session:
        session.add(key)
    return _keys(world)[0]


def _keys(world: DoorWorld) -> list[ApiKey]:
    with world.db.read() as session:
        return list(session.exec(select(ApiKey)))
