"""What one tab sets is not undone by another that was drawn before: only a person's click changes what is kept."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest

from byok.core.model_names import ModelName
from byok.services.columns import ColumnSetup
from byok.services.conversation_views import ConversationView
from tests.pages.front import Front, choose, words
from tests.pages.test_playground import chosen_model

LOCAL = ModelName("plan", "local", "smollm2-135m-instruct")
FIRST = ModelName("byok", "openai", "gpt-first")
SECOND = ModelName("byok", "openai", "gpt-second")
PICKER = "Model (for each message)"


def begun(own: Front, model: ModelName = FIRST) -> ConversationView:
    own.save_key(models=(FIRST.model, SECOND.model))
    return own.bench.conversations.start(own.actor("ada"), chatbot_id=None, model=model)


def opened(own: Front, conversation: ConversationView) -> AppTest:
    return own.visit("ada", conversation=str(conversation.id))


def kept(own: Front, conversation: ConversationView) -> ConversationView:
    return own.bench.conversations.get(own.actor("ada"), conversation.id)


def share_box(own: Front, conversation: ConversationView) -> AppTest:
    """A tab in which “Share” is open."""
    tab = opened(own, conversation)
    tab.session_state["share"] = True
    return tab.run()


def test_a_tab_that_is_drawn_again_shows_the_model_chosen_in_another_and_leaves_it(own: Front) -> None:
    conversation = begun(own)
    stale = opened(own, conversation)
    choose(opened(own, conversation), PICKER, "smollm2")
    for _ in range(2):
        stale = stale.run()
        assert chosen_model(stale) == LOCAL
        assert kept(own, conversation).model == str(LOCAL)
        assert not stale.warning


def test_a_model_clicked_in_a_tab_counts_though_another_tab_chose_meanwhile(own: Front) -> None:
    conversation = begun(own)
    stale = opened(own, conversation)
    choose(opened(own, conversation), PICKER, "smollm2")
    stale = choose(stale, PICKER, SECOND.model)
    assert kept(own, conversation).model == str(SECOND)
    assert chosen_model(stale.run()) == SECOND


def test_after_a_click_of_its_own_a_tab_still_shows_what_another_chooses_later(own: Front) -> None:
    conversation = begun(own)
    tab = choose(opened(own, conversation), PICKER, SECOND.model)
    choose(opened(own, conversation), PICKER, "smollm2")
    assert chosen_model(tab.run()) == LOCAL
    assert kept(own, conversation).model == str(LOCAL)


def test_a_conversation_on_the_default_key_is_not_pinned_to_the_last_one_by_an_open_tab(own: Front) -> None:
    conversation = begun(own)
    tab = opened(own, conversation)
    spare = own.save_key(label="Spare", models=(FIRST.model,))
    own.bench.keys.make_default(own.actor("ada"), spare.id)
    assert f":green-badge[Your key · OpenAI …{spare.hint}]" in words(tab.run())
    assert kept(own, conversation).key_id is None


def test_a_model_that_was_typed_stays_in_its_field_when_the_tab_is_drawn_again(own: Front) -> None:
    own.save_key()  # its list cannot be fetched
    conversation = own.bench.conversations.start(own.actor("ada"), chatbot_id=None, model=LOCAL)
    tab = choose(opened(own, conversation), PICKER, "type a model's id").run()
    (field,) = (one for one in tab.text_input if one.label == "Model id at OpenAI")
    tab = field.set_value(FIRST.model).run().run()
    assert kept(own, conversation).model == str(FIRST)
    assert [one.value for one in tab.text_input if one.label == "Model id at OpenAI"] == [FIRST.model]


def test_a_typed_model_gives_way_to_one_that_another_tab_chose(own: Front) -> None:
    own.save_key()  # its list cannot be fetched
    conversation = own.bench.conversations.start(own.actor("ada"), chatbot_id=None, model=LOCAL)
    tab = choose(opened(own, conversation), PICKER, "type a model's id")
    (field,) = (one for one in tab.text_input if one.label == "Model id at OpenAI")
    tab = field.set_value(FIRST.model).run()
    ada = own.actor("ada")
    (column,) = own.bench.conversations.thread(ada, conversation.id).columns
    own.bench.conversations.arrange(ada, conversation.id, [ColumnSetup(LOCAL, id=column.id)])
    assert chosen_model(tab.run()) == LOCAL
    assert kept(own, conversation).model == str(LOCAL)


def test_sharing_is_switched_on_and_off_by_a_click(own: Front) -> None:
    conversation = begun(own)
    tab = share_box(own, conversation)
    for shared in (True, False):
        tab = tab.toggle[0].set_value(shared).run()
        assert kept(own, conversation).shared == shared
        assert tab.toggle[0].value == shared


def test_sharing_that_was_switched_off_in_another_tab_stays_off_where_it_was_switched_on(own: Front) -> None:
    conversation = begun(own)
    stale = share_box(own, conversation).toggle[0].set_value(True).run()
    own.bench.conversations.share(own.actor("ada"), conversation.id, shared=False)
    for _ in range(2):
        stale = stale.run()
        assert not kept(own, conversation).shared
        assert not stale.toggle[0].value
        assert "Only you can read it." in words(stale)


def test_sharing_that_another_tab_switched_on_stays_on_in_one_that_drew_it_off(own: Front) -> None:
    conversation = begun(own)
    stale = share_box(own, conversation)
    own.bench.conversations.share(own.actor("ada"), conversation.id, shared=True)
    stale = stale.run()
    assert kept(own, conversation).shared
    assert stale.toggle[0].value
