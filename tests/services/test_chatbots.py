from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest

from byok.core.model_names import ModelName
from byok.ground.errors import (
    InvalidInputError,
    ModelGoneError,
    NotAllowedError,
    NotFoundError,
    ProPlanNeededError,
)
from byok.ground.tables import Chatbot
from byok.services.chatbots import ChatbotFields, ChatbotView
from tests.services.key_world import KeyWorld

OWN = ModelName.parse("byok:openai/gpt-5.4-mini")
BUILT_IN = ModelName.parse("plan:local/smollm2-135m-instruct")


def made(
    world: KeyWorld, name: str = "Helpdesk", model: ModelName | None = OWN, key: UUID | None = None
) -> ChatbotView:
    return world.chatbots.create(world.ada, ChatbotFields(name=name, model=model, key_id=key))


def test_a_chatbot_is_made_with_what_was_set_and_nothing_else(any_world: KeyWorld) -> None:
    bot = any_world.chatbots.create(any_world.ada, ChatbotFields(name="  Help  desk ", system_prompt=" Be brief.\n"))

    [row] = any_world.rows(Chatbot)
    assert (row.name, row.system_prompt, row.model, row.temperature, row.max_tokens) == (
        "Help desk",
        "Be brief.",
        None,
        None,
        None,
    )
    assert bot.model_state == "none"
    assert any_world.chatbots.get(any_world.max, bot.id) == bot


def test_a_chatbots_name_is_one_that_can_be_shown_and_its_prompt_one_that_can_be_kept(any_world: KeyWorld) -> None:
    for name in ("Help\0desk", "\x1b[2JHelpdesk"):
        with pytest.raises(InvalidInputError, match="printable"):
            made(any_world, name, model=None)
    assert any_world.chatbots.list(any_world.ada) == []
    bot = any_world.chatbots.create(any_world.ada, ChatbotFields(name="Helpdesk", system_prompt="Be\0brief."))
    assert bot.system_prompt == "Be\ufffdbrief."


def test_a_chatbot_can_have_an_own_model_as_its_default(world: KeyWorld) -> None:
    world.saved()

    bot = made(world)

    assert (bot.model, bot.model_state, bot.model_reason) == (OWN, "ok", "")


def test_a_chatbot_whose_key_was_deleted_says_so_and_is_not_moved(world: KeyWorld) -> None:
    key = world.saved()
    world.saved("Spare")
    bot = made(world)

    world.keys.delete(world.ada, key.id)

    after = world.chatbots.get(world.max, bot.id)
    assert (after.model, after.model_state) == (OWN, "gone")
    assert "None of your OpenAI keys is the default" in after.model_reason


def test_a_chatbot_pinned_to_a_deleted_key_does_not_take_the_default_one(world: KeyWorld) -> None:
    world.saved()
    spare = world.saved("Spare")
    bot = made(world, key=spare.id)
    assert bot.key_label == "Spare"

    world.keys.delete(world.ada, spare.id)

    after = world.chatbots.get(world.max, bot.id)
    assert (after.model_state, after.key_id, after.key_label) == ("gone", spare.id, None)


def test_after_a_downgrade_a_chatbot_with_an_own_model_says_why_it_cannot_answer(world: KeyWorld) -> None:
    world.saved()
    bot = made(world)
    world.set_plan("basic")

    after = world.chatbots.get(world.ada, bot.id)

    assert (after.model_state, after.model_reason) == ("gone", "Own keys are not part of the Basic plan.")


def test_a_chatbot_with_a_gone_model_can_be_renamed(world: KeyWorld) -> None:
    key = world.saved()
    bot = made(world)
    world.keys.delete(world.ada, key.id)

    after = world.chatbots.edit(world.ada, bot.id, ChatbotFields(name="Sales", model=OWN))

    assert (after.name, after.model_state) == ("Sales", "gone")


def test_a_gone_model_cannot_be_chosen_anew(world: KeyWorld) -> None:
    bot = made(world, model=BUILT_IN)

    with pytest.raises(ModelGoneError):
        world.chatbots.edit(world.ada, bot.id, ChatbotFields(name="Helpdesk", model=OWN))

    assert world.chatbots.get(world.ada, bot.id).model == BUILT_IN


def test_an_own_model_cannot_be_chosen_on_a_plan_without_own_keys(world: KeyWorld) -> None:
    world.set_plan("basic")

    with pytest.raises(ProPlanNeededError):
        made(world)


def test_editing_sets_every_field(any_world: KeyWorld) -> None:
    bot = made(any_world, model=BUILT_IN)
    fields = ChatbotFields(name="Sales", system_prompt="Sell.", model=BUILT_IN, temperature=0.0, max_tokens=1)

    any_world.chatbots.edit(any_world.ada, bot.id, fields)
    assert any_world.rows(Chatbot)[0].temperature == 0.0

    cleared = any_world.chatbots.edit(any_world.ada, bot.id, ChatbotFields(name="Sales"))
    assert (cleared.temperature, cleared.max_tokens, cleared.model, cleared.system_prompt) == (None, None, None, "")


def test_another_model_can_be_named_for_when_the_plan_is_used_up(any_world: KeyWorld) -> None:
    any_world.saved()
    spare = any_world.saved("Spare")
    fields = ChatbotFields(name="Helpdesk", model=BUILT_IN, fallback=OWN, fallback_key_id=spare.id)

    bot = any_world.chatbots.create(any_world.ada, fields)

    assert (bot.fallback, bot.fallback_key_id, bot.fallback_reason) == (OWN, spare.id, "")
    assert any_world.chatbots.get(any_world.max, bot.id) == bot
    cleared = any_world.chatbots.edit(any_world.ada, bot.id, ChatbotFields(name="Helpdesk", model=BUILT_IN))
    assert (cleared.fallback, cleared.fallback_key_id) == (None, None)
    [row] = any_world.rows(Chatbot)
    assert (row.fallback_model, row.fallback_key_id) == (None, None)


