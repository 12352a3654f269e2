"""Questions in a row: to columns that still answer, branches, further versions, fair races, and whole runs."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
import sqlalchemy as sa

from byok.core.leases import LEASE, sweep
from byok.core.model_names import ModelName
from byok.ground.clock import utc_now
from byok.ground.db import Database
from byok.ground.errors import InvalidInputError, ModelGoneError, NotFoundError
from byok.ground.tables.types import metadata
from byok.services.messages import Ask, Message
from tests.fake_provider import Exchange, answer, held, refuse
from tests.run_world import Process, rows, until
from tests.services.talk_world import TalkWorld, column, echo, held_where, talk_world, told


@pytest.fixture
def one(db: Database) -> Iterator[TalkWorld]:
    with talk_world(db) as made:
        yield made


@pytest.fixture
def any_one(any_db: Database) -> Iterator[TalkWorld]:
    with talk_world(any_db) as made:
        yield made


# Columns that still answer


def test_a_column_that_still_answers_is_asked_when_it_has_ended_and_is_told_all(one: TalkWorld) -> None:
    gate = threading.Event()
    one.fake.script = held_where("fake-2", gate, text="one")
    columns = [column(), column("fake-2")]
    first = one.send("one", columns)
    live = one.process.runner.live(first.answer_ids[0])
    assert live is None or live.wait_end(timeout=10)
    second = one.send("two", columns, conversation_id=first.conversation_id)
    until(lambda: one.talk.answer(one.ada, second.answer_ids[0]).state == "complete")
    waiting = one.talk.answer(one.ada, second.answer_ids[1])
    assert (waiting.state, waiting.note) == ("running", "Waits for the answer before it.")
    assert len(told(one.fake, "fake-2")) == 1
    gate.set()
    one.ended(first, second)
    assert told(one.fake, "fake-2")[1] == ["one", "Once upon a time", "two"]


def test_a_column_that_answers_in_another_process_is_waited_for_too(any_one: TalkWorld) -> None:
    one, gate, there = any_one, threading.Event(), Process(any_one.db)
    try:
        one.fake.script = held_where("fake-2", gate, text="one")
        columns = [column(), column("fake-2")]
        first = one.talk_of(there).send(one.ada, Message([Ask("one")], columns))
        until(lambda: not (live := there.runner.live(first.answer_ids[0])) or not live.running)
        second = one.send("two", columns, conversation_id=first.conversation_id)
        until(lambda: one.talk.answer(one.ada, second.answer_ids[0]).state == "complete")
        until(lambda: one.talk.answer(one.ada, second.answer_ids[1]).note == "Waits for the answer before it.")
        assert len(told(one.fake, "fake-2")) == 1
        gate.set()
        one.ended(second)
        assert told(one.fake, "fake-2")[1] == ["one", "Once upon a time", "two"]
    finally:
        gate.set()
        there.close()


def test_a_column_whose_process_died_is_asked_on_when_that_is_found_out(one: TalkWorld) -> None:
    gate = threading.Event()
    one.fake.script = held_where("fake-2", gate, text="one")
    columns = [column(), column("fake-2")]
    dead = Process(one.db, tick=60)
    try:
        first = one.talk_of(dead).send(one.ada, Message([Ask("one")], columns))
        until(lambda: not (live := dead.runner.live(first.answer_ids[0])) or not live.running)
        second = one.send("two", columns, conversation_id=first.conversation_id)
        until(lambda: one.talk.answer(one.ada, second.answer_ids[1]).note == "Waits for the answer before it.")
        run_out(one, dead)
        one.ended(second)
        assert told(one.fake, "fake-2")[1] == ["two"]
    finally:
        gate.set()
        dead.close()


def run_out(one: TalkWorld, dead: Process) -> None:
    """Lets one process's lease run out, and sweeps."""
    leases = metadata.tables["process_lease"]
    with one.db.write_core() as connection:
        its = sa.update(leases).where(leases.c.id == dead.lease.id)
        connection.execute(its.values(expires_at=utc_now() - LEASE))
    sweep(one.db, utc_now())


