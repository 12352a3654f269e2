"""Rotation: what a row keeps, and that a row changed meanwhile is left alone."""

from __future__ import annotations

import base64
import secrets
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from sqlmodel import select

from byok.core.master_keys import MasterKeys
from byok.core.vault import Place, Sealed, SealedLike, Vault
from byok.ground.db import Database
from byok.ground.ids import new_id
from byok.ground.tables import ApiKey
from byok.services.key_use import place_of
from byok.services.rotation import Rotated, Rotation
from tests.services.door_world import DoorWorld

OLD, NEW = (f"{name}:" + base64.b64encode(secrets.token_bytes(32)).decode() for name in ("old", "new"))


@pytest.fixture
def world(any_db: Database, tmp_path: Path) -> DoorWorld:
    made = DoorWorld(any_db, home=tmp_path, vault=Vault(MasterKeys.parse(OLD)))
    made.accounts.add_company(slug="acme", name="Acme", plan="pro")
    return made


def test_only_the_data_key_of_a_row_changes(world: DoorWorld) -> None:
    before = _add_key(world)
    assert Rotation(db=world.db, vault=_both()).rotate() == Rotated(resealed=2)
    after = _keys(world)[0]
    changed = {name for name, value in after.model_dump().items() if value != before.model_dump()[name]}
    assert changed == {"master_key_id", "data_key", "data_key_nonce"}
    assert Vault(MasterKeys.parse(NEW)).readable(after, place=place_of(after))


def test_a_key_that_was_replaced_meanwhile_is_left_as_it_is(world: DoorWorld) -> None:
    _add_key(world)

    class Meanwhile(Vault):
        def reseal(self, sealed: SealedLike, *, place: Place) -> Sealed:
            with world.db.write() as session:
                key = session.get(ApiKey, place.row_id)
                assert key is not None
                key.data_key = b"of another key"
            return super().reseal(sealed, place=place)

    done = Rotation(db=world.db, vault=Meanwhile(MasterKeys.parse(f"{NEW},{OLD}"))).rotate()
    assert done == Rotated(resealed=1, changed=1)
    assert _keys(world)[0].data_key == b"of another key"


def test_running_it_again_loses_nothing(world: DoorWorld) -> None:
    _add_key(world)
    for _ in range(2):
        assert Rotation(db=world.db, vault=_both()).rotate() == Rotated(resealed=2)
    (key,) = _keys(world)
    assert _both().readable(key, place=place_of(key))


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
