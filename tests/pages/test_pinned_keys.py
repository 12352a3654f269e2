"""A model that is pinned to a key stays so while that key is the default, whatever is looked at or saved meanwhile."""

from __future__ import annotations

from uuid import UUID

from streamlit.testing.v1 import AppTest

from byok.core.model_names import ModelName
from byok.ground.tables import Conversation
from byok.services.chatbots import ChatbotFields
from byok.services.conversation_views import ConversationView
from byok.services.key_views import KeyView
from tests.pages.front import Front, choose, press

LOCAL = ModelName("plan", "local", "smollm2-135m-instruct")
MODEL = ModelName("byok", "openai", "gpt-5.4-mini")


def two_keys(own: Front) -> tuple[KeyView, KeyView]:
    """The default key and a spare one, each with that model."""
    first = own.save_key(label="First", models=(MODEL.model,))
    return first, own.save_key(label="Spare", models=(MODEL.model,))


def pinned_conversation(own: Front, key_id: UUID) -> ConversationView:
    """A conversation pinned to a spare key, which is made the default then."""
    ada = own.actor("ada")
    begun = own.bench.conversations.start(ada, chatbot_id=None, model=MODEL, key_id=key_id)
    own.bench.keys.make_default(ada, key_id)
    return begun


def pin_of(own: Front, conversation: ConversationView) -> UUID | None:
    return own.bench.conversations.get(own.actor("ada"), conversation.id).key_id


def save(tab: AppTest, opener: str, kind: str) -> None:
    """Saves the open dialog. AppTest draws the whole page then, so that it has to be opened again, as the same one."""
    tab.session_state[f"opened-{kind}"] -= 1
    next(button for button in tab.button if button.label == opener).click()
    press(tab, "Save")


def rename_the_first(own: Front) -> None:
    """Gives the first chatbot another name, in its form."""
    tab = own.visit("ada", "Chatbot Settings")
    next(button for button in tab.button if button.label == "Edit").click().run()
    tab.text_input[0].set_value("A better name")
    save(tab, "Edit", "bot")


def test_a_look_at_a_conversation_leaves_it_pinned_to_the_key_that_is_the_default_now(own: Front) -> None:
    _, spare = two_keys(own)
    conversation = pinned_conversation(own, spare.id)
    own.visit("ada", conversation=str(conversation.id)).run()
    assert pin_of(own, conversation) == spare.id


def test_parameters_saved_for_a_column_leave_it_pinned_to_the_key_that_is_the_default_now(own: Front) -> None:
    _, spare = two_keys(own)
    conversation = pinned_conversation(own, spare.id)
    tab = press(own.visit("ada", conversation=str(conversation.id)), "Parameters")
    (heat,) = (one for one in tab.number_input if one.label == "Temperature")
    heat.set_value(0.5)
    save(tab, "Parameters", "column")
    (column,) = own.bench.conversations.thread(own.actor("ada"), conversation.id).columns
    assert (column.parameters.temperature, column.key_id) == (0.5, spare.id)


def test_another_key_that_is_chosen_in_the_picker_takes_the_pins_place(own: Front) -> None:
    first, spare = two_keys(own)
    conversation = pinned_conversation(own, spare.id)
    tab = own.visit("ada", conversation=str(conversation.id))
    choose(tab, "Model (for each message)", "(First)")
    assert pin_of(own, conversation) == first.id


def test_a_conversation_with_a_chatbot_begins_with_its_pin_also_while_that_key_is_the_default(own: Front) -> None:
    _, spare = two_keys(own)
    ada = own.actor("ada")
    own.bench.chatbots.create(ada, ChatbotFields(name="Support", model=MODEL, key_id=spare.id))
    own.bench.keys.make_default(ada, spare.id)
    own.router.post("https://api.openai.com/v1/chat/completions").respond(503)
    tab = choose(own.visit("max"), "Chatbot", "Support")
    tab.chat_input[0].set_value("Hello").run()
    (begun,) = (one for one in own.rows(Conversation) if one.person_id == own.actor("max").person_id)
    assert own.bench.conversations.get(own.actor("max"), begun.id).key_id == spare.id


def test_another_name_saved_for_a_chatbot_leaves_its_model_pinned(own: Front) -> None:
    _, spare = two_keys(own)
    ada = own.actor("ada")
    bot = own.bench.chatbots.create(ada, ChatbotFields(name="A name", model=MODEL, key_id=spare.id))
    own.bench.keys.make_default(ada, spare.id)
    rename_the_first(own)
    now = own.bench.chatbots.get(ada, bot.id)
    assert (now.name, now.key_id) == ("A better name", spare.id)


def test_another_name_saved_for_a_chatbot_leaves_the_model_that_answers_instead_pinned(own: Front) -> None:
    _, spare = two_keys(own)
    ada = own.actor("ada")
    fields = ChatbotFields(name="A name", model=LOCAL, fallback=MODEL, fallback_key_id=spare.id)
    bot = own.bench.chatbots.create(ada, fields)
    own.bench.keys.make_default(ada, spare.id)
    rename_the_first(own)
    now = own.bench.chatbots.get(ada, bot.id)
    assert (now.name, now.fallback_key_id) == ("A better name", spare.id)
