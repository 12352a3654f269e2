"""Chatbot Settings: admins edit, members see and use, and a chatbot whose model is gone says so."""

from __future__ import annotations

import pytest

from byok.core.model_names import ModelName
from byok.services.chatbots import ChatbotFields
from tests.pages.front import Front, buttons, press, words

OWN_MODEL = ModelName("byok", "openai", "gpt-5.4-mini")
BUILT_IN = ModelName("plan", "local", "smollm2-135m-instruct")


def with_own_model(own: Front) -> None:
    """A chatbot of Northwind on a model of the company's own key."""
    own.save_key(models=(OWN_MODEL.model,))
    own.bench.chatbots.create(own.actor("ada"), ChatbotFields(name="Support", model=OWN_MODEL))


def test_an_admin_sees_the_chatbots_and_can_edit_them(demo: Front) -> None:
    tab = demo.look("ada", "Chatbot Settings")
    assert "**Plain Words**" in words(tab)
    assert "temperature 0.3 · at most 300 tokens" in words(tab)
    assert {"New chatbot", "Edit", "Delete"} <= set(buttons(tab))


def test_a_member_sees_them_and_edits_nothing(demo: Front) -> None:
    tab = demo.look("max", "Chatbot Settings")
    assert "**Ideas for the Team**" in words(tab)
    assert "Admins of your company edit them." in words(tab)
    assert buttons(tab) == ["Change password", "Sign out"]


@pytest.mark.parametrize("person", ["bea", "finn"])
def test_an_admin_without_chatbots_reads_three_steps(demo: Front, person: str) -> None:
    tab = demo.look(person, "Chatbot Settings")
    assert "No chatbots yet" in words(tab)
    assert "1. Click **New chatbot**\n2. Give it a name" in words(tab)
    assert "\n3. Try it in the **Playground**" in words(tab)


def test_a_member_without_chatbots_is_told_what_he_can_do(own: Front) -> None:
    own.change_person("bea", role="member")
    assert "1. Ask an admin of your company to make one" in words(own.visit("bea", "Chatbot Settings"))


def test_a_chatbot_on_an_own_key_says_who_pays(own: Front) -> None:
    with_own_model(own)
    badges = [one.value for one in own.visit("max", "Chatbot Settings").markdown]
    assert ":green-badge[Your key]" in badges
    assert ":blue-badge[Plan]" in badges


def test_a_chatbot_whose_key_was_deleted_says_so_and_keeps_its_choice(own: Front) -> None:
    with_own_model(own)
    ada = own.actor("ada")
    own.bench.keys.delete(ada, own.bench.keys.list(ada)[0].id)
    tab = own.visit("ada", "Chatbot Settings")
    (warning,) = (one.value.replace("\\", "") for one in tab.warning)
    assert "There is no OpenAI key any more." in warning
    assert "none is chosen for it" in warning
    assert "`openai/gpt-5.4-mini`" in words(tab)


def test_after_a_downgrade_a_chatbot_on_an_own_key_says_so(own: Front) -> None:
    with_own_model(own)
    own.change_company("northwind-labs", plan="basic")
    assert "Own keys are not part of the Basic plan." in words(own.visit("max", "Chatbot Settings"))


def test_the_editor_offers_standard_and_own_models_in_one_picker(own: Front) -> None:
    with_own_model(own)
    tab = press(own.visit("ada", "Chatbot Settings"), "New chatbot")
    (picker,) = (one for one in tab.selectbox if one.label == "Default model")
    assert any(option.startswith("Plan · Local (llama.cpp)") for option in picker.options)
    assert any(option.startswith("Your key · OpenAI …") for option in picker.options)


def test_what_was_typed_for_one_chatbot_and_left_is_not_in_the_form_of_another(own: Front) -> None:
    tab = own.visit("ada", "Chatbot Settings")
    next(button for button in tab.button if button.label == "Edit").click().run()
    tab.text_input[0].set_value("Left midway")
    tab.number_input[0].set_value(1.5)
    [button for button in tab.button if button.label == "Edit"][1].click().run()
    assert tab.text_input[0].value == "Plain Words"
    assert tab.number_input[0].value == 0.3


def test_unless_it_is_set_a_chatbot_says_so_and_stops_when_the_plan_is_used_up(own: Front) -> None:
    tab = press(own.visit("ada", "Chatbot Settings"), "New chatbot")
    (then,) = tab.radio
    assert (then.label, then.value) == ("If the plan is used up or a budget is reached", "Say so and stop")
    assert [one.label for one in tab.selectbox] == ["Default model"]


def test_the_editor_says_who_pays_for_the_model_that_answers_instead(own: Front) -> None:
    own.save_key(models=(OWN_MODEL.model,))
    fields = ChatbotFields(name="A first one", model=BUILT_IN, fallback=OWN_MODEL)
    own.bench.chatbots.create(own.actor("ada"), fields)
    tab = own.visit("ada", "Chatbot Settings")
    next(button for button in tab.button if button.label == "Edit").click().run()
    assert tab.radio[0].value == "Answer with another model instead"
    (picker,) = (one for one in tab.selectbox if one.label == "Model that answers instead")
    assert [option.partition(" ·")[0] for option in picker.options] == ["Your key"]  # the plan would be used up too
    assert "Then gpt-5.4-mini answers, billed to your OpenAI key." in words(tab)


def test_a_chatbots_card_says_who_pays_when_its_budget_is_reached(own: Front) -> None:
    own.save_key(models=(OWN_MODEL.model,))
    fields = ChatbotFields(name="Support", model=OWN_MODEL, fallback=BUILT_IN)
    own.bench.chatbots.create(own.actor("ada"), fields)
    told = "If the plan is used up or a budget is reached, then smollm2-135m-instruct answers and draws down the plan."
    assert told in words(own.visit("max", "Chatbot Settings"))


def test_a_fallback_that_cannot_be_used_any_more_says_so_on_the_card(own: Front) -> None:
    own.save_key(models=(OWN_MODEL.model,))
    fields = ChatbotFields(name="Support", model=BUILT_IN, fallback=OWN_MODEL)
    own.bench.chatbots.create(own.actor("ada"), fields)
    own.change_company("northwind-labs", plan="basic")
    (warning,) = (one.value.replace("\\", "") for one in own.visit("max", "Chatbot Settings").warning)
    assert warning == "The model that is to answer then cannot be used: Own keys are not part of the Basic plan."
