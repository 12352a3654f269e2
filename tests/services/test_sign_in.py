"""The question at the door: what it is asked with, and what of it the operator's record keeps."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from sqlmodel import select
from streamlit_authenticator.utilities import Hasher

from byok.ground.db import Database
from byok.ground.tables import OPERATOR, AuditEvent
from byok.services.audit_check import AuditCheck
from byok.services.unknown_names import DAY, MOST
from tests.services.door_world import PASSWORD, DoorWorld


@pytest.fixture
def world(any_db: Database, tmp_path: Path) -> DoorWorld:
    made = DoorWorld(any_db, home=tmp_path)
    made.acme()
    return made


def enter(world: DoorWorld, username: str, *, address: str = "192.0.2.1", right: bool = False) -> UUID | None:
    typed = PASSWORD.get_secret_value() if right else "not the one"
    return world.sign_in_form.check(username, typed, compare=Hasher.check_pw, address=address)


def guess(world: DoorWorld, count: int) -> None:
    """So many names that nobody has, each from an address of its own."""
    for number in range(count):
        assert enter(world, f"nobody{number}", address=f"198.51.{number // 250}.{number % 250}") is None


def failed(world: DoorWorld, chain_id: UUID = OPERATOR) -> list[str]:
    with world.db.read() as session:
        mine = select(AuditEvent.detail).where(AuditEvent.chain_id == chain_id, AuditEvent.action == "session.failed")
        return list(session.exec(mine.order_by(AuditEvent.seq)))  # type: ignore[arg-type]


@pytest.mark.parametrize("odd", ["ali\0ce", "\0", "\ud800", "alice\udfff", "a" * 5000, "ali ce", "\u202ealice"])
def test_what_no_username_can_be_is_a_name_that_nobody_has(world: DoorWorld, odd: str) -> None:
    assert enter(world, odd, right=True) is None
    assert failed(world) == ["unknown username"]
    assert enter(world, " Alice ", right=True) is not None


def test_names_that_nobody_has_get_so_many_entries_a_day_and_then_one_that_counts_the_rest(world: DoorWorld) -> None:
    guess(world, MOST + 30)
    assert len(failed(world)) == MOST
    assert failed(world)[-1] == "unknown username; more until 2026-11-24 12:00 UTC are only counted"
    world.pass_(DAY)
    guess(world, 2)
    assert failed(world)[MOST:] == [
        "unknown username; 30 more in the day after 2026-11-23 12:00 UTC have no entry of their own",
        "unknown username",
    ]
    assert [one.faults for one in AuditCheck(db=world.db, vault=world.vault).verify()] == [(), ()]


def test_what_was_only_counted_is_told_after_a_long_silence_too(world: DoorWorld) -> None:
    guess(world, MOST + 1)
    world.pass_(timedelta(days=400))
    assert enter(world, "alice", right=True) is not None  # which clears counters away
    guess(world, 1)
    assert failed(world)[-1].startswith("unknown username; 1 more in the day after 2026-11-23")


def test_a_wrong_password_for_a_name_that_somebody_has_always_gets_its_entry(world: DoorWorld) -> None:
    guess(world, MOST + 1)
    assert enter(world, "alice") is None
    assert failed(world, world.accounts.company("acme").id) == ["wrong password"]
