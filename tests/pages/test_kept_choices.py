"""What is chosen in the picker outlives a renewal of the list behind the page, and is never moved to another payer."""

from __future__ import annotations

import pytest

from byok.core.model_names import ModelName
from byok.ground.tables import ModelMenu
from byok.services.key_views import KeyView
from tests.pages.front import Front, choose, words
from tests.pages.test_playground import chosen_model
from tests.run_world import until


def renew(own: Front, key: KeyView, *rows: dict[str, object]) -> None:
    """The key's list as it is after a renewal behind the page."""
    with own.bench.db.write() as session:
        menu = session.get_one(ModelMenu, key.id)
        menu.gone = [{**row, "since": "2026-11-20"} for row in menu.models if row["id"] not in {r["id"] for r in rows}]
        menu.models = list(rows)
        session.add(menu)


FIRST: dict[str, object] = {"id": "first", "name": "first"}
SECOND: dict[str, object] = {"id": "second", "name": "second"}


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param((FIRST, {**SECOND, "context": 128_000}), id="its context became known"),
        pytest.param((FIRST, {**SECOND, "price_in": "1", "price_out": "2"}), id="its price became known"),
        pytest.param((FIRST, {**SECOND, "name": "Second"}), id="it has another name"),
        pytest.param(({**FIRST, "name": "second"}, SECOND), id="another one has its name too"),
        pytest.param((FIRST,), id="it left the list"),
    ],
)
def test_a_choice_outlives_a_renewal_of_its_list_and_is_not_moved_to_the_plan(
    own: Front, rows: tuple[dict[str, object], ...]
) -> None:
    key = own.save_key(models=("first", "second"))
    tab = choose(own.visit("ada"), "Model (for each message)", f"Your key · OpenAI …{key.hint} · second")
    renew(own, key, *rows)
    for _ in range(2):
        tab = tab.run()
        assert chosen_model(tab) == ModelName("byok", "openai", "second")
    assert ("no longer in OpenAI's list since 2026-11-20" in words(tab)) == (len(rows) == 1)


def test_a_click_on_the_name_of_a_run_ago_chooses_that_model(own: Front) -> None:
    key = own.save_key(models=("first", "second"))
    mine = f"Your key · OpenAI …{key.hint} · "
    tab = choose(own.visit("ada"), "Model (for each message)", f"{mine}second")
    renew(own, key, {**FIRST, "context": 64_000}, SECOND)
    tab = tab.run()  # the server has the new names, and a browser whose list is open still shows the old ones
    (picker,) = (one for one in tab.selectbox if one.label == "Model (for each message)")
    assert f"{mine}first" not in picker.options
    picker.options.append(f"{mine}first")
    tab = picker.set_value(f"{mine}first").run()
    assert chosen_model(tab) == ModelName("byok", "openai", "first")


def test_a_choice_whose_key_was_deleted_is_none_and_not_the_plans(own: Front) -> None:
    key = own.save_key(models=("first",))
    tab = choose(own.visit("ada"), "Model (for each message)", "Your key · OpenAI")
    own.bench.keys.delete(own.actor("ada"), key.id)
    for _ in range(2):
        tab = tab.run()
        assert chosen_model(tab) is None
        assert tab.chat_input[0].disabled


def test_a_typed_model_stays_chosen_when_a_list_comes_after_all(own: Front) -> None:
    key = own.save_key()
    until(lambda: own.rows(ModelMenu))
    tab = choose(own.visit("ada"), "Model (for each message)", f"Your key · OpenAI …{key.hint} · type")
    (field,) = (one for one in tab.text_input if one.label == "Model id at OpenAI")
    field.set_value("second").run()
    with own.bench.db.write() as session:
        menu = session.get_one(ModelMenu, key.id)
        menu.models, menu.failed_at = [FIRST, SECOND], None
        session.add(menu)
    for _ in range(2):
        tab = tab.run()
        assert chosen_model(tab) == ModelName("byok", "openai", "second")


def test_in_a_conversation_a_choice_outlives_a_renewal_without_a_word_of_the_machinery(own: Front) -> None:
    key = own.save_key(models=("first", "second"))
    used = ModelName("byok", "openai", "first")
    conversation = own.bench.conversations.start(own.actor("ada"), chatbot_id=None, model=used)
    tab = own.visit("ada", conversation=str(conversation.id))
    tab = choose(tab, "Model (for each message)", f"Your key · OpenAI …{key.hint} · second")
    renew(own, key, FIRST, {**SECOND, "context": 128_000})
    for _ in range(2):
        tab = tab.run()
        assert chosen_model(tab) == ModelName("byok", "openai", "second")
        assert not tab.warning
