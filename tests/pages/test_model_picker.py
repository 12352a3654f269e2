"""The picker on the pages: what a line says, models that left the list, and ids that are typed."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from sqlmodel import select
from streamlit.testing.v1 import AppTest

from byok.core.model_names import ModelName
from byok.ground.ids import new_id
from byok.ground.tables import Conversation, ModelMenu
from byok.services.chatbots import ChatbotFields
from byok.services.model_choices import MenuKey, ModelChoice
from tests.pages.front import Front, choose, words
from web import model_picker

OWN = ModelName.parse("byok:openai/gpt-5.4-mini")
MODEL = "Model (for each message)"
GONE = [{"id": OWN.model, "name": OWN.model, "since": "2026-11-20"}]


def choice(**more: object) -> ModelChoice:
    key = MenuKey("openai", "OpenAI", None, new_id(), "Team", "4f2a", listed=True)
    plain = key.choice("gpt-x")
    values = {name: getattr(plain, name) for name in plain.__slots__}
    return ModelChoice(**{**values, **more})


@pytest.mark.parametrize(
    ("more", "line"),
    [
        ({}, "Your key · OpenAI …4f2a · gpt-x"),
        ({"label": "GPT X", "context": 400_000}, "Your key · OpenAI …4f2a · GPT X · 400,000 tokens"),
        (
            {"price_in": Decimal("0.60"), "price_out": Decimal(2)},
            "Your key · OpenAI …4f2a · gpt-x · $0.6 in, $2 out",
        ),
        ({"price_in": Decimal(0), "price_out": Decimal(0)}, "Your key · OpenAI …4f2a · gpt-x · free"),
        (
            {"price_in": Decimal(0), "price_out": Decimal(0), "price_request": Decimal("0.0050")},
            "Your key · OpenAI …4f2a · gpt-x · $0 in, $0 out, $0.005 a request",
        ),
        ({"price_in": Decimal(1)}, "Your key · OpenAI …4f2a · gpt-x"),
        ({"retires": date(2026, 12, 31)}, "Your key · OpenAI …4f2a · gpt-x · retires 2026-12-31"),
        ({"state": "retired", "about": "gone"}, "Your key · OpenAI …4f2a · gpt-x · gone · retired"),
        ({"state": "stale"}, "Your key · OpenAI …4f2a · gpt-x"),
    ],
)
def test_a_line_says_who_pays_and_what_is_known_and_nothing_that_is_not(more: dict[str, object], line: str) -> None:
    assert model_picker.label(choice(**more)) == line


def leave_the_list(front: Front) -> None:
    """The key's list without its model, as after a day on which the provider took it out."""
    with front.bench.db.write() as session:
        (menu,) = session.exec(select(ModelMenu)).all()
        menu.models = [{"id": "gpt-6-luna", "name": "gpt-6-luna"}]
        menu.gone = GONE
        session.add(menu)


def options(tab: AppTest) -> list[str]:
    (box,) = (box for box in tab.selectbox if box.label == MODEL)
    return list(box.options)


def test_a_model_that_left_the_list_is_not_offered_anew(own: Front) -> None:
    own.save_key(models=(OWN.model,))
    leave_the_list(own)
    shown = options(own.visit("ada"))
    assert not [one for one in shown if OWN.model in one]
    assert [one for one in shown if "gpt-6-luna" in one]


def test_a_chatbot_whose_model_left_the_list_says_since_when_and_keeps_it(own: Front) -> None:
    own.save_key(models=(OWN.model,))
    own.bench.chatbots.create(own.actor("ada"), ChatbotFields(name="Luna", model=OWN))
    leave_the_list(own)
    seen = words(own.visit("ada", "Chatbot Settings"))
    assert "no longer in OpenAI's list since 2026-11-20" in seen
    assert "It may still answer" in seen
    (kept,) = (bot for bot in own.bench.chatbots.list(own.actor("ada")) if bot.name == "Luna")
    assert kept.model == OWN


def test_a_conversation_whose_model_left_the_list_goes_on_with_it_until_another_is_chosen(own: Front) -> None:
    own.save_key(models=(OWN.model,))
    view = own.bench.conversations.start(own.actor("ada"), chatbot_id=None, model=OWN)
    leave_the_list(own)
    tab = own.visit("ada", conversation=str(view.id))
    (box,) = (box for box in tab.selectbox if box.label == MODEL)
    chosen = box.value
    assert chosen is not None
    assert (chosen.name, chosen.state) == (OWN, "retired")
    assert "no longer in OpenAI's list since 2026-11-20" in words(tab)
    assert not tab.chat_input[0].disabled


def test_where_no_list_ever_came_an_id_is_typed_and_asked(own: Front) -> None:
    own.save_key()  # its list cannot be fetched
    own.router.post("https://api.openai.com/v1/chat/completions").respond(503)
    tab = choose(own.visit("ada"), MODEL, "type a model's id")
    assert tab.chat_input[0].disabled
    (field,) = (one for one in tab.text_input if one.label == "Model id at OpenAI")
    tab = field.set_value("two words").run()
    assert "cannot be the id of a model" in words(tab)
    assert tab.chat_input[0].disabled
    (field,) = (one for one in tab.text_input if one.label == "Model id at OpenAI")
    tab = field.set_value(OWN.model).run()
    tab = tab.chat_input[0].set_value("Hello").run()
    mine = [one for one in own.rows(Conversation) if not one.sample]
    assert len(mine) == 1
    view = own.bench.conversations.get(own.actor("ada"), mine[0].id)
    assert view.model == str(OWN)
