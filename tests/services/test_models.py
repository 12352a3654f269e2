from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from byok.core.local_model import LABEL
from byok.core.model_names import ModelName
from byok.ground.db import Database
from byok.ground.errors import InvalidInputError, NotAllowedError, NotFoundError, ProPlanNeededError, ProviderError
from byok.ground.tables import ModelMenu
from byok.services.access import Actor
from byok.services.chatbots import ChatbotFields
from byok.services.model_menus import LIFE, REST
from tests.services.key_world import KeyWorld, absent_model, fresh_key, fresh_master_keys

OWN = ModelName.parse("byok:openai/gpt-5.4-mini")


def names(world: KeyWorld, actor: Actor | None = None) -> list[str]:
    return [str(choice.name) for choice in world.models.menu(actor or world.max).choices]


def test_standard_models_come_first_and_own_ones_after_them(world: KeyWorld) -> None:
    world.saved()

    groups = [choice.group for choice in world.models.menu(world.max).choices]

    assert groups == ["Plan", "Your key · OpenAI"]


def test_a_member_sees_own_models_with_the_keys_label_and_hint_alone(world: KeyWorld) -> None:
    secret = fresh_key()
    world.saved("Team key", key=secret)

    choice = world.models.menu(world.max).find(OWN)

    assert choice is not None
    assert (choice.source, choice.key_label, choice.key_hint) == ("byok", "Team key", secret[-4:])
    assert secret not in repr(choice)


def test_the_menu_asks_no_provider(world: KeyWorld) -> None:
    world.saved()
    world.settle()
    asked = len(world.router.calls)

    world.models.menu(world.max)

    assert len(world.router.calls) == asked


def test_a_spare_keys_models_are_chosen_by_pinning_it(world: KeyWorld) -> None:
    world.saved("Team key")
    spare = world.saved("Spare")

    menu = world.models.menu(world.max)

    assert [c.key_id for c in menu.choices if c.source == "byok"] == [None, spare.id]
    pinned = menu.find(OWN, key_id=spare.id)
    assert pinned is not None
    assert pinned.key_label == "Spare"


def test_a_pin_still_finds_its_model_when_its_key_becomes_the_default(world: KeyWorld) -> None:
    world.saved("Team key")
    spare = world.saved("Spare")
    world.keys.make_default(world.ada, spare.id)

    found = world.models.menu(world.max).find(OWN, key_id=spare.id)

    assert found is not None
    assert (found.key_label, found.key_id) == ("Spare", None)


def test_without_a_pro_plan_there_are_standard_models_alone(world: KeyWorld) -> None:
    world.saved()
    world.set_plan("basic")

    assert names(world) == ["plan:local/smollm2-135m-instruct"]


def test_standard_models_without_a_platform_key_are_not_offered(db: Database, tmp_path: Path) -> None:
    world = KeyWorld(db, home=tmp_path, platform_keys={"mistral": SecretStr(fresh_key())})

    assert names(world) == ["plan:local/smollm2-135m-instruct", "plan:mistral/mistral-small-latest"]
    world.close()


def test_the_built_in_model_is_labelled_for_what_it_is(world: KeyWorld) -> None:
    assert world.models.menu(world.max).choices[0].about == LABEL


def test_without_its_packages_a_note_says_what_is_missing(db: Database, tmp_path: Path) -> None:
    world = KeyWorld(db, home=tmp_path, local=absent_model(tmp_path))

    menu = world.models.menu(world.max)

    assert menu.choices == []
    assert menu.notes == [world.local.missing]
    world.close()


def test_an_anthropic_key_opens_nothing_to_choose_and_a_note_says_so(world: KeyWorld) -> None:
    world.keys.save_draft(world.ada, world.paste(fresh_key("anthropic"), "anthropic"), label="Claude", untested=True)

    menu = world.models.menu(world.max)

    assert [c for c in menu.choices if c.source == "byok"] == []
    assert "cannot be chatted with" in menu.notes[0]


def test_an_unreadable_keys_models_are_gone_and_a_note_says_why(world: KeyWorld, db: Database, tmp_path: Path) -> None:
    world.saved("Team key")
    later = KeyWorld(db, home=tmp_path, master_keys=fresh_master_keys())

    menu = later.models.menu(later.max)

    assert [c for c in menu.choices if c.source == "byok"] == []
    assert menu.notes == ["OpenAI key “Team key”: needs to be entered again."]
    later.close()


def test_another_companys_models_are_not_in_the_menu(world: KeyWorld) -> None:
    world.saved()

    assert names(world, world.eve) == ["plan:local/smollm2-135m-instruct"]


