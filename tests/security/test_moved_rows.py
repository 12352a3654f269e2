"""A row copied to another company, row, provider or address: it opens at its own place alone."""

from __future__ import annotations

import dataclasses
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from byok.core.vault import Place
from byok.ground.db import Database
from byok.ground.ids import new_id
from byok.ground.tables import ApiKey
from byok.ground.tables.types import metadata
from tests.security.conftest import Tally
from tests.security.sealed_things import SECRET, new_vault, opened, packed_columns, refused
from tests.security.threats import at_scale
from tests.services.key_world import KeyWorld, fresh_key

pytestmark = pytest.mark.threat(2)

ROWS = 20
FIELDS = ("company_id", "row_id", "provider_id", "origin")
COPIED = ("seal_version", "master_key_id", "data_key", "data_key_nonce", "ciphertext", "nonce")
RESTORED = (*COPIED, "company_id", "provider_id", "origin", "is_default")


def test_of_20_rows_none_opens_at_anything_of_the_place_of_another(tally: Tally) -> None:
    vault = new_vault()
    places = [Place(new_id(), new_id(), f"p{n}", f"https://p{n}.example") for n in range(ROWS)]
    rows = [vault.seal(SECRET, place=place) for place in places]
    assert all(opened(vault, row, place) for row, place in zip(rows, places, strict=True))
    for mine, theirs in product(range(ROWS), repeat=2):
        if mine == theirs:
            continue
        for moved in range(1, 2 ** len(FIELDS)):
            fields = [field for i, field in enumerate(FIELDS) if moved >> i & 1]
            place = dataclasses.replace(places[mine], **{field: getattr(places[theirs], field) for field in fields})
            tally.tried()
            if vault.readable(rows[mine], place=place):
                tally.leaked(f"row {mine} at {', '.join(fields)} of {theirs}")
            if moved in (1, 2, 4, 8, 15) and not refused(partial(opened, vault, rows[mine], place)):
                tally.leaked(f"row {mine} opened at {', '.join(fields)} of {theirs}")


def test_of_20_companies_chains_and_master_keys_none_opens_what_is_anothers(tally: Tally) -> None:
    vault = new_vault()
    kinds = list(zip(*(packed_columns(vault, company_id=new_id()) for _ in range(ROWS)), strict=True))
    company_keys, chain_keys, checks = kinds
    for columns in (company_keys, chain_keys):
        for mine, theirs in product(columns, repeat=2):
            if mine is not theirs:
                tally.tried()
                if not refused(partial(mine.open, theirs.whole)):
                    tally.leaked(mine.name)
    for one, other in product((company_keys[0], chain_keys[0], checks[0]), repeat=2):
        if one is not other:
            tally.tried()
            if not refused(partial(one.open, other.whole)):
                tally.leaked(f"{other.name} as {one.name}")


def test_borders_between_the_fields_cannot_be_shifted(tally: Tally) -> None:
    vault = new_vault()
    place = Place(new_id(), new_id(), "openai", "https://api.openai.com")
    row = vault.seal(SECRET, place=place)
    whole = place.provider_id + place.origin
    for border in range(len(whole) + 1):
        shifted = dataclasses.replace(place, provider_id=whole[:border], origin=whole[border:])
        if shifted != place:
            tally.tried()
            if vault.readable(row, place=shifted):
                tally.leaked(f"border at {border}")


@at_scale(ROWS, few=4)
def test_rows_copied_in_the_database_are_never_sent_with(
    db: Database, tmp_path: Path, tally: Tally, tries: int
) -> None:
    """Whoever can write to the tables copies sealed columns over those of every other row: key, company, provider."""
    overlay = tmp_path / "own.toml"
    names = [f"p{number}" for number in range(tries)]
    overlay.write_text("".join(f'[{n}]\nname = "{n}"\nbase_url = "https://{n}.example/v1"\n' for n in names))
    world = KeyWorld(db, home=tmp_path, overlay=overlay)
    world.router.route().respond(json={"object": "list", "data": []})  # whatever is sent would be taken
    try:
        whose = [(world.ada, world.northwind), (world.eve, world.rival)]
        ids: list[tuple[UUID, Any]] = []
        for number, name in enumerate(names):
            actor, _ = whose[number % 2]
            for provider_id in (name, "openai"):
                draft = world.paste(fresh_key(), provider_id, by=actor)
                ids.append((world.keys.save_draft(actor, draft, untested=True).id, actor))
        world.settle()
        asked = len(world.router.calls)
        rows = {key.id: key for key in world.rows(ApiKey)}
        assert all(view.readable for actor, _ in whose for view in world.keys.list(actor))
        for (mine, _), (theirs, their_owner) in product(ids, repeat=2):
            if mine == theirs:
                continue
            for fields in (COPIED, (*COPIED, "provider_id", "origin")):
                copied = {name: getattr(rows[mine], name) for name in fields}
                _write(db, theirs, {**copied, "is_default": False})
                tally.tried()
                if world.keys.test(their_owner, theirs).verdict != "unreadable":
                    tally.leaked("a copied row was not refused")
                _write(db, theirs, {name: getattr(rows[theirs], name) for name in RESTORED})
        for mine, _ in ids:
            before = rows[mine]
            thief, other = whose[before.company_id == world.northwind]
            _write(db, mine, {"company_id": other, "is_default": False})
            tally.tried()
            if world.keys.test(thief, mine).verdict != "unreadable":
                tally.leaked("a row given to another company was not refused")
            _write(db, mine, {name: getattr(before, name) for name in RESTORED})
        assert len(world.router.calls) == asked
        assert all(view.readable for actor, _ in whose for view in world.keys.list(actor))
    finally:
        world.close()


def _write(db: Database, key_id: UUID, values: dict[str, Any]) -> None:
    keys = metadata.tables["api_key"]
    with db.write_core() as connection:
        connection.execute(sa.update(keys).where(keys.c.id == key_id).values(values))
