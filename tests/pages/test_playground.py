"""Playground: who pays is in sight, what cannot be sent is kept with the reason, and conversations are private."""

from __future__ import annotations

from dataclasses import replace

import pytest
from streamlit.testing.v1 import AppTest

from byok.core import ledger
from byok.core.model_names import ModelName
from byok.core.parameters import Parameters
from byok.ground.clock import utc_now
from byok.ground.tables import Conversation, ModelMenu
from byok.services.chatbots import ChatbotFields
from byok.services.columns import ColumnSetup
from tests.pages.front import Front, buttons, choose, press, words

LOCAL = ModelName("plan", "local", "smollm2-135m-instruct")
OWN_MODEL = ModelName("byok", "openai", "gpt-5.4-mini")
QUESTION = "What is a *good* name for a bakery?"


def models(tab: AppTest) -> list[str]:
    (picker,) = (one for one in tab.selectbox if one.label == "Model (for each message)")
    return picker.options


def chosen_model(tab: AppTest) -> ModelName | None:
    (picker,) = (one for one in tab.selectbox if one.label == "Model (for each message)")
    return picker.value.name if picker.value else None


def use_up(own: Front, username: str, *, messages: int) -> None:
    """Holds that many plan messages of the person's company, as answers that are being written do."""
    actor = own.actor(username)
    process = own.bench.runner.enlist()
    with own.bench.db.write_core() as connection:
        for _ in range(messages):
            ledger.reserve(
                connection,
                company_id=actor.company_id,
                process_id=process,
                name=LOCAL,
                at=utc_now(),
                plan_messages=10_000,
            )


@pytest.mark.parametrize(
    ("person", "left"),
    [("ada", "10,000 of 10,000"), ("max", "10,000 of 10,000"), ("bea", "2,000 of 2,000"), ("finn", "3 of 50")],
)
def test_what_is_left_of_the_plan_stands_beside_the_model_and_in_the_frame(demo: Front, person: str, left: str) -> None:
    tab = demo.look(person, "Playground")
    assert f":blue-badge[Plan · {left} left]" in [one.value.replace("\\", "") for one in tab.main.markdown]
    assert f":small[Plan · {left} left]" in words(tab)


@pytest.mark.parametrize("person", ["ada", "max", "bea", "finn"])
def test_an_empty_playground_offers_three_prompts_to_begin_with(demo: Front, person: str) -> None:
    tab = demo.look(person, "Playground")
    assert "Ask something, or try one of these" in words(tab)
    assert sum(label.endswith((".", "customers.")) for label in buttons(tab)) == 3
    assert models(tab) == [
        "Plan · Local (llama.cpp) · smollm2-135m-instruct · tiny offline model: shows the flow, not the quality"
    ]


def test_a_conversation_is_listed_for_its_author_alone(demo: Front) -> None:
    assert any("Friendlier release note" in label for label in buttons(demo.look("ada", "Playground")))
    for person in ("max", "bea", "finn"):
        assert "Friendlier release note" not in words(demo.look(person, "Playground"))
        assert "Your conversations will be listed here." in words(demo.look(person, "Playground"))


def test_the_address_of_a_conversation_opens_it_for_its_author(demo: Front) -> None:
    (conversation,) = demo.rows(Conversation)
    tab = demo.visit("ada", conversation=str(conversation.id))
    seen = words(tab)
    assert "<strong>Planned work on Saturday</strong>" in seen
    assert ":green-badge[Your key · OpenAI …4f2a]" in seen
    assert "first token 388 ms · 1,240 ms in all · " in seen
    assert "74 tokens in · 71 out · cost ≈ $0.000375" in seen
    assert "first token 61 ms · 270 ms in all · " in seen
    assert "168 tokens in · 24 out · plan message" in seen


@pytest.mark.parametrize("person", ["max", "bea"])
def test_the_address_of_a_conversation_opens_nothing_for_anybody_else(demo: Front, person: str) -> None:
    (conversation,) = demo.rows(Conversation)
    seen = words(demo.visit(person, conversation=str(conversation.id)))
    assert "That conversation is not here any more, or not yours." in seen
    assert "Saturday" not in seen


def test_an_address_that_is_no_conversation_breaks_nothing(demo: Front) -> None:
    tab = demo.visit("ada", conversation="no-such-thing")
    assert "That conversation is not here any more, or not yours." in words(tab)
    assert not tab.exception