def test_unless_it_is_set_a_chatbot_names_no_other_model(world: KeyWorld) -> None:
    assert made(world, model=BUILT_IN).fallback is None


def test_a_fallback_is_judged_like_the_default_model(world: KeyWorld) -> None:
    fields = ChatbotFields(name="Helpdesk", model=BUILT_IN, fallback=OWN)
    with pytest.raises(ModelGoneError, match="There is no OpenAI key any more"):
        world.chatbots.create(world.ada, fields)
    key = world.saved()
    bot = world.chatbots.create(world.ada, fields)

    world.keys.delete(world.ada, key.id)

    after = world.chatbots.get(world.max, bot.id)
    assert (after.fallback, after.model_state, after.fallback_reason) == (OWN, "ok", "There is no OpenAI key any more.")
    kept = world.chatbots.edit(world.ada, bot.id, replace(fields, name="Sales"))
    assert (kept.name, kept.fallback) == ("Sales", OWN)
    with pytest.raises(ModelGoneError):
        world.chatbots.edit(world.ada, bot.id, replace(fields, fallback=ModelName.parse("byok:openai/another")))


def test_after_a_downgrade_a_fallback_on_an_own_key_says_why_it_cannot_answer(world: KeyWorld) -> None:
    world.saved()
    bot = world.chatbots.create(world.ada, ChatbotFields(name="Helpdesk", model=BUILT_IN, fallback=OWN))
    world.set_plan("basic")
    assert world.chatbots.get(world.ada, bot.id).fallback_reason == "Own keys are not part of the Basic plan."
    world.set_plan("pro")
    assert world.chatbots.get(world.ada, bot.id) == bot


@pytest.mark.parametrize(
    ("model", "fallback", "why"),
    [
        (BUILT_IN, BUILT_IN, "instead of itself"),
        (OWN, OWN, "instead of itself"),
        (BUILT_IN, ModelName.parse("plan:openai/gpt-5.4-mini"), "Both models draw down the plan"),
    ],
)
def test_a_fallback_that_could_never_answer_is_refused(
    world: KeyWorld, model: ModelName, fallback: ModelName, why: str
) -> None:
    world.saved()
    with pytest.raises(InvalidInputError, match=why) as refused:
        world.chatbots.create(world.ada, ChatbotFields(name="Helpdesk", model=model, fallback=fallback))
    assert refused.value.field == "fallback"


FINE = ChatbotFields(name="Helpdesk")


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        (replace(FINE, name="  "), "name"),
        (replace(FINE, name="x" * 81), "name"),
        (replace(FINE, temperature=-0.1), "temperature"),
        (replace(FINE, temperature=2.1), "temperature"),
        (replace(FINE, temperature=float("nan")), "temperature"),
        (replace(FINE, max_tokens=0), "max_tokens"),
        (replace(FINE, max_tokens=200_001), "max_tokens"),
        (replace(FINE, system_prompt="x" * 100_001), "system_prompt"),
    ],
)
def test_a_field_that_cannot_be_used_is_named(world: KeyWorld, fields: ChatbotFields, field: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        world.chatbots.create(world.ada, fields)

    assert refused.value.field == field
    assert world.rows(Chatbot) == []


def test_the_limits_themselves_can_be_used(world: KeyWorld) -> None:
    made_bot = world.chatbots.create(
        world.ada, ChatbotFields(name="x" * 80, temperature=2.0, max_tokens=200_000, model=BUILT_IN)
    )

    assert (made_bot.temperature, made_bot.max_tokens) == (2.0, 200_000)


def test_a_name_can_be_used_once_in_a_company(world: KeyWorld) -> None:
    made(world, model=BUILT_IN)

    with pytest.raises(InvalidInputError, match="has that name"):
        made(world, name="HELPDESK", model=BUILT_IN)
    assert world.chatbots.create(world.eve, FINE).name == "Helpdesk"


def test_chatbots_are_listed_by_name(world: KeyWorld) -> None:
    for name in ("sales", "Helpdesk", "Tutor"):
        made(world, name, BUILT_IN)

    assert [bot.name for bot in world.chatbots.list(world.max)] == ["Helpdesk", "sales", "Tutor"]


def test_members_see_chatbots_but_change_none(world: KeyWorld) -> None:
    bot = made(world, model=BUILT_IN)

    assert world.chatbots.list(world.max) == [bot]
    with pytest.raises(NotAllowedError):
        world.chatbots.create(world.max, FINE)
    with pytest.raises(NotAllowedError):
        world.chatbots.edit(world.max, bot.id, FINE)
    with pytest.raises(NotAllowedError):
        world.chatbots.delete(world.max, bot.id)


def test_another_companys_chatbot_is_not_found(world: KeyWorld) -> None:
    bot = made(world, model=BUILT_IN)

    assert world.chatbots.list(world.eve) == []
    with pytest.raises(NotFoundError):
        world.chatbots.get(world.eve, bot.id)
    with pytest.raises(NotFoundError):
        world.chatbots.edit(world.eve, bot.id, FINE)
    with pytest.raises(NotFoundError):
        world.chatbots.delete(world.eve, bot.id)


def test_a_deleted_chatbot_is_gone(any_world: KeyWorld) -> None:
    bot = made(any_world, model=BUILT_IN)

    any_world.chatbots.delete(any_world.ada, bot.id)

    assert any_world.rows(Chatbot) == []