def test_refreshing_fetches_the_list_again(any_world: KeyWorld) -> None:
    key = any_world.saved(models=["gpt-5.4-mini"])
    any_world.openai_lists("gpt-5.4-mini", "gpt-5.4")

    assert any_world.models.refresh(any_world.ada, key.id) == 2
    assert sorted(names(any_world))[:2] == ["byok:openai/gpt-5.4", "byok:openai/gpt-5.4-mini"]


def test_a_list_that_cannot_be_fetched_stays_and_is_marked_stale(any_world: KeyWorld) -> None:
    key = any_world.saved("Team key")
    any_world.openai_says(500)

    with pytest.raises(ProviderError):
        any_world.models.refresh(any_world.ada, key.id)

    menu = any_world.models.menu(any_world.max)
    found = menu.find(OWN)
    assert found is not None
    assert found.state == "stale"
    assert menu.notes[0].startswith(
        "OpenAI key “Team key”: its models could not be listed again; the list is of 2026-11-23 12:00 UTC."
    )


def test_a_first_list_that_fails_in_the_background_is_noted(world: KeyWorld) -> None:
    world.openai_says(500)

    world.keys.save_draft(world.ada, world.paste(fresh_key()), label="Team key", untested=True)
    world.settle()

    assert world.models.menu(world.max).notes[0].startswith("OpenAI key “Team key”: its models could not be listed.")


def test_a_list_that_was_fetched_again_is_not_stale_any_more(world: KeyWorld) -> None:
    key = world.saved()
    world.openai_says(500)
    with pytest.raises(ProviderError):
        world.models.refresh(world.ada, key.id)
    world.openai_lists("gpt-5.4-mini")

    world.models.refresh(world.ada, key.id)

    found = world.models.menu(world.max).find(OWN)
    assert found is not None
    assert found.state == "ok"
    assert world.models.menu(world.max).notes == []


def test_a_model_whose_day_has_passed_is_shown_as_retired(world: KeyWorld) -> None:
    key = world.saved()
    with world.db.write() as session:
        menu = session.get_one(ModelMenu, key.id)
        menu.models = [{"id": "gpt-5.4-mini", "name": "gpt-5.4-mini", "retires": "2026-11-23"}]
        session.add(menu)

    found = world.models.menu(world.max).find(OWN)

    assert found is not None
    assert found.state == "retired"


def test_only_an_admin_of_a_pro_company_can_refresh(world: KeyWorld) -> None:
    key = world.saved()

    with pytest.raises(NotAllowedError):
        world.models.refresh(world.max, key.id)
    with pytest.raises(NotFoundError):
        world.models.refresh(world.eve, key.id)
    world.set_plan("basic")
    with pytest.raises(ProPlanNeededError):
        world.models.refresh(world.ada, key.id)


def test_a_list_that_is_due_is_renewed_behind_whoever_looks(any_world: KeyWorld) -> None:
    any_world.saved(models=["gpt-5.4-mini"])
    any_world.openai_lists("gpt-5.4-mini", "gpt-6-luna")

    any_world.models.menu(any_world.max)
    any_world.settle()
    assert "byok:openai/gpt-6-luna" not in names(any_world)  # its time has not come

    any_world.clock.pass_(LIFE)
    assert "byok:openai/gpt-6-luna" not in names(any_world)  # the old list at once, the new one behind it
    any_world.settle()
    assert "byok:openai/gpt-6-luna" in names(any_world)


def test_of_many_who_look_at_once_one_fetches(any_world: KeyWorld) -> None:
    any_world.saved()
    any_world.clock.pass_(LIFE)
    asked = len(any_world.router.calls)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: any_world.models.menu(any_world.max), range(16)))
    any_world.settle()

    assert len(any_world.router.calls) == asked + 1


def test_two_processes_fetch_a_list_once(any_world: KeyWorld, tmp_path: Path) -> None:
    any_world.saved()
    any_world.clock.pass_(LIFE)
    other = KeyWorld(any_world.db, home=tmp_path / "other", clock=any_world.clock, vault=any_world.vault)
    other.openai_lists("gpt-5.4-mini")
    asked = len(any_world.router.calls)

    any_world.models.menu(any_world.max)
    any_world.settle()
    other.models.menu(other.max)
    other.settle()

    assert len(any_world.router.calls) + len(other.router.calls) == asked + 1
    other.close()


