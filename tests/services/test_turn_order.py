"""Turns stand behind those that they follow, whatever the clocks said when they were made."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from byok.ground.clock import utc_now
from byok.ground.db import Database
from byok.services.conversation_views import Asked, TurnView
from byok.services.messages import Ask, Message
from byok.services.run_export import run_file
from byok.services.run_file import RunFile
from byok.services.turn_order import in_order
from tests.services.answers import turn
from tests.services.talk_world import TalkWorld, column, echo, talk_world, told

PARENTS = st.lists(st.integers(0, 100), max_size=12)


@pytest.fixture
def one(any_db: Database) -> Iterator[TalkWorld]:
    with talk_world(any_db) as made:
        made.fake.script = echo
        yield made


def asked_by_a_clock_that_steps_back(one: TalkWorld, *texts: str) -> Asked:
    """Each message is asked five seconds before the last one."""
    asked = one.send(texts[0], [column()])
    one.ended(asked)
    columns = [view.setup for view in one.talk.thread(one.ada, asked.conversation_id).columns]
    for step, text in enumerate(texts[1:], 1):
        late = timedelta(seconds=5 * step)
        talk = one.talk_of(one.process, clock=lambda late=late: utc_now() - late)
        asked = talk.send(one.ada, Message([Ask(text)], columns, asked.conversation_id, after=asked.turn_id))
        one.ended(asked)
    return asked


def made_of(parents: list[int]) -> list[TurnView]:
    """A conversation in which each turn follows one before it, or none."""
    turns: list[TurnView] = []
    for parent in parents:
        turns.append(turn([], parent=turns[parent % len(turns)].id if turns and parent else None))
    return turns


def test_a_conversation_whose_clock_stepped_back_is_shown_in_the_order_of_its_messages(one: TalkWorld) -> None:
    asked = asked_by_a_clock_that_steps_back(one, "one", "two", "three")
    thread = one.talk.thread(one.ada, asked.conversation_id)
    assert [view.text for view in thread.turns] == [view.text for view in thread.branch()] == ["one", "two", "three"]


def test_a_conversation_whose_clock_stepped_back_can_be_exported(one: TalkWorld) -> None:
    asked = asked_by_a_clock_that_steps_back(one, "one", "two", "three")
    run = run_file(one.talk.thread(one.ada, asked.conversation_id), at=utc_now())
    assert RunFile.read(run.dump()) == run
    assert [(line.text, line.follows) for line in run.turns] == [("one", None), ("two", 1), ("three", 2)]


def test_a_message_follows_the_last_one_though_the_clock_stepped_back(one: TalkWorld) -> None:
    asked = asked_by_a_clock_that_steps_back(one, "one", "two")
    columns = [view.setup for view in one.talk.thread(one.ada, asked.conversation_id).columns]
    one.ended(one.send("three", columns, conversation_id=asked.conversation_id))
    assert told(one.fake, "fake-1")[-1] == ["one", "fake-1: one", "two", "fake-1: two", "three"]


@given(PARENTS)
def test_turns_whose_clocks_are_right_stay_as_they_are(parents: list[int]) -> None:
    turns = made_of(parents)
    assert list(in_order(turns).values()) == turns


@given(st.data(), PARENTS)
def test_of_turns_in_any_order_none_is_lost_and_each_stands_behind_its_parent(
    data: st.DataObject, parents: list[int]
) -> None:
    turns = data.draw(st.permutations(made_of(parents)))
    placed = list(in_order(turns))
    assert sorted(placed) == sorted(one.id for one in turns)
    for one in turns:
        assert one.parent_id is None or placed.index(one.parent_id) < placed.index(one.id)