def test_where_all_columns_still_answer_nothing_is_sent(one: TalkWorld) -> None:
    gate = threading.Event()
    one.fake.script = held(gate)
    columns = [column(), column("fake-2")]
    first = one.send("one", columns)
    for more in ({}, {"to": columns[:1]}):
        with pytest.raises(InvalidInputError, match="still being written"):
            one.send("two", columns, conversation_id=first.conversation_id, **more)
    assert len(rows(one.db, "turn")) == 1
    gate.set()
    one.ended(first)


# Versions and branches


def test_an_edited_message_branches_and_the_history_follows_the_branch(any_one: TalkWorld) -> None:
    one = any_one
    one.fake.script = echo
    columns = [column(), column("fake-2")]
    first = one.send("one", columns)
    one.ended(first)
    second = one.send("two", columns, conversation_id=first.conversation_id)
    one.ended(second)
    edited = one.send("zwei", columns, instead_of=second.turn_id, conversation_id=first.conversation_id)
    one.ended(edited)
    third = one.send("three", columns, after=edited.turn_id, conversation_id=first.conversation_id)
    one.ended(third)
    assert told(one.fake, "fake-1")[2:] == [
        ["one", "fake-1: one", "zwei"],
        ["one", "fake-1: one", "zwei", "fake-1: zwei", "three"],
    ]
    back = one.send("drei", columns, after=second.turn_id, conversation_id=first.conversation_id)
    one.ended(back)
    assert told(one.fake, "fake-2")[-1] == ["one", "fake-2: one", "two", "fake-2: two", "drei"]
    thread = one.talk.thread(one.ada, first.conversation_id)
    assert [turn.text for turn in thread.branch()] == ["one", "two", "drei"]
    assert [turn.text for turn in thread.branch(edited.turn_id)] == ["one", "zwei", "three"]
    assert [turn.text for turn in thread.branch(first.turn_id)] == ["one", "zwei", "three"]
    turns = {turn.text: turn for turn in thread.turns}
    assert thread.siblings(turns["two"]) == (second.turn_id, edited.turn_id)
    assert thread.siblings(turns["three"]) == (third.turn_id,)


def test_the_first_message_can_be_edited_too_and_the_title_stays(one: TalkWorld) -> None:
    one.fake.script = echo
    columns = [column()]
    first = one.send("one", columns)
    one.ended(first)
    edited = one.send("eins", columns, instead_of=first.turn_id, conversation_id=first.conversation_id)
    one.ended(edited)
    assert told(one.fake, "fake-1") == [["one"], ["eins"]]
    thread = one.talk.thread(one.ada, first.conversation_id)
    assert thread.conversation.title == "one"
    assert thread.siblings(thread.turns[0]) == (first.turn_id, edited.turn_id)


@pytest.mark.parametrize("where", ["after", "instead_of"])
def test_a_message_of_another_conversation_cannot_be_followed(one: TalkWorld, where: str) -> None:
    mine, other = one.send("one", [column()]), one.send("other", [setup := column()])
    one.ended(mine, other)
    turn: dict[str, Any] = {where: mine.turn_id}
    with pytest.raises(NotFoundError, match="no such message"):
        one.send("two", [setup], conversation_id=other.conversation_id, **turn)


def test_an_answer_asked_for_again_is_a_further_version_and_the_newest_with_text_is_told(any_one: TalkWorld) -> None:
    one, said = any_one, iter(["first", "second", "", "and so on"])

    def script(exchange: Exchange) -> None:
        text = next(said)
        (answer(text) if text else refuse(401))(exchange)

    one.fake.script = script
    columns = [column()]
    first = one.send("one", columns)
    (original,) = one.ended(first)
    for state in ("complete", "failed"):
        again = one.talk.again(one.ada, original.id)
        assert again.turn_id == first.turn_id
        assert [view.state for view in one.ended(again)] == [state]
    (turn,) = one.talk.thread(one.ada, first.conversation_id).turns
    assert [(a.version, a.text) for a in turn.of(columns[0].id)] == [(1, "first"), (2, "second"), (3, "")]
    one.ended(one.send("two", columns, conversation_id=first.conversation_id))
    assert told(one.fake, "fake-1")[1:] == [["one"], ["one"], ["one", "second", "two"]]


