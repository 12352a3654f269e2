"""The question at the door: what it is asked with."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import pytest
from sqlmodel import select
from streamlit_authenticator.utilities import Hasher

from byok.ground.db import Database
from byok.ground.tables import OPERATOR, AuditEvent
from tests.services.door_world import PASSWORD, DoorWorld


@pytest.fixture
def world(any_db: Database, tmp_path: Path) -> DoorWorld:
    made = DoorWorld(any_db, home=tmp_path)
    made.acme()
    return made


def enter(world: DoorWorld, username: str, *, address: str = "192.0.2.1", right: bool = False) -> UUID | None:
    typed = PASSWORD.get_secret_value() if right else "not the one"
    return world.sign_in_form.check(username, typed, compare=Hasher.check_pw, address=address)


def failed(world: DoorWorld, chain_id: UUID = OPERATOR) -> list[str]:
    with world.db.read() as session:
        mine = select(AuditEvent.detail).where(AuditEvent.chain_id == chain_id, AuditEvent.action == "session.failed")
        return list(session.exec(mine.order_by(AuditEvent.seq)))  # type: ignore[arg-type]


@pytest.mark.parametrize("odd", ["ali\0ce", "\0", "\ud800", "alice\udfff", "a" * 5000, "ali ce", "\u202ealice"])
def test_what_no_username_can_be_is_a_name_that_nobody_has(world: DoorWorld, odd: str) -> None:
    assert enter(world, odd, right=True) is None
    assert failed(world) == ["unknown username"]
    assert enter(world, " Alice ", right=True) is not None
