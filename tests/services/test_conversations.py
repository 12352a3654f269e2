"""Conversations: what is written and sent when somebody asks, what an author finds again, and what others never see."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from byok.core.model_names import ModelName
from byok.ground.clock import utc_now
from byok.ground.db import Database
from byok.ground.errors import (
    InvalidInputError,
    NotAllowedError,
    NotFoundError,
    NotSignedInError,
    PlanUsedUpError,
    ProPlanNeededError,
)
from byok.ground.tables.types import metadata
from byok.services.access import Actor
from tests.fake_provider import Exchange, answer, held, refuse
from tests.run_world import BYOK, PLAN, Author, row, rows, text_arrived
from tests.services.talk_world import KEY_ID, TalkWorld, talk_world


@pytest.fixture
def one(db: Database) -> Iterator[TalkWorld]:
    with talk_world(db) as made:
        yield made


@pytest.fixture
def any_one(any_db: Database) -> Iterator[TalkWorld]:
    with talk_world(any_db) as made:
        yield made


def sent(one: TalkWorld) -> list[tuple[str, str]]:
    """What the last request told the model."""
    messages = one.fake.requests[-1]["messages"]
    assert all(set(message) == {"role", "content"} for message in messages)
    return [(message["role"], message["content"]) for message in messages]


def start_held(one: TalkWorld) -> tuple[UUID, UUID, threading.Event]:
    """A conversation whose first answer has begun and waits for the gate."""
    gate = threading.Event()
    one.fake.script = held(gate)
    asked = one.talk.ask(one.ada, text="Tell me", model=BYOK)
    live = one.process.runner.live(asked.answer_ids[0])
    assert live is not None
    text_arrived(live)
    return asked.conversation_id, asked.answer_ids[0], gate


def test_a_first_message_opens_a_conversation_and_is_answered(any_one: TalkWorld) -> None:
    asked, got = any_one.ask("What is BYOK?")
    thread = any_one.talk.thread(any_one.ada, asked.conversation_id)
    assert thread.conversation.title == "What is BYOK?"
    assert [(turn.text, [one.text for one in turn.answers]) for turn in thread.turns] == [("What is BYOK?", ["Hello."])]
    assert (got.state, got.model, got.finish_reason) == ("complete", "byok:fake/fake-1", "stop")
    assert row(any_one.db, "answer")["configuration"] == {
        "model": "byok:fake/fake-1",
        "key_id": None,
        "parameters": {},
        "system_prompt": "",
    }


def test_an_answers_receipt_says_who_pays_and_what_it_took(any_one: TalkWorld) -> None:
    receipt = any_one.ask()[1].receipt
    assert receipt is not None
    assert (receipt.source, receipt.provider, receipt.model, receipt.model_answered) == (
        "byok",
        "Fake AI",
        "fake-1",
        "fake-1-2026",
    )
    assert (receipt.key_id, receipt.key_label, receipt.key_hint) == (KEY_ID, "Product team", "4f2a")
    assert (receipt.tokens_in, receipt.tokens_out, receipt.status) == (11, 7, "complete")
    assert f"{receipt.cost:f}" == "0.000000007000"
    assert receipt.ttft_ms is not None


def test_an_attempt_is_reserved_before_anything_is_sent(one: TalkWorld) -> None:
    seen: list[str] = []

    def script(exchange: Any) -> None:
        seen.append(row(one.db, "attempt")["status"])
        answer("Hello.")(exchange)

    one.fake.script = script
    asked, _ = one.ask()
    assert seen == ["reserved"]
    attempt = row(one.db, "attempt")
    assert (attempt["conversation_id"], attempt["answer_id"]) == (asked.conversation_id, asked.answer_ids[0])
    assert (attempt["person_id"], attempt["source"], attempt["key_hint"]) == (one.ada.person_id, "byok", "4f2a")


def test_the_history_goes_to_the_model_in_order(any_one: TalkWorld) -> None:
    asked, _ = any_one.ask("one")
    any_one.ask("two", conversation_id=asked.conversation_id)
    any_one.ask("three", conversation_id=asked.conversation_id)
    assert sent(any_one) == [
        ("user", "one"),
        ("assistant", "Hello."),
        ("user", "two"),
        ("assistant", "Hello."),
        ("user", "three"),
    ]
    turns = any_one.talk.thread(any_one.ada, asked.conversation_id).turns
    assert [turn.parent_id for turn in turns] == [None, turns[0].id, turns[1].id]


def test_a_chatbot_brings_its_instructions_and_only_the_settings_that_are_set(one: TalkWorld) -> None:
    bot = one.add_chatbot(system_prompt="Be brief.", temperature=0.2)
    one.ask("Hi", chatbot_id=bot)
    assert sent(one) == [("system", "Be brief."), ("user", "Hi")]
    assert one.fake.requests[-1]["temperature"] == 0.2
    assert "max_tokens" not in one.fake.requests[-1]
    assert row(one.db, "attempt")["chatbot_id"] == bot


def test_another_companys_chatbot_is_not_found(one: TalkWorld) -> None:
    bot = one.add_chatbot()
    stranger = Author(one.db, slug="other")
    with pytest.raises(NotFoundError):
        one.talk.ask(Actor(stranger.company_id, stranger.person_id), text="Hi", model=BYOK, chatbot_id=bot)


def test_a_question_without_an_answer_is_not_told_again(one: TalkWorld) -> None:
    one.fake.script = refuse(500)
    asked, failed = one.ask("one")
    assert failed.state == "failed"
    one.fake.script = answer("Hello.")
    one.ask("two", conversation_id=asked.conversation_id)
    assert sent(one) == [("user", "two")]


def test_a_stopped_answer_is_told_as_far_as_it_came(one: TalkWorld) -> None:
    conversation_id, answer_id, _ = start_held(one)
    one.talk.stop(one.ada, answer_id)
    one.fake.script = answer("Hello.")
    one.ask("Go on", conversation_id=conversation_id)
    assert sent(one) == [("user", "Tell me"), ("assistant", "Once"), ("user", "Go on")]


def test_the_model_can_change_with_each_message_and_the_history_goes_with_it(one: TalkWorld) -> None:
    asked, _ = one.ask("one")
    other = ModelName("plan", "fake", "fake-2")
    _, got = one.ask("two", model=other, conversation_id=asked.conversation_id)
    assert (one.fake.requests[-1]["model"], got.model) == ("fake-2", "plan:fake/fake-2")
    assert len(sent(one)) == 3
    assert got.receipt is not None
    assert (got.receipt.source, got.receipt.key_hint, got.receipt.cost) == ("plan", None, None)
    thread = one.talk.thread(one.ada, asked.conversation_id)
    assert thread.conversation.model == "plan:fake/fake-2"
    assert [turn.answers[0].model for turn in thread.turns] == ["byok:fake/fake-1", "plan:fake/fake-2"]


def test_a_pinned_key_stays_with_the_answer_and_the_column(one: TalkWorld) -> None:
    asked, got = one.ask(key_id=KEY_ID)
    assert got.receipt is not None
    assert got.receipt.key_id == KEY_ID
    assert one.talk.thread(one.ada, asked.conversation_id).conversation.key_id == KEY_ID
    assert row(one.db, "answer")["configuration"]["key_id"] == str(KEY_ID)


def test_a_column_that_is_still_answering_is_not_asked_again(one: TalkWorld) -> None:
    conversation_id, _, gate = start_held(one)
    with pytest.raises(InvalidInputError, match="still being written"):
        one.talk.ask(one.ada, text="And?", model=BYOK, conversation_id=conversation_id)
    assert (len(rows(one.db, "turn")), len(rows(one.db, "attempt"))) == (1, 1)
    gate.set()


def test_of_two_tabs_that_ask_at_once_one_is_told_to_wait(any_one: TalkWorld) -> None:
    asked, _ = any_one.ask("one")
    gate = threading.Event()
    any_one.fake.script = held(gate)

    def ask(text: str) -> bool:
        try:
            any_one.talk.ask(any_one.ada, text=text, model=BYOK, conversation_id=asked.conversation_id)
        except InvalidInputError:
            return False
        return True

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(ask, ["two", "three"])) == [False, True]
    gate.set()


@pytest.mark.parametrize("text", ["", "  \n ", "x" * 200_001])
def test_a_message_that_is_empty_or_endless_is_refused(one: TalkWorld, text: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        one.talk.ask(one.ada, text=text, model=BYOK)
    assert caught.value.field == "text"
    assert rows(one.db, "conversation") == []


def test_a_message_with_what_no_database_takes_is_kept_without_it(any_one: TalkWorld) -> None:
    asked, _ = any_one.ask("a\0b \ud83d c")
    assert any_one.talk.thread(any_one.ada, asked.conversation_id).turns[0].text == "a\ufffdb ? c"


def test_a_title_is_one_line_of_at_most_sixty_characters(one: TalkWorld) -> None:
    asked, _ = one.ask("Please  explain\nin detail " + "why " * 40)
    title = one.talk.thread(one.ada, asked.conversation_id).conversation.title
    assert title.startswith("Please explain in detail why why")
    assert title.endswith("…")
    assert len(title) <= 60


def test_a_conversation_that_was_started_empty_is_named_by_its_first_message(one: TalkWorld) -> None:
    begun = one.talk.start(one.ada, chatbot_id=None, model=BYOK)
    assert begun.title == ""
    one.ask("What now?", conversation_id=begun.id)
    assert [view.title for view in one.talk.list(one.ada)] == ["What now?"]


def test_when_the_plan_is_used_up_nothing_is_written_or_sent(db: Database) -> None:
    with talk_world(db, plan="basic") as one:
        for _ in range(3):
            one.ask(model=PLAN)
        before = len(rows(db, "conversation"))
        with pytest.raises(PlanUsedUpError):
            one.talk.ask(one.ada, text="One more", model=PLAN)
        assert len(rows(db, "conversation")) == before
        assert len(one.fake.requests) == 3


def test_of_many_senders_at_once_exactly_as_many_get_through_as_messages_are_left(any_one: TalkWorld) -> None:
    def send(number: int) -> bool:
        try:
            any_one.ask(f"Question {number}", model=PLAN)
        except PlanUsedUpError:
            return False
        return True

    with ThreadPoolExecutor(20) as pool:
        assert sum(pool.map(send, range(20))) == 10
    assert len(any_one.fake.requests) == 10


def test_an_own_key_needs_a_plan_that_has_them(db: Database) -> None:
    with talk_world(db, plan="basic") as one, pytest.raises(ProPlanNeededError):
        one.talk.ask(one.ada, text="Hi", model=BYOK)


def test_stop_returns_when_the_answer_is_kept_as_stopped(any_one: TalkWorld) -> None:
    _, answer_id, _ = start_held(any_one)
    any_one.talk.stop(any_one.ada, answer_id)
    view = any_one.talk.answer(any_one.ada, answer_id)
    assert (view.state, view.text) == ("stopped", "Once")
    assert any_one.fake.hung_up.wait(5)


def test_a_running_answer_is_read_with_its_text_up_to_now(one: TalkWorld) -> None:
    conversation_id, answer_id, gate = start_held(one)
    assert one.talk.running(one.ada, conversation_id) == (answer_id,)
    (turn,) = one.talk.thread(one.ada, conversation_id).turns
    assert (turn.answers[0].text, turn.answers[0].running) == ("Once", True)
    assert turn.answers[0].receipt is not None
    assert turn.answers[0].receipt.status == "reserved"
    live = one.process.runner.live(answer_id)
    gate.set()
    assert live is not None
    assert live.wait_end(timeout=10)
    assert one.talk.running(one.ada, conversation_id) == ()
    assert one.process.runner.live(answer_id) is None


def test_deleting_a_conversation_stops_its_answer_and_keeps_the_ledger(any_one: TalkWorld) -> None:
    conversation_id, answer_id, _ = start_held(any_one)
    live = any_one.process.runner.live(answer_id)
    any_one.talk.delete(any_one.ada, conversation_id)
    assert live is not None
    assert live.wait_end(timeout=10)
    assert [len(rows(any_one.db, name)) for name in ("conversation", "turn", "conversation_column", "answer")] == [
        0
    ] * 4
    assert (row(any_one.db, "attempt")["status"], row(any_one.db, "attempt")["answered"]) == ("stopped", True)


def test_conversations_are_listed_last_used_first(one: TalkWorld) -> None:
    first, _ = one.ask("one")
    one.ask("two")
    one.ask("again", conversation_id=first.conversation_id)
    assert [view.title for view in one.talk.list(one.ada)] == ["one", "two"]


@pytest.mark.parametrize(
    ("search", "found"),
    [("zurück", True), ("HELLO", True), ("Wie komme", True), ("100%", True), ("0_0", False), ("nothing", False)],
)
def test_search_looks_into_titles_messages_and_answers(any_one: TalkWorld, search: str, found: bool) -> None:
    asked, _ = any_one.ask("Wie komme ich zu 100% zurück?")
    any_one.talk.rename(any_one.ada, asked.conversation_id, title="Travel")
    assert bool(any_one.talk.list(any_one.ada, search=search)) is found


@pytest.mark.parametrize("search", ["ärger", "ÄRGER", "ÜBER", "über", "привет", "ΏΡΑ"])
def test_search_minds_no_case_in_any_alphabet(any_one: TalkWorld, search: str) -> None:
    any_one.fake.script = answer("Привет, ώρα")
    asked, _ = any_one.ask("Ärger")
    any_one.talk.rename(any_one.ada, asked.conversation_id, title="Über uns")
    assert any_one.talk.list(any_one.ada, search=search)


def test_a_title_that_the_author_gave_stays(one: TalkWorld) -> None:
    asked, _ = one.ask("one")
    one.talk.rename(one.ada, asked.conversation_id, title="  My own ")
    one.ask("two", conversation_id=asked.conversation_id)
    assert [view.title for view in one.talk.list(one.ada)] == ["My own"]
    with pytest.raises(InvalidInputError):
        one.talk.rename(one.ada, asked.conversation_id, title=" ")


CALLS: dict[str, Callable[[TalkWorld, Actor, UUID, UUID], object]] = {
    "ask": lambda one, who, conversation, _: one.talk.ask(who, text="Hi", model=BYOK, conversation_id=conversation),
    "get": lambda one, who, conversation, _: one.talk.get(who, conversation),
    "thread": lambda one, who, conversation, _: one.talk.thread(who, conversation),
    "running": lambda one, who, conversation, _: one.talk.running(who, conversation),
    "rename": lambda one, who, conversation, _: one.talk.rename(who, conversation, title="Mine"),
    "delete": lambda one, who, conversation, _: one.talk.delete(who, conversation),
    "answer": lambda one, who, _, answer_id: one.talk.answer(who, answer_id),
    "check": lambda one, who, _, answer_id: one.talk.check(who, [answer_id]),
    "stop": lambda one, who, _, answer_id: one.talk.stop(who, answer_id),
}


@pytest.mark.parametrize("call", CALLS)
def test_nobody_but_the_author_finds_a_conversation(one: TalkWorld, call: str) -> None:
    mine, got = one.ask("Between us", actor=one.max)
    other = Author(one.db, slug="other")
    strangers = [
        one.ada,  # an admin of the same company
        Actor(one.ada.company_id),  # the operator
        Actor(other.company_id, other.person_id),
    ]
    for stranger in strangers:
        with pytest.raises(NotFoundError):
            CALLS[call](one, stranger, mine.conversation_id, got.id)
        assert one.talk.list(stranger, search="Between") == ()
    thread = one.talk.thread(one.max, mine.conversation_id)
    assert (thread.conversation.title, len(thread.turns)) == ("Between us", 1)


@pytest.mark.parametrize("call", CALLS)
def test_a_disabled_person_can_do_nothing(one: TalkWorld, call: str) -> None:
    mine, got = one.ask()
    with one.db.write_core() as connection:
        connection.execute(sa.update(metadata.tables["person"]).values(disabled_at=utc_now()))
    with pytest.raises(NotSignedInError):
        CALLS[call](one, one.ada, mine.conversation_id, got.id)


def test_the_operator_asks_without_a_conversation(any_one: TalkWorld) -> None:
    live = any_one.talk.ask_once(Actor(any_one.ada.company_id), text="Hi", model=BYOK, system="Be brief.")
    assert live.wait_end(timeout=10)
    assert (live.text, live.outcome and live.outcome.tokens_out) == ("Hello.", 7)
    assert sent(any_one) == [("system", "Be brief."), ("user", "Hi")]
    attempt = row(any_one.db, "attempt")
    assert (attempt["status"], attempt["conversation_id"], attempt["person_id"]) == ("complete", None, None)
    assert rows(any_one.db, "conversation") == []


def test_the_operator_owns_no_conversation(one: TalkWorld) -> None:
    with pytest.raises(NotAllowedError):
        one.talk.ask(Actor(one.ada.company_id), text="Hi", model=BYOK)


def test_an_answer_that_came_at_the_second_try_has_the_receipt_of_that_try(any_one: TalkWorld) -> None:
    left = [503]

    def script(exchange: Exchange) -> None:
        (refuse(left.pop()) if left else answer("Hello."))(exchange)

    any_one.fake.script = script
    _, got = any_one.ask()
    assert got.receipt is not None
    assert (got.text, got.error) == ("Hello.", None)
    assert (got.receipt.status, got.receipt.answered, got.receipt.tokens_out) == ("complete", True, 7)
    assert [(t["status"], t["key_hint"], t["person_id"]) for t in rows(any_one.db, "attempt")] == [
        (status, "4f2a", any_one.ada.person_id) for status in ("error", "complete")
    ]


def test_the_last_message_of_a_plan_stays_with_the_question_that_is_asked_again(any_one: TalkWorld) -> None:
    gate, left = threading.Event(), [503]
    for _ in range(9):
        any_one.ask(model=PLAN)

    def script(exchange: Exchange) -> None:
        (refuse(left.pop()) if left else held(gate))(exchange)

    any_one.fake.script = script
    asked = any_one.talk.ask(any_one.ada, text="Hi", model=PLAN)
    live = any_one.process.runner.live(asked.answer_ids[0])
    assert live is not None
    text_arrived(live)
    with pytest.raises(PlanUsedUpError):
        any_one.talk.ask(any_one.max, text="Hi", model=PLAN)
    gate.set()
    assert live.wait_end(timeout=10)
    assert any_one.usage().allowance(any_one.ada) == (10, 10)
