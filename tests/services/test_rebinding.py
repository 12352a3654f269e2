"""A provider's address moves: its keys are dead until they are bound to the new one on purpose, and then work there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlmodel import select

from byok.core.audit import Chains
from byok.ground.db import Database
from byok.ground.errors import NotFoundError
from byok.ground.tables import ApiKey, AuditEvent
from byok.services.rebinding import Move, Rebinding, Rebound
from tests.services.key_world import KeyWorld, fresh_key

NEW = "https://gateway.example"


@pytest.fixture
def moved(any_world: KeyWorld, any_db: Database, tmp_path: Path) -> Iterator[KeyWorld]:
    """Two keys of Northwind and one of Rival, in a process that starts after OpenAI's address was changed."""
    any_world.openai_lists("gpt-5.4-mini")
    for actor in (any_world.ada, any_world.ada, any_world.eve):
        draft = any_world.paste(fresh_key(), by=actor)
        any_world.keys.save_draft(actor, draft, untested=True)
    any_world.settle()
    overlay = tmp_path / "own.toml"
    overlay.write_text(f'[openai]\nbase_url = "{NEW}/v1"\n')
    made = KeyWorld(any_db, home=tmp_path, overlay=overlay, vault=any_world.vault)
    made.router.get(f"{NEW}/v1/models").respond(json={"object": "list", "data": [{"id": "gpt-5.4-mini"}]})
    yield made
    made.close()


def rebinding(world: KeyWorld) -> Rebinding:
    chains = Chains(vault=world.vault)
    return Rebinding(db=world.db, vault=world.vault, chains=chains, catalogue=world.catalogue, clock=world.clock)


def events(world: KeyWorld, company_id: UUID) -> list[AuditEvent]:
    with world.db.read() as session:
        query = select(AuditEvent).where(AuditEvent.chain_id == company_id, AuditEvent.action == "key.rebound")
        return list(session.exec(query))


def test_it_says_first_which_keys_would_go_where(moved: KeyWorld) -> None:
    origin = "https://api.openai.com"
    assert rebinding(moved).moves("openai") == [
        Move("northwind", "openai", origin, NEW, 2),
        Move("rival", "openai", origin, NEW, 1),
    ]
    assert [move.keys for move in rebinding(moved).moves("openai", company_id=moved.rival)] == [1]
    with pytest.raises(NotFoundError):
        rebinding(moved).moves("nobody")


def test_a_key_is_sent_to_the_new_address_after_it_was_bound_to_it_and_not_before(moved: KeyWorld) -> None:
    keys = moved.keys.list(moved.ada)
    assert {key.status for key in keys} == {"needs to be entered again"}
    assert moved.keys.test(moved.ada, keys[0].id).verdict == "unreadable"
    assert len(moved.router.calls) == 0
    before = {key.id: key for key in moved.rows(ApiKey)}

    assert rebinding(moved).rebind("openai") == Rebound(rebound=3)

    assert moved.keys.test(moved.ada, keys[0].id).verdict == "accepted"
    assert {call.request.url.host for call in moved.router.calls} == {"gateway.example"}
    for after in moved.rows(ApiKey):
        its = before[after.id].model_dump()
        changed = {name for name, value in after.model_dump().items() if value != its[name]}
        assert changed - {"verdict", "detail", "proof", "not_proven", "models_open", "test_ms", "tested_at"} == {
            "origin",
            "data_key",
            "data_key_nonce",
        }


def test_each_is_in_the_audit_log_of_its_company(moved: KeyWorld) -> None:
    rebinding(moved).rebind("openai")
    ours, theirs = events(moved, moved.northwind), events(moved, moved.rival)
    assert (len(ours), len(theirs)) == (2, 1)
    fingerprints = {key.fingerprint.hex()[:16] for key in moved.rows(ApiKey) if key.company_id == moved.northwind}
    assert {event.fingerprint for event in ours} == fingerprints
    assert {event.detail for event in ours} == {f"OpenAI, from https://api.openai.com to {NEW}"}


def test_another_companys_keys_stay_where_they_are(moved: KeyWorld) -> None:
    assert rebinding(moved).rebind("openai", company_id=moved.rival) == Rebound(rebound=1)
    assert [key.readable for key in moved.keys.list(moved.ada)] == [False, False]
    assert [key.readable for key in moved.keys.list(moved.eve)] == [True]


def test_a_second_time_there_is_nothing_to_do(moved: KeyWorld) -> None:
    rebinding(moved).rebind("openai")
    assert rebinding(moved).moves("openai") == []
    assert rebinding(moved).rebind("openai") == Rebound()
    assert len(events(moved, moved.northwind)) == 2


@pytest.mark.parametrize("changes", [{"origin": "https://forged.example"}, {"data_key": bytes(48)}], ids=str)
def test_a_row_that_was_tampered_with_is_not_bound_to_anything(moved: KeyWorld, changes: dict[str, Any]) -> None:
    with moved.db.write() as session:
        row = session.exec(select(ApiKey).where(ApiKey.company_id == moved.rival)).one()
        for name, value in changes.items():
            setattr(row, name, value)
    assert rebinding(moved).rebind("openai") == Rebound(rebound=2, unreadable=1)
    assert [key.readable for key in moved.keys.list(moved.eve)] == [False]
    assert events(moved, moved.rival) == []