def test_again_asks_as_the_column_is_set_now_and_without_what_came_later(one: TalkWorld) -> None:
    one.fake.script = echo
    columns = [column()]
    first = one.send("one", columns)
    one.ended(first)
    one.ended(one.send("two", columns, conversation_id=first.conversation_id))
    one.talk.arrange(one.ada, first.conversation_id, [replace(columns[0], model=ModelName("byok", "fake", "fake-2"))])
    (got,) = one.ended(one.talk.again(one.ada, first.answer_ids[0]))
    assert (got.model, got.text, got.version) == ("byok:fake/fake-2", "fake-2: one", 2)
    assert told(one.fake, "fake-2") == [["one"]]


def test_an_answer_that_is_being_written_is_not_asked_for_again(one: TalkWorld) -> None:
    gate = threading.Event()
    one.fake.script = held(gate)
    asked = one.send("one", [column()])
    with pytest.raises(InvalidInputError, match="still being written"):
        one.talk.again(one.ada, asked.answer_ids[0])
    gate.set()
    one.ended(asked)


def test_again_that_nothing_could_be_asked_with_leaves_no_version(one: TalkWorld) -> None:
    setup = column()
    first = one.send("one", [setup])
    one.ended(first)
    one.talk.arrange(one.ada, first.conversation_id, [replace(setup, model=ModelName("byok", "fake", "gone"))])
    with pytest.raises(ModelGoneError):
        one.talk.again(one.ada, first.answer_ids[0])
    assert len(rows(one.db, "answer")) == 1


def test_a_question_waits_for_the_answer_that_was_asked_for_last_be_it_to_an_early_message(one: TalkWorld) -> None:
    gate, setup = threading.Event(), column()
    one.fake.script = echo
    first = one.send("one", [setup])
    one.ended(first)
    one.fake.script = held(gate)
    second = one.send("two", [setup, other := column("fake-2")], conversation_id=first.conversation_id)
    until(lambda: len(one.fake.requests) == 3)
    anew = one.talk.again(one.ada, first.answer_ids[0])
    one.talk.stop(one.ada, second.answer_ids[1])
    third = one.send("three", [setup, other], conversation_id=first.conversation_id)
    one.talk.stop(one.ada, second.answer_ids[0])
    until(lambda: told(one.fake, "fake-1")[-1] == ["one"])
    assert one.talk.answer(one.ada, third.answer_ids[0]).note == "Waits for the answer before it."
    gate.set()
    one.ended(second, anew, third)
    assert told(one.fake, "fake-1")[-1] == ["one", "Once upon a time", "two", "Once", "three"]


# Races and runs


class Watched:
    """A script that notes when each of a model's answers began and ended, on the provider's own clock."""

    def __init__(self, together: int) -> None:
        self.times: dict[str, list[tuple[float, float]]] = defaultdict(list)
        self._all_here = threading.Barrier(together)
        self._met: set[str] = set()

    def __call__(self, exchange: Exchange) -> None:
        model, began = exchange.body["model"], time.monotonic()
        if model not in self._met:
            self._met.add(model)
            self._all_here.wait(10)  # no first answer ends before all first ones have begun
        exchange.text(f"{model} {len(self.times[model]) + 1}")
        self.times[model].append((began, time.monotonic()))
        exchange.finish()


def test_a_fair_race_asks_each_column_once_more_when_it_has_answered_and_columns_side_by_side(
    any_one: TalkWorld,
) -> None:
    one = any_one
    one.fake.script = watched = Watched(together=2)
    columns = [column(), column("fake-2")]
    asked = one.talk.send(one.ada, Message([Ask("Hi", repeats=3)], columns))
    views = one.ended(asked)
    assert [(v.column_id, v.version, v.text) for v in views] == [
        (setup.id, version, f"{model} {version}")
        for setup, model in zip(columns, ("fake-1", "fake-2"), strict=True)
        for version in (1, 2, 3)
    ]
    for times in watched.times.values():
        assert all(ended <= began for (_, ended), (began, _) in pairwise(times))
    (a, *_), (b, *_) = watched.times.values()
    assert max(a[0], b[0]) < min(a[1], b[1])
    assert told(one.fake, "fake-1") == [["Hi"]] * 3
    (turn,) = one.talk.thread(one.ada, asked.conversation_id).turns
    assert turn.repeats == 3
    one.fake.script = echo
    one.ended(one.send("two", columns, conversation_id=asked.conversation_id))
    assert told(one.fake, "fake-2")[-1] == ["Hi", "fake-2 3", "two"]


