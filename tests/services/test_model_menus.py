"""Lists that are renewed: one fetch at a time, rests that grow, and no list that was cut or spoilt is believed."""

from __future__ import annotations

import asyncio
import threading
from datetime import timedelta

import httpx
import pytest
from pydantic import SecretStr

from byok.ground.errors import ProviderError
from byok.ground.tables import ApiKey, ModelMenu
from byok.services.key_use import KeyUse
from byok.services.model_menus import LIFE, REST, ModelMenus
from tests.services.key_world import KeyWorld, fresh_key

LIST = "https://api.openai.com/v1/models"
MANY = [f"gpt-{number}" for number in range(10)]


def ids(world: KeyWorld) -> list[str]:
    """The models of the only list, as it is kept."""
    (menu,) = world.rows(ModelMenu)
    return [row["id"] for row in menu.models]


def look(world: KeyWorld) -> int:
    """Looks at the menu, and waits for what that began: how many requests it came to."""
    before = len(world.router.calls)
    world.models.menu(world.max)
    world.settle()
    return len(world.router.calls) - before


def test_a_key_saved_untested_has_its_first_list_fetched_once_whoever_looks_meanwhile(any_world: KeyWorld) -> None:
    any_world.openai_lists("gpt-5.4-mini")
    draft = any_world.paste(fresh_key())

    any_world.keys.save_draft(any_world.ada, draft, label="Team key", untested=True)
    for _ in range(5):
        any_world.models.menu(any_world.max)
    any_world.settle()

    assert len(any_world.router.calls) == 1
    assert ids(any_world) == ["gpt-5.4-mini"]


def test_a_first_list_that_is_still_on_its_way_is_not_called_a_failure(world: KeyWorld) -> None:
    gate = threading.Event()

    async def answer(_: httpx.Request) -> httpx.Response:
        await asyncio.to_thread(gate.wait, 10)
        return httpx.Response(200, json={"object": "list", "data": [{"id": "gpt-5.4-mini", "object": "model"}]})

    world.router.get(LIST).mock(side_effect=answer)
    world.keys.save_draft(world.ada, world.paste(fresh_key()), label="Team key", untested=True)
    meanwhile = world.models.menu(world.max)
    gate.set()
    world.settle()

    assert meanwhile.notes[0] == "OpenAI key “Team key”: its models are not listed yet."
    assert len(meanwhile.unlisted) == 1
    assert not any("Team key" in note for note in world.models.menu(world.max).notes)


def test_a_replaced_secret_has_its_list_fetched_though_the_old_one_was_not_due(world: KeyWorld) -> None:
    key = world.saved(models=["old-one"])
    world.openai_lists("new-one")
    pasted = SecretStr(fresh_key())
    draft = world.keys.draft(world.ada, provider_id="openai", pasted=pasted, replaces=key.id)

    world.keys.save_draft(world.ada, draft.id, untested=True)
    world.settle()

    assert ids(world) == ["new-one"]


def test_a_secret_that_was_replaced_before_its_renewal_began_is_not_sent(world: KeyWorld) -> None:
    world.saved()
    world.clock.pass_(LIFE)
    (before,) = world.rows(ApiKey)
    with world.db.write() as session:
        row = session.get_one(ApiKey, before.id)
        row.nonce = bytes(24)
        session.add(row)
    use = KeyUse(catalogue=world.catalogue, vault=world.vault, local=world.local)
    menus = ModelMenus(db=world.db, use=use, wire=world.wire, loop=world.loop, clock=world.clock)
    asked = len(world.router.calls)

    menus.renew([before])
    world.settle()

    assert len(world.router.calls) == asked


def test_the_longer_a_list_fails_the_longer_it_rests(world: KeyWorld) -> None:
    world.saved()
    world.openai_says(500)
    world.clock.pass_(LIFE)
    rests = []
    for _ in range(12):
        assert look(world) == 1
        (menu,) = world.rows(ModelMenu)
        assert menu.due_at is not None
        rests.append(menu.due_at - world.clock())
        world.clock.pass_(rests[-1] - timedelta(seconds=1))
        assert look(world) == 0
        world.clock.pass_(timedelta(seconds=1))

    assert rests[:2] == [REST, REST]
    assert rests == sorted(rests)
    assert rests[-1] == LIFE


@pytest.mark.parametrize(("said", "rest"), [("3600", timedelta(hours=1)), ("1e14", LIFE)])
def test_a_provider_that_says_when_to_come_back_is_left_alone_until_then(
    world: KeyWorld, said: str, rest: timedelta
) -> None:
    world.saved()
    world.router.get(LIST).respond(429, headers={"retry-after": said}, json={"error": {"message": "slow down"}})
    world.clock.pass_(LIFE)
    look(world)

    (menu,) = world.rows(ModelMenu)
    assert menu.due_at == world.clock() + rest


def test_a_list_that_lacks_most_models_is_believed_when_it_comes_again_later(any_world: KeyWorld) -> None:
    key = any_world.saved(models=MANY)
    any_world.openai_lists(*MANY[:4])

    for _ in range(2):  # pressing twice is no proof
        with pytest.raises(ProviderError, match="without most of the models that were in it"):
            any_world.models.refresh(any_world.ada, key.id)
    assert ids(any_world) == MANY

    any_world.clock.pass_(REST)
    assert any_world.models.refresh(any_world.ada, key.id) == 4
    (menu,) = any_world.rows(ModelMenu)
    assert ids(any_world) == MANY[:4]
    assert {row["id"] for row in menu.gone} == set(MANY[4:])


def test_a_list_that_lacks_half_of_the_models_is_believed_at_once(world: KeyWorld) -> None:
    key = world.saved(models=MANY)
    world.openai_lists(*MANY[:5])

    assert world.models.refresh(world.ada, key.id) == 5


@pytest.mark.parametrize("listed", [[], MANY[:1]])
def test_a_test_of_the_key_that_lists_hardly_a_model_does_not_spoil_the_list(
    world: KeyWorld, listed: list[str]
) -> None:
    key = world.saved(models=MANY)
    world.openai_lists(*listed)

    assert world.keys.test(world.ada, key.id).verdict == "accepted"

    assert ids(world) == MANY