def test_a_member_uses_the_models_of_a_key_and_sees_no_more_of_it_than_its_hint(own: Front) -> None:
    key = own.save_key(label="Secret project", models=(OWN_MODEL.model,))
    tab = own.visit("max")
    assert f"Your key · OpenAI …{key.hint} · gpt-5.4-mini" in models(tab)
    tab = choose(tab, "Model (for each message)", "Your key · OpenAI")
    assert f":green-badge[Your key · OpenAI …{key.hint}]" in words(tab)
    assert "Secret project" not in words(tab)
    seen = words(own.visit("max", "API Keys"))
    assert key.hint not in seen
    assert "Secret project" not in seen


def test_after_a_downgrade_own_models_are_gone_from_the_picker(own: Front) -> None:
    own.save_key(models=(OWN_MODEL.model,))
    own.change_company("northwind-labs", plan="basic")
    assert not any("OpenAI" in option for option in models(own.visit("max")))


def test_a_chatbot_whose_model_is_gone_says_so_and_chooses_none(own: Front) -> None:
    own.save_key(models=(OWN_MODEL.model,))
    ada = own.actor("ada")
    own.bench.chatbots.create(ada, ChatbotFields(name="Support", model=OWN_MODEL))
    own.bench.keys.delete(ada, own.bench.keys.list(ada)[0].id)
    tab = choose(own.visit("max"), "Chatbot", "Support")
    seen = words(tab)
    assert "The model of “Support” cannot be used: There is no OpenAI key any more." in seen
    assert "none is chosen for you" in seen
    assert "Choose a model above, then ask." in seen
    assert tab.chat_input[0].disabled


def test_a_chatbot_without_a_model_is_given_none(own: Front) -> None:
    own.bench.chatbots.create(own.actor("ada"), ChatbotFields(name="Support"))
    tab = choose(own.visit("max"), "Chatbot", "Support")
    assert "It has no model yet." in words(tab)
    assert chosen_model(tab) is None
    assert tab.chat_input[0].disabled


def test_a_conversation_whose_model_is_gone_is_not_moved_to_one_that_draws_down_the_plan(own: Front) -> None:
    key = own.save_key(models=(OWN_MODEL.model,))
    ada = own.actor("ada")
    conversation = own.bench.conversations.start(ada, chatbot_id=None, model=OWN_MODEL)
    tab = own.visit("ada", conversation=str(conversation.id))
    assert chosen_model(tab) == OWN_MODEL
    own.bench.keys.delete(ada, key.id)
    for seen in (tab.run(), own.visit("ada", conversation=str(conversation.id))):
        assert chosen_model(seen) is None
        assert "cannot be used any more" in words(seen)
        assert seen.chat_input[0].disabled


def test_of_two_models_with_one_name_the_one_that_was_clicked_is_chosen(own: Front) -> None:
    key = own.save_key(models=("first", "second"))
    with own.bench.db.write() as session:
        menu = session.get_one(ModelMenu, key.id)
        menu.models = [{**model, "name": "The same"} for model in menu.models]
    for model in ("first", "second"):
        tab = own.visit("ada")
        (picker,) = (one for one in tab.selectbox if one.label == "Model (for each message)")
        (place,) = (at for at, option in enumerate(picker.options) if option.endswith(f"The same · {model}"))
        picker.select_index(place).run()
        assert chosen_model(tab) == ModelName("byok", "openai", model)


def test_with_the_plan_used_up_nothing_is_left_to_read(own: Front) -> None:
    use_up(own, "finn", messages=3)
    assert "Plan · 0 of 50 left" in words(own.visit("finn"))


def test_a_message_refused_by_the_plan_is_kept_on_the_page_with_the_reason(own: Front) -> None:
    use_up(own, "finn", messages=3)
    tab = own.visit("finn")
    tab = tab.chat_input[0].set_value(QUESTION).run()
    (error,) = (one.value.replace("\\", "") for one in tab.error)
    assert "used up" in error
    assert "Your message was not sent. It is kept here:" in words(tab)
    assert [one.value for one in tab.text] == [QUESTION]
    assert {"Send again", "Drop it"} <= set(buttons(tab))
    assert not [one for one in own.rows(Conversation) if one.person_id == own.actor("finn").person_id]


def test_a_refused_message_stays_until_it_is_dropped(own: Front) -> None:
    use_up(own, "finn", messages=3)
    tab = own.visit("finn")
    tab = tab.chat_input[0].set_value(QUESTION).run().run()
    assert [one.value for one in tab.text] == [QUESTION]
    assert not press(tab, "Drop it").text


