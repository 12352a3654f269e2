"""Columns side by side: what each is sent and remembers, that none holds up another, and how they are arranged."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from byok.core.model_names import ModelName
from byok.core.parameters import Parameters
from byok.ground.db import Database
from byok.ground.errors import InvalidInputError, ModelGoneError, PlanUsedUpError
from byok.ground.ids import new_id
from byok.services.access import Actor
from byok.services.columns import ColumnSetup
from byok.services.conversation_views import AnswerView
from byok.services.messages import Ask, Message
from tests.fake_provider import refuse
from tests.run_world import PLAN, Author, rows, until
from tests.services.talk_world import TalkWorld, column, echo, held_where, talk_world, told


@pytest.fixture
def one(db: Database) -> Iterator[TalkWorld]:
    with talk_world(db) as made:
        yield made


@pytest.fixture
def any_one(any_db: Database) -> Iterator[TalkWorld]:
    with talk_world(any_db) as made:
        yield made


# One message


def test_a_message_goes_to_every_column_with_its_own_model_settings_and_instructions(any_one: TalkWorld) -> None:
    one = any_one
    one.fake.script = echo
    settings = Parameters(temperature=0.0, top_p=0.5, max_tokens=9, seed=7, stop=("END",))
    columns = [column(), column("fake-2", parameters=settings, system_prompt="Be brief."), column()]
    asked = one.send("Hi", columns)
    views = one.ended(asked)
    assert [(v.state, v.text, v.version) for v in views] == [
        ("complete", "fake-1: Hi", 1),
        ("complete", "fake-2: Hi", 1),
        ("complete", "fake-1: Hi", 1),
    ]
    assert [v.column_id for v in views] == [setup.id for setup in columns]
    assert (views[1].parameters, views[1].system_prompt) == (settings, "Be brief.")
    bodies = {body["model"]: body for body in one.fake.requests}
    plain = {"model", "messages", "stream", "stream_options"}
    assert set(bodies["fake-1"]) == plain
    more = {key: value for key, value in bodies["fake-2"].items() if key not in plain}
    assert more == {"temperature": 0.0, "top_p": 0.5, "max_tokens": 9, "seed": 7, "stop": ["END"]}
    assert told(one.fake, "fake-2") == [["Be brief.", "Hi"]]
    kept = rows(one.db, "answer")
    assert kept[1]["configuration"] == {
        "model": "byok:fake/fake-2",
        "key_id": None,
        "parameters": {"temperature": 0.0, "top_p": 0.5, "max_tokens": 9, "seed": 7, "stop": ["END"]},
        "system_prompt": "Be brief.",
    }
    assert [t["answer_id"] for t in rows(one.db, "attempt")] == [row["id"] for row in kept]
    assert len(rows(one.db, "turn")) == 1


def test_each_column_remembers_its_own_answers_alone(one: TalkWorld) -> None:
    one.fake.script = echo
    columns = [column(), column("fake-2")]
    first = one.send("one", columns)
    one.ended(first)
    one.ended(one.send("two", columns, conversation_id=first.conversation_id))
    assert told(one.fake, "fake-1")[1] == ["one", "fake-1: one", "two"]
    assert told(one.fake, "fake-2")[1] == ["one", "fake-2: one", "two"]


def test_a_message_to_one_column_is_not_seen_by_the_others(one: TalkWorld) -> None:
    one.fake.script = echo
    columns = [column(), column("fake-2")]
    first = one.send("one", columns)
    one.ended(first)
    for_her = one.send("between us", columns, to=columns[1:], conversation_id=first.conversation_id)
    assert [view.column_id for view in one.ended(for_her)] == [columns[1].id]
    one.ended(one.send("three", columns, conversation_id=first.conversation_id))
    assert told(one.fake, "fake-1")[1:] == [["one", "fake-1: one", "three"]]
    assert told(one.fake, "fake-2")[2] == ["one", "fake-2: one", "between us", "fake-2: between us", "three"]
    turns = one.talk.thread(one.ada, first.conversation_id).turns
    assert [len(turn.answers) for turn in turns] == [2, 1, 2]
    assert turns[1].of(columns[0].id) == ()


def test_a_column_that_cannot_be_asked_says_why_and_the_rest_are_asked(any_one: TalkWorld) -> None:
    one = any_one
    columns = [column("gone"), column()]
    failed, got = one.ended(one.send("Hi", columns))
    assert (failed.state, failed.receipt, got.state) == ("failed", None, "complete")
    assert failed.error == "Not sent. It is gone. Choose another model."
    assert failed.finished_at is not None
    assert (len(one.fake.requests), len(rows(one.db, "attempt"))) == (1, 1)


def test_a_column_that_the_provider_refuses_fails_alone(one: TalkWorld) -> None:
    one.fake.script = lambda exchange: (refuse(401) if exchange.body["model"] == "fake-2" else echo)(exchange)
    first, second = one.ended(one.send("Hi", [column(), column("fake-2")]))
    assert (first.state, second.state) == ("complete", "failed")
    assert second.receipt is not None
    assert second.receipt.status == "error"


def test_a_hanging_column_does_not_hold_up_the_others(one: TalkWorld) -> None:
    gate = threading.Event()
    one.fake.script = held_where("fake-2", gate)
    asked = one.send("Hi", [column(), column("fake-2"), column("fake-3")])
    for answer_id in (asked.answer_ids[0], asked.answer_ids[2]):
        live = one.process.runner.live(answer_id)
        assert live is None or live.wait_end(timeout=10)
    views = one.talk.answers(one.ada, asked.answer_ids)
    assert sorted(view.state for view in views) == ["complete", "complete", "running"]
    gate.set()
    one.ended(asked)


def test_where_no_column_can_be_asked_nothing_is_kept_and_the_first_reason_is_said(any_one: TalkWorld) -> None:
    with pytest.raises(ModelGoneError, match="It is gone"):
        any_one.send("Hi", [column("gone"), column("gone", source="plan")])
    tables = ("conversation", "conversation_column", "turn", "answer", "attempt")
    assert [rows(any_one.db, name) for name in tables] == [[]] * len(tables)
    assert any_one.fake.requests == []


def test_a_refused_message_leaves_the_conversations_columns_as_they_were(one: TalkWorld) -> None:
    columns = [column()]
    first = one.send("one", columns)
    one.ended(first)
    with pytest.raises(ModelGoneError):
        one.send(
            "two", [replace(columns[0], model=ModelName("byok", "fake", "gone"))], conversation_id=first.conversation_id
        )
    (kept,) = one.talk.thread(one.ada, first.conversation_id).columns
    assert str(kept.model) == "byok:fake/fake-1"


def test_the_last_plan_messages_go_to_the_first_columns(any_one: TalkWorld) -> None:
    one = any_one
    for _ in range(8):
        one.ask(model=PLAN)
    views = one.ended(one.send("Hi", [column(source="plan") for _ in range(4)]))
    assert [view.state for view in views] == ["complete", "complete", "failed", "failed"]
    assert views[2].error is not None
    assert views[2].error.startswith("Not sent. This month's 10 plan messages are used up.")
    assert one.usage().allowance(one.ada) == (10, 10)


def test_of_many_columns_and_senders_at_once_exactly_as_many_are_asked_as_messages_are_left(
    any_one: TalkWorld,
) -> None:
    one = any_one

    def send(number: int) -> list[AnswerView]:
        try:
            return one.ended(one.send(f"Question {number}", [column(source="plan") for _ in range(3)]))
        except PlanUsedUpError:
            return []

    with ThreadPoolExecutor(8) as pool:
        views = [view for found in pool.map(send, range(8)) for view in found]
    assert sum(view.state == "complete" for view in views) == 10
    assert all(view.state in ("complete", "failed") for view in views)
    assert len(one.fake.requests) == 10
    assert one.usage().allowance(one.ada) == (10, 10)


# Arranging


def test_another_model_of_a_column_is_told_what_the_one_before_answered(one: TalkWorld) -> None:
    one.fake.script = echo
    columns = [column(), column("fake-2")]
    first = one.send("one", columns)
    one.ended(first)
    columns[0] = replace(columns[0], model=ModelName("byok", "fake", "fake-3"))
    one.ended(one.send("two", columns, conversation_id=first.conversation_id))
    assert told(one.fake, "fake-3") == [["one", "fake-1: one", "two"]]
    thread = one.talk.thread(one.ada, first.conversation_id)
    assert [c.model.model for c in thread.columns] == ["fake-3", "fake-2"]
    assert [turn.of(columns[0].id)[0].model for turn in thread.turns] == ["byok:fake/fake-1", "byok:fake/fake-3"]


def test_a_removed_column_keeps_its_answers_and_its_place_goes_to_no_other(any_one: TalkWorld) -> None:
    one = any_one
    one.fake.script = echo
    a, b, c = column(), column("fake-2"), column("fake-3")
    first = one.send("one", [a, b])
    one.ended(first)
    one.talk.arrange(one.ada, first.conversation_id, [a])
    now = one.talk.arrange(one.ada, first.conversation_id, [a, c])
    assert [(view.id, view.position) for view in now] == [(a.id, 0), (c.id, 2)]
    thread = one.talk.thread(one.ada, first.conversation_id)
    assert [(view.id, view.removed) for view in thread.columns] == [(a.id, False), (b.id, True), (c.id, False)]
    assert [answer.text for answer in thread.turns[0].of(b.id)] == ["fake-2: one"]
    one.ended(one.send("two", [a, c], conversation_id=first.conversation_id))
    assert told(one.fake, "fake-2") == [["one"]]
    assert told(one.fake, "fake-3") == [["two"]]
    back = one.talk.arrange(one.ada, first.conversation_id, [a, b, c])
    assert [(view.id, view.position) for view in back] == [(a.id, 0), (b.id, 1), (c.id, 2)]


def test_the_first_column_that_is_left_names_the_model_of_the_conversation(one: TalkWorld) -> None:
    a, b = column(), column("fake-2")
    first = one.send("one", [a, b])
    one.ended(first)
    one.talk.arrange(one.ada, first.conversation_id, [b])
    assert [view.model for view in one.talk.list(one.ada)] == ["byok:fake/fake-2"]


@pytest.mark.parametrize("number", [0, 9])
def test_none_and_nine_columns_are_refused(one: TalkWorld, number: int) -> None:
    with pytest.raises(InvalidInputError) as caught:
        one.send("Hi", [column() for _ in range(number)])
    assert caught.value.field == "columns"
    assert rows(one.db, "conversation") == []


def test_a_column_does_not_stand_there_twice(one: TalkWorld) -> None:
    with pytest.raises(InvalidInputError, match="twice"):
        one.send("Hi", [column()] * 2)


def test_a_conversation_is_not_left_without_a_column_that_has_a_model(one: TalkWorld) -> None:
    first = one.send("one", [setup := column()])
    one.ended(first)
    with pytest.raises(InvalidInputError, match="No column has a model"):
        one.talk.arrange(one.ada, first.conversation_id, [ColumnSetup(None)])
    assert [view.removed for view in one.talk.thread(one.ada, first.conversation_id).columns] == [False]
    kept = one.talk.arrange(one.ada, first.conversation_id, [replace(setup, model=None)])
    assert [str(view.model) for view in kept] == ["byok:fake/fake-1"]


def test_a_message_to_no_column_that_is_there_is_refused(one: TalkWorld) -> None:
    with pytest.raises(InvalidInputError, match="No column was chosen"):
        one.talk.send(one.ada, Message([Ask("Hi", to={new_id()})], [column()]))
    assert rows(one.db, "conversation") == []


@pytest.mark.parametrize("owner", ["the same person", "another company"])
def test_a_column_of_another_conversation_is_neither_changed_nor_attached(any_one: TalkWorld, owner: str) -> None:
    one = any_one
    theirs = one.send("theirs", [hers := column(system_prompt="Hers")])
    one.ended(theirs)
    thief, mine = one.ada, column("fake-2")
    if owner == "another company":
        other = Author(one.db, slug="other")
        other.add_key()
        thief = Actor(other.company_id, other.person_id)
    own = one.talk.send(thief, Message([Ask("mine")], [mine]))
    until(lambda: not one.talk.running(thief, own.conversation_id))
    before = rows(one.db, "conversation_column")
    stolen = replace(hers, model=ModelName("byok", "fake", "fake-9"))
    ways: list[Callable[[], object]] = [
        lambda: one.talk.send(thief, Message([Ask("two")], [mine, stolen], own.conversation_id)),
        lambda: one.talk.arrange(thief, own.conversation_id, [mine, stolen]),
        lambda: one.talk.send(thief, Message([Ask("two")], [stolen])),
    ]
    for way in ways:
        with pytest.raises(InvalidInputError) as caught:
            way()
        assert caught.value.field == "columns"
    assert rows(one.db, "conversation_column") == before
    assert told(one.fake, "fake-9") == []


def test_what_no_database_takes_is_kept_without_it_or_refused(any_one: TalkWorld) -> None:
    one, odd = any_one, "a\0b \ud83d c"
    setup = column(system_prompt=odd)
    asked = one.talk.send(one.ada, Message([Ask(odd)], [setup], title=odd))
    (got,) = one.ended(asked)
    assert (got.state, got.system_prompt) == ("complete", "a\ufffdb ? c")
    thread = one.talk.thread(one.ada, asked.conversation_id)
    assert (thread.conversation.title, thread.columns[0].system_prompt) == ("a\ufffdb ? c", "a\ufffdb ? c")
    one.talk.rename(one.ada, asked.conversation_id, title=odd + "!")
    assert [view.title for view in one.talk.list(one.ada)] == ["a\ufffdb ? c!"]
    assert one.talk.list(one.ada, search="nothing\0\ud83d") == ()
    # What would mean something else without it is refused.
    for refused, field in ((column(odd), "model"), (column(parameters=Parameters(stop=(odd,))), "stop")):
        with pytest.raises(InvalidInputError) as caught:
            one.send("Hi", [refused])
        assert caught.value.field == field


def test_a_title_that_is_given_with_a_run_is_as_short_as_any(one: TalkWorld) -> None:
    asked = one.talk.send(one.ada, Message([Ask("Hi")], [column()], title="why\n" * 40))
    one.ended(asked)
    title = one.talk.get(one.ada, asked.conversation_id).title
    assert len(title) <= 60
    assert title.startswith("why why")


def test_parameters_that_cannot_be_sent_are_refused_and_nothing_is_kept(one: TalkWorld) -> None:
    with pytest.raises(InvalidInputError) as caught:
        one.send("Hi", [column(), column(parameters=Parameters(temperature=2.5))])
    assert caught.value.field == "temperature"
    with pytest.raises(InvalidInputError) as caught:
        one.talk.ask_once(one.ada, text="Hi", model=PLAN, max_tokens=0)
    assert caught.value.field == "max_tokens"
    assert rows(one.db, "attempt") == []