def test_a_race_goes_on_where_one_of_its_answers_failed(one: TalkWorld) -> None:
    script = iter([answer("a"), refuse(401), answer("c")])
    one.fake.script = lambda exchange: next(script)(exchange)
    views = one.ended(one.talk.send(one.ada, Message([Ask("Hi", repeats=3)], [column()])))
    assert [view.state for view in views] == ["complete", "failed", "complete"]


def test_a_run_of_messages_is_asked_one_after_the_other_with_nobody_looking(any_one: TalkWorld) -> None:
    one = any_one
    one.fake.script = echo
    columns = [column(), column("fake-2")]
    run = [Ask("one"), Ask("two", to={columns[0].id}), Ask("three", repeats=2)]
    asked = one.talk.send(one.ada, Message(run, columns, title="A  run"))
    until(lambda: all(row["state"] != "running" for row in rows(one.db, "answer")))
    assert told(one.fake, "fake-1") == [
        ["one"],
        ["one", "fake-1: one", "two"],
        *[["one", "fake-1: one", "two", "fake-1: two", "three"]] * 2,
    ]
    assert told(one.fake, "fake-2") == [["one"], *[["one", "fake-2: one", "three"]] * 2]
    thread = one.talk.thread(one.ada, asked.conversation_id)
    assert thread.conversation.title == "A run"
    assert [(turn.text, turn.repeats, len(turn.answers)) for turn in thread.branch()] == [
        ("one", 1, 2),
        ("two", 1, 1),
        ("three", 2, 4),
    ]
    assert thread.turns[-1].id == asked.turn_id


def test_in_a_run_a_column_that_got_no_answer_is_not_asked_on_and_the_others_are(one: TalkWorld) -> None:
    one.fake.script = lambda exchange: (refuse(401) if exchange.body["model"] == "fake-2" else echo)(exchange)
    columns = [column(), column("fake-2")]
    asked = one.talk.send(one.ada, Message([Ask("one"), Ask("two"), Ask("three")], columns))
    views = [view for view in one.ended(asked) if view.column_id == columns[1].id]
    assert [view.state for view in views] == ["failed"] * 3
    says = "Not sent: the message before it got no answer here. Run that one again."
    assert [view.error for view in views[1:]] == [says, says]
    assert len(told(one.fake, "fake-2")) == 1
    assert len(told(one.fake, "fake-1")) == 3
    unsent = [view.receipt for view in views[1:]]
    assert [(r.status, r.answered, r.duration_ms) for r in unsent if r] == [("stopped", False, None)] * 2
    figures = {(t["status"], t["answered"]) for t in rows(one.db, "attempt")}
    assert figures == {("complete", True), ("error", False), ("stopped", False)}


def test_stopping_one_answer_of_a_run_lets_it_go_on_with_what_there_is(one: TalkWorld) -> None:
    gate = threading.Event()
    one.fake.script = held_where("fake-1", gate, text="one")
    asked = one.talk.send(one.ada, Message([Ask("one"), Ask("two")], [column()]))
    until(lambda: (live := one.process.runner.live(asked.answer_ids[0])) and live.text)
    one.talk.stop(one.ada, asked.answer_ids[0])
    views = one.ended(asked)
    assert [view.state for view in views] == ["stopped", "complete"]
    assert told(one.fake, "fake-1")[1] == ["one", "Once", "two"]


@pytest.mark.parametrize("repeats", [0, 6])
def test_a_race_is_of_one_to_five(one: TalkWorld, repeats: int) -> None:
    with pytest.raises(InvalidInputError) as caught:
        one.talk.send(one.ada, Message([Ask("Hi", repeats=repeats)], [column()]))
    assert caught.value.field == "repeats"


@pytest.mark.parametrize("asks", [[], [Ask("Hi")] * 201, [Ask("Hi"), Ask(" ")]])
def test_a_run_without_messages_or_with_an_empty_or_too_many_is_refused(one: TalkWorld, asks: list[Ask]) -> None:
    with pytest.raises(InvalidInputError) as caught:
        one.talk.send(one.ada, Message(asks, [column()]))
    assert caught.value.field == "text"