def test_a_question_opens_a_conversation_of_its_own_at_its_own_address(own: Front) -> None:
    own.save_key(models=(OWN_MODEL.model,))
    own.router.post("https://api.openai.com/v1/chat/completions").respond(503)
    tab = choose(own.visit("max"), "Model (for each message)", "Your key · OpenAI")
    tab = tab.chat_input[0].set_value(QUESTION).run()
    (mine,) = (one for one in own.rows(Conversation) if one.person_id == own.actor("max").person_id)
    assert tab.query_params["conversation"] in (str(mine.id), [str(mine.id)])
    assert QUESTION in words(tab)


def test_the_model_that_is_chosen_is_kept_with_the_conversation(own: Front) -> None:
    own.save_key(models=(OWN_MODEL.model, "gpt-other"))
    ada = own.actor("ada")
    conversation = own.bench.conversations.start(ada, chatbot_id=None, model=OWN_MODEL)
    tab = own.visit("ada", conversation=str(conversation.id))
    choose(tab, "Model (for each message)", "gpt-other")
    assert own.bench.conversations.get(ada, conversation.id).model == "byok:openai/gpt-other"


def test_the_columns_of_a_conversation_stand_there_with_who_pays_and_what_is_set(own: Front) -> None:
    key = own.save_key(models=(OWN_MODEL.model,))
    ada = own.actor("ada")
    conversation = own.bench.conversations.start(ada, chatbot_id=None, model=OWN_MODEL)
    (first,) = own.bench.conversations.thread(ada, conversation.id).columns
    cool = ColumnSetup(LOCAL, parameters=Parameters(temperature=0.2, seed=7), system_prompt="Be brief.")
    own.bench.conversations.arrange(ada, conversation.id, [first.setup, cool])
    tab = own.visit("ada", conversation=str(conversation.id))
    assert {"1 · gpt-5.4-mini", "2 · smollm2-135m-instruct"} <= {label.replace("\\", "") for label in buttons(tab)}
    seen = words(tab)
    assert f":green-badge[Your key · OpenAI …{key.hint}]" in seen
    assert "temperature 0.2 · seed 7 · system prompt" in seen
    assert "1 plan message (Plan · 10,000 of 10,000 left)" in seen


def test_a_column_whose_temperature_was_written_as_a_whole_number_can_be_set(own: Front) -> None:
    ada = own.actor("ada")
    conversation = own.bench.conversations.start(ada, chatbot_id=None, model=LOCAL)
    (first,) = own.bench.conversations.thread(ada, conversation.id).columns
    whole = Parameters.of({"temperature": 1, "top_p": 1})
    own.bench.conversations.arrange(ada, conversation.id, [replace(first.setup, parameters=whole)])
    tab = press(own.visit("ada", conversation=str(conversation.id)), "temperature 1 · top_p 1")
    assert not tab.exception
    assert [one.value for one in tab.number_input if one.label.lower() in ("temperature", "top_p")] == [1.0, 1.0]


def test_a_column_whose_key_is_gone_says_so_before_anything_is_sent(own: Front) -> None:
    key = own.save_key(models=(OWN_MODEL.model,))
    ada = own.actor("ada")
    conversation = own.bench.conversations.start(ada, chatbot_id=None, model=OWN_MODEL)
    (first,) = own.bench.conversations.thread(ada, conversation.id).columns
    own.bench.conversations.arrange(ada, conversation.id, [first.setup, ColumnSetup(LOCAL)])
    own.bench.keys.delete(ada, key.id)
    tab = own.visit("ada", conversation=str(conversation.id))
    assert "Column 1 cannot be asked: the model is gone." in words(tab)
    assert not tab.chat_input[0].disabled  # the other one can be


def test_a_shared_conversation_is_read_by_a_colleague_who_cannot_write_in_it(demo: Front) -> None:
    (conversation,) = (one for one in demo.rows(Conversation) if one.sample)
    ada = demo.actor("ada")
    demo.bench.conversations.share(ada, conversation.id, shared=True)
    try:
        tab = demo.visit("max", conversation=str(conversation.id))
        seen = words(tab)
        assert "Shared by Ada: you can read it, not write in it." in seen
        assert "<strong>Planned work on Saturday</strong>" in seen
        assert not tab.chat_input
        assert not {"Run again", "Edit", "Delete", "Rename"} & set(buttons(tab))
    finally:
        demo.bench.conversations.share(ada, conversation.id, shared=False)
    assert "That conversation is not here any more, or not yours." in words(
        demo.visit("max", conversation=str(conversation.id))
    )
