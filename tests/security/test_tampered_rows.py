"""A row whose bits were changed: every flip, every cut and random bytes are refused, all by the one error."""

from __future__ import annotations

import dataclasses
import random
import secrets
from functools import partial
from typing import Any

import pytest

from byok.core.master_keys import new_entry
from byok.core.vault import Place, Sealed
from byok.ground.ids import new_id
from byok.ground.tables.secret_columns import SEALED
from tests.security.conftest import Tally
from tests.security.sealed_things import SECRET, garbage, new_vault, opened, refused, sealed_columns
from tests.security.threats import at_scale

pytestmark = pytest.mark.threat(3)

PLACE = Place(new_id(), new_id(), "openai", "https://api.openai.com")


def flips(whole: bytes) -> list[bytes]:
    """The bytes with one bit changed, for each bit."""
    return [whole[:i] + bytes([whole[i] ^ 1 << bit]) + whole[i + 1 :] for i in range(len(whole)) for bit in range(8)]


def test_every_flipped_bit_every_cut_and_every_longer_one_of_every_sealed_column_is_refused(tally: Tally) -> None:
    columns = list(sealed_columns(new_vault()))
    drafts_are_sealed_alike = {f"key_draft.{column}" for column in SEALED["key_draft"]}
    listed = {f"{table}.{column}" for table, columns in SEALED.items() for column in columns}
    assert {column.name for column in columns} == listed - drafts_are_sealed_alike
    for column in columns:
        assert column.open(column.whole)  # it opens as it is
        cut = [column.whole[:i] for i in range(len(column.whole))] + [column.whole[i:] for i in range(1, 25)]
        longer = [column.whole + more for more in (b"\0", b"\xff", column.whole)]
        for changed in [*flips(column.whole), *cut, *longer]:
            tally.tried()
            if not refused(partial(column.open, changed)):
                tally.leaked(column.name)


def test_every_other_name_of_a_master_key_and_every_other_version_is_refused(tally: Tally) -> None:
    vault = new_vault()
    sealed = vault.seal(SECRET, place=PLACE)
    name = sealed.master_key_id.encode()
    others: list[dict[str, Any]] = [{"master_key_id": other.decode("latin-1")} for other in flips(name)]
    others += [{"master_key_id": name[:i].decode()} for i in range(len(name))]
    others += [{"seal_version": version} for version in (-1, 0, 2, 257, None)]
    for changes in others:
        tally.tried()
        if not refused(partial(opened, vault, dataclasses.replace(sealed, **changes), PLACE)):
            tally.leaked(str(changes))


@at_scale(3_000_000, few=3000)
def test_random_bytes_are_refused_by_the_one_error(tally: Tally, tries: int) -> None:
    vault, dice = new_vault(), random.Random(secrets.randbits(64))  # noqa: S311 - what is tried is no secret
    sealed = vault.seal(SECRET, place=PLACE)
    columns = list(sealed_columns(vault))[4:]
    for number in range(tries):
        tally.tried()
        if number % 3 == 0:
            held = refused(partial(opened, vault, garbage(dice.randbytes, vault), PLACE))
        elif number % 3 == 1:
            held = refused(partial(opened, vault, _spoilt(sealed, dice), PLACE))
        else:
            column = columns[dice.randrange(len(columns))]
            held = refused(partial(column.open, _spoil(column.whole, dice)))
        if not held:
            tally.leaked(f"blob {number}")


def test_a_key_that_was_sealed_twice_opens_with_no_mixture_of_the_two(tally: Tally) -> None:
    vault = new_vault()
    one, other = vault.seal(SECRET, place=PLACE), vault.seal(SECRET, place=PLACE)
    names = ("data_key", "data_key_nonce", "ciphertext", "nonce")
    for mask in range(1, 15):
        mixed = dataclasses.replace(
            one, **{name: getattr(other, name) for i, name in enumerate(names) if mask >> i & 1}
        )
        tally.tried()
        if not refused(partial(opened, vault, mixed, PLACE)):
            tally.leaked(f"mixture {mask:04b}")


def test_what_is_sealed_anew_was_whole_before(tally: Tally) -> None:
    """A rotation and a rebinding open the data key: neither gives a spoilt row a new, good seal."""
    old, new = new_entry(), new_entry()
    sealed, vault = new_vault(old).seal(SECRET, place=PLACE), new_vault(new, old)
    assert opened(vault, vault.reseal(sealed, place=PLACE), PLACE) == SECRET.get_secret_value()
    for name in ("data_key", "data_key_nonce"):
        for changed in flips(getattr(sealed, name)):
            columns: dict[str, Any] = {name: changed}
            row = dataclasses.replace(sealed, **columns)
            tally.tried(2)
            if not refused(partial(vault.reseal, row, place=PLACE)):
                tally.leaked("rotation")
            if not refused(partial(vault.rebind, row, place=PLACE, origin="https://elsewhere.example")):
                tally.leaked("rebinding")


def _spoilt(sealed: Sealed, dice: random.Random) -> Sealed:
    """The row with one of its columns spoilt."""
    name = dice.choice(("data_key", "data_key_nonce", "ciphertext", "nonce"))
    columns: dict[str, Any] = {name: _spoil(getattr(sealed, name), dice)}
    return dataclasses.replace(sealed, **columns)


def _spoil(whole: bytes, dice: random.Random) -> bytes:
    """The bytes with some of them replaced, always by others."""
    start = dice.randrange(len(whole))
    length = dice.randint(1, len(whole) - start)
    other = bytes(byte ^ dice.randint(1, 255) for byte in whole[start : start + length])
    return whole[:start] + other + whole[start + length :]
