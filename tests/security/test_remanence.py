"""What a deletion leaves behind: of a key that was deleted, replaced or never saved no byte stays in any file."""

from __future__ import annotations

import random
import secrets
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from byok.core.master_keys import MasterKeys, new_entry
from byok.core.vault import Vault
from byok.ground.db import Database
from byok.ground.tables import ApiKey, Erasure, KeyDraft
from byok.services.rotation import Rotation
from tests.security.conftest import Tally
from tests.security.threats import at_scale
from tests.services.key_world import KeyWorld

pytestmark = [pytest.mark.threat(8), pytest.mark.timeout(3600)]

SEALED = ("ciphertext", "nonce", "data_key", "data_key_nonce")
End = Callable[[KeyWorld, random.Random], set[bytes]]


@pytest.fixture
def world(db: Database, tmp_path: Path) -> Iterator[KeyWorld]:
    made = KeyWorld(db, home=tmp_path)
    made.openai_lists("gpt-5.4-mini")
    yield made
    made.close()


def long_or_short(dice: random.Random) -> SecretStr:
    """A key of any length that there may be: so that rows grow, shrink, and overflow their pages."""
    return SecretStr("sk-" + "".join(dice.choices("abcdefghijklmnopqrstuvwxyz0123456789", k=dice.randint(6, 500))))


def paste(world: KeyWorld, dice: random.Random, *, replaces: ApiKey | None = None) -> KeyDraft:
    wanted = replaces.id if replaces else None
    draft = world.keys.draft(world.ada, provider_id="openai", pasted=long_or_short(dice), replaces=wanted)
    return next(one for one in world.rows(KeyDraft) if one.id == draft.id)


def save(world: KeyWorld, dice: random.Random) -> ApiKey:
    draft = paste(world, dice)
    key = world.keys.save_draft(world.ada, draft.id, untested=True)
    return next(one for one in world.rows(ApiKey) if one.id == key.id)


def its_bytes(row: ApiKey | KeyDraft) -> set[bytes]:
    return {getattr(row, column) for column in SEALED}


def _delete(world: KeyWorld, dice: random.Random) -> set[bytes]:
    key = save(world, dice)
    world.keys.delete(world.ada, key.id)
    return its_bytes(key)


def _delete_with_a_draft(world: KeyWorld, dice: random.Random) -> set[bytes]:
    key = save(world, dice)
    draft = paste(world, dice, replaces=key)
    world.keys.delete(world.ada, key.id)
    return its_bytes(key) | its_bytes(draft)


def _replace(world: KeyWorld, dice: random.Random) -> set[bytes]:
    key = save(world, dice)
    draft = paste(world, dice, replaces=key)
    world.keys.save_draft(world.ada, draft.id, untested=True)
    return its_bytes(key)


def _discard(world: KeyWorld, dice: random.Random) -> set[bytes]:
    draft = paste(world, dice)
    world.keys.discard_draft(world.ada, draft.id)
    return its_bytes(draft)


def _expire(world: KeyWorld, dice: random.Random) -> set[bytes]:
    draft = paste(world, dice)
    world.clock.pass_(timedelta(hours=2))
    world.keys.retry_erasures()
    return its_bytes(draft)


ENDS: dict[str, End] = {
    "deleted": _delete,
    "deleted while a replacement waits": _delete_with_a_draft,
    "replaced": _replace,
    "a draft that was discarded": _discard,
    "a draft past its hour": _expire,
}


@pytest.mark.parametrize("end", ENDS)
@at_scale(200, few=3)
def test_no_byte_of_what_ended_is_in_any_file(world: KeyWorld, tally: Tally, tries: int, end: str) -> None:
    dice = random.Random(secrets.randbits(64))  # noqa: S311 - what is tried is no secret
    kept = [save(world, dice) for _ in range(3)]
    for number in range(tries):
        gone = ENDS[end](world, dice)
        world.settle()  # a list of models may just have been read, and held the log
        assert world.keys.retry_erasures()
        tally.tried(len(gone))
        left = world.files()
        if any(one in left for one in gone):
            tally.leaked(f"{end}, in turn {number}")
    assert world.rows(Erasure) == []
    assert all(key.ciphertext in world.files() for key in kept)


@at_scale(50, few=1)
def test_while_a_reader_holds_the_log_it_is_being_erased_and_afterwards_gone(
    world: KeyWorld, tally: Tally, tries: int
) -> None:
    dice = random.Random(secrets.randbits(64))  # noqa: S311
    for _ in range(tries):
        key = save(world, dice)
        world.settle()
        with world.db.read() as reader:
            reader.get(ApiKey, key.id)
            assert not world.keys.delete(world.ada, key.id).erased
            assert world.keys.erasing(world.ada) == 1
        assert world.keys.retry_erasures()
        assert world.keys.erasing(world.ada) == 0
        tally.tried(len(its_bytes(key)))
        left = world.files()
        if any(one in left for one in its_bytes(key)):
            tally.leaked("after a reader")


@at_scale(300, few=12)
def test_a_rotation_leaves_nothing_that_the_old_master_key_opens(
    db: Database, tmp_path: Path, tally: Tally, tries: int
) -> None:
    dice = random.Random(secrets.randbits(64))  # noqa: S311
    old, new = new_entry(), new_entry()
    world = KeyWorld(db, home=tmp_path, vault=Vault(MasterKeys.parse(old)))
    world.openai_lists("gpt-5.4-mini")
    try:
        for _ in range(tries):
            save(world, dice)
        world.settle()
        before = world.rows(ApiKey)
        assert Rotation(db=db, vault=Vault(MasterKeys.parse(f"{new},{old}"))).rotate().erased
        left = world.files()
        tally.tried(len(before))
        still = [key for key in before if key.data_key in left or key.data_key_nonce in left]
        if still:
            tally.leaked(f"{len(still)} data keys under the old master key")
        assert all(key.ciphertext in left for key in before)
    finally:
        world.close()


@at_scale(50, few=2)
def test_a_rotation_while_a_reader_holds_the_log_is_finished_once_he_is_gone(
    db: Database, tmp_path: Path, tally: Tally, tries: int
) -> None:
    dice, entries = random.Random(secrets.randbits(64)), [new_entry()]  # noqa: S311
    world = KeyWorld(db, home=tmp_path, vault=Vault(MasterKeys.parse(entries[0])))
    try:
        for _ in range(3):
            save(world, dice)
        for _ in range(tries):
            entries.insert(0, new_entry())
            world.settle()
            before = world.rows(ApiKey)
            with world.db.read() as reader:
                reader.get(ApiKey, before[0].id)
                done = Rotation(db=db, vault=Vault(MasterKeys.parse(",".join(entries))), patience=0).rotate()
                assert (done.erased, [mark.what for mark in world.rows(Erasure)]) == (False, ["rotation"])
                assert world.keys.erasing(world.ada) == 0  # no key was deleted
            assert world.keys.retry_erasures()  # as the app does every few seconds
            left = world.files()
            tally.tried(len(before))
            if any(key.data_key in left or key.data_key_nonce in left for key in before):
                tally.leaked("a data key under the old master key")
        assert world.rows(Erasure) == []
    finally:
        world.close()