def test_after_a_failure_a_list_rests_before_it_is_fetched_again(world: KeyWorld) -> None:
    world.saved()
    world.openai_says(500)
    world.clock.pass_(LIFE)
    world.models.menu(world.max)
    world.settle()
    asked = len(world.router.calls)

    world.models.menu(world.max)
    world.settle()
    assert len(world.router.calls) == asked

    world.clock.pass_(REST)
    world.models.menu(world.max)
    world.settle()
    assert len(world.router.calls) == asked + 1


def test_a_company_without_pro_has_no_list_renewed(world: KeyWorld) -> None:
    world.saved()
    world.set_plan("basic")
    world.clock.pass_(LIFE)
    asked = len(world.router.calls)

    world.models.menu(world.max)
    world.settle()

    assert len(world.router.calls) == asked


def test_a_model_that_disappears_is_found_as_retired_with_its_day_and_not_offered_anew(any_world: KeyWorld) -> None:
    key = any_world.saved(models=["gpt-5.4-mini", "gpt-5.4"])
    any_world.clock.pass_(timedelta(days=2))
    any_world.openai_lists("gpt-5.4")

    any_world.models.refresh(any_world.ada, key.id)
    any_world.models.refresh(any_world.ada, key.id)

    found = any_world.models.menu(any_world.max).find(OWN)
    assert found is not None
    assert (found.state, found.about) == ("retired", "no longer in OpenAI's list since 2026-11-25")


def test_a_model_that_comes_back_is_as_it_was(world: KeyWorld) -> None:
    key = world.saved(models=["gpt-5.4-mini", "gpt-5.4"])
    for listed in (["gpt-5.4"], ["gpt-5.4", "gpt-5.4-mini"]):
        world.openai_lists(*listed)
        world.models.refresh(world.ada, key.id)

    menu = world.models.menu(world.max)
    assert [(str(c.name), c.state) for c in menu.choices if c.source == "byok"] == [
        ("byok:openai/gpt-5.4", "ok"),
        ("byok:openai/gpt-5.4-mini", "ok"),
    ]


def test_a_list_that_is_suddenly_empty_is_not_believed(world: KeyWorld) -> None:
    key = world.saved()
    world.openai_lists()

    with pytest.raises(ProviderError, match="without any chat model"):
        world.models.refresh(world.ada, key.id)

    found = world.models.menu(world.max).find(OWN)
    assert found is not None
    assert found.state == "stale"


def test_a_chatbot_keeps_its_model_when_that_leaves_the_list(world: KeyWorld) -> None:
    key = world.saved(models=["gpt-5.4-mini", "gpt-5.4"])
    bot = world.chatbots.create(world.ada, ChatbotFields(name="Bot", model=OWN))
    world.openai_lists("gpt-5.4")
    world.models.refresh(world.ada, key.id)

    (kept,) = world.chatbots.list(world.max)
    assert (kept.id, kept.model, kept.model_state) == (bot.id, OWN, "ok")


def test_where_no_list_ever_came_a_models_id_can_be_typed(world: KeyWorld) -> None:
    world.openai_says(500)
    world.keys.save_draft(world.ada, world.paste(fresh_key()), label="Team key", untested=True)
    world.settle()

    menu = world.models.menu(world.max)
    (key,) = menu.unlisted
    choice = key.typed("  gpt-5.4-mini ")

    assert (choice.name, choice.key_hint, choice.group) == (OWN, key.hint, "Your key · OpenAI")
    assert menu.find(OWN) == choice
    assert "type a model's id" in menu.notes[0]


@pytest.mark.parametrize("text", ["", "  ", "two words", "line\nbreak", "x" * 201, "nul\0"])
def test_what_cannot_be_a_models_id_is_refused(world: KeyWorld, text: str) -> None:
    world.openai_says(500)
    world.keys.save_draft(world.ada, world.paste(fresh_key()), label="Team key", untested=True)
    world.settle()

    with pytest.raises(InvalidInputError, match="cannot be the id of a model of OpenAI"):
        world.models.menu(world.max).unlisted[0].typed(text)


def test_once_a_list_has_come_nothing_needs_to_be_typed(world: KeyWorld) -> None:
    world.saved()

    assert world.models.menu(world.max).unlisted == []


def test_a_model_that_was_never_listed_is_found_with_its_key_and_without_it_is_not(world: KeyWorld) -> None:
    key = world.saved()
    secret_model = ModelName.parse("byok:openai/ft:mine")

    found = world.models.menu(world.max).find(secret_model)
    assert found is not None
    assert (found.state, found.about) == ("retired", "not in OpenAI's list")

    world.keys.delete(world.ada, key.id)
    assert world.models.menu(world.max).find(secret_model) is None
