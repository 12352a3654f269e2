"""What was set up for a new conversation waits for it, whatever is sent in another one meanwhile."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from byok.core.model_names import ModelName
from byok.core.parameters import Parameters
from byok.services.columns import ColumnSetup
from tests.pages.front import Front, buttons, press

LOCAL = ModelName("plan", "local", "smollm2-135m-instruct")
OWN_MODEL = ModelName("byok", "openai", "gpt-5.4-mini")
COOL = ColumnSetup(OWN_MODEL, parameters=Parameters(temperature=0.5), system_prompt="Be brief.")


def prepared(own: Front, *setups: ColumnSetup) -> AppTest:
    """A new conversation, set up so."""
    tab = own.visit("ada")
    tab.session_state["columns-none"] = list(setups)
    return tab.run()


def send_in_an_old_one(own: Front, tab: AppTest) -> AppTest:
    old = own.bench.conversations.start(own.actor("ada"), chatbot_id=None, model=OWN_MODEL)
    tab.query_params["conversation"] = str(old.id)
    return tab.run().chat_input[0].set_value("Hello").run()


@pytest.fixture(autouse=True)
def _key(own: Front) -> None:
    own.save_key(models=(OWN_MODEL.model,))
    own.router.post("https://api.openai.com/v1/chat/completions").respond(503)


def test_what_was_set_for_a_new_conversation_is_there_after_a_message_in_an_old_one(own: Front) -> None:
    tab = send_in_an_old_one(own, prepared(own, COOL))
    assert "temperature 0.5 · system prompt" in buttons(press(tab, "New conversation"))


def test_columns_set_up_for_a_new_conversation_stay_the_same_ones(own: Front) -> None:
    other = ColumnSetup(LOCAL)
    tab = send_in_an_old_one(own, prepared(own, COOL, other))
    press(tab, "New conversation")
    assert tab.session_state["columns-none"] == [COOL, other]


def test_the_first_message_takes_what_was_set_and_the_next_conversation_begins_without_it(own: Front) -> None:
    tab = prepared(own, COOL).chat_input[0].set_value("Hello").run()
    assert "temperature 0.5 · system prompt" in buttons(tab)
    assert "Parameters" in buttons(press(tab, "New conversation"))
