"""Questions that wait for a free place: what is shown meanwhile, and what is not sent any more in the end."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
import sqlalchemy as sa

from byok.core.live import Live
from byok.core.model_names import ModelName
from byok.core.waiting_line import WaitingLine
from byok.ground.clock import utc_now
from byok.ground.db import Database
from byok.ground.errors import NotFoundError
from byok.ground.tables.types import metadata
from byok.services.columns import ColumnSetup
from byok.services.conversation_views import Asked
from byok.services.messages import Ask, Message
from tests.fake_provider import Exchange, Script, answer, fake_provider, held, refuse
from tests.run_world import BYOK, PLAN, Author, Process, process, rows, until
from tests.services.talk_world import KEY_ID, TalkWorld, column, echo, talk_world

ONE_PLACE = {"at_once": 1}


@dataclass
class Queue:
    """A world with one place, which an answer holds until the gate opens; `waiting` is the question behind it."""

    one: TalkWorld
    gate: threading.Event
    first: Asked
    waiting: Asked

    def go_on(self) -> Any:
        """Opens the gate; how the question that waited ended."""
        self.gate.set()
        return self.one.ended(self.first, self.waiting)[1]

    @property
    def texts(self) -> list[str]:
        """The last message of each request that came."""
        return [body["messages"][-1]["content"] for body in self.one.fake.requests]


@contextmanager
def queue(db: Database, *, setup: ColumnSetup | None = None) -> Iterator[Queue]:
    with talk_world(db, habits=ONE_PLACE) as one:
        gate = threading.Event()
        one.fake.script = held_first(gate)
        first = one.send("first", [column()])
        until(lambda: one.fake.requests)
        yield Queue(one, gate, first, one.send("second", [setup or column()]))
        gate.set()


def held_first(gate: threading.Event) -> Script:
    def script(exchange: Exchange) -> None:
        (held(gate) if exchange.body["messages"][-1]["content"] == "first" else echo)(exchange)

    return script


def silent_until(gate: threading.Event) -> Script:
    def script(exchange: Exchange) -> None:
        exchange.wait(gate)
        echo(exchange)

    return script


@pytest.fixture
def waits(db: Database) -> Iterator[Queue]:
    with queue(db) as made:
        yield made


@pytest.fixture
def any_waits(any_db: Database) -> Iterator[Queue]:
    with queue(any_db) as made:
        yield made


def note_of(one: TalkWorld, asked: Asked) -> str | None:
    return one.talk.answer(one.ada, asked.answer_ids[0]).note


def attempt_of(one: TalkWorld, asked: Asked) -> Any:
    (found,) = [attempt for attempt in rows(one.db, "attempt") if attempt["answer_id"] == asked.answer_ids[0]]
    return found


def change(db: Database, table: str, **values: object) -> None:
    with db.write_core() as connection:
        connection.execute(sa.update(metadata.tables[table]).values(**values))


def test_an_answer_that_waits_shows_its_place_until_its_turn_comes(waits: Queue) -> None:
    one = waits.one
    third = one.send("third", [column()])
    until(lambda: note_of(one, third) == "Waiting for a free place: 1 is before this one.")
    assert note_of(one, waits.waiting) == "Waiting for a free place: nobody is before this one."
    one.talk.stop(one.ada, *waits.waiting.answer_ids)
    until(lambda: note_of(one, third) == "Waiting for a free place: nobody is before this one.")
    waits.go_on()
    (got,) = one.ended(third)
    assert (got.state, got.note, got.text) == ("complete", None, "fake-1: third")
    assert waits.texts == ["first", "third"]


def test_what_it_waited_for_is_no_longer_shown_once_it_is_sent(db: Database) -> None:
    with queue(db) as waits:
        one, gate = waits.one, threading.Event()
        until(lambda: note_of(one, waits.waiting) and one.talk.answer(one.ada, waits.first.answer_ids[0]).text)
        one.fake.script = silent_until(gate)
        waits.gate.set()
        until(lambda: len(one.fake.requests) == 2)
        assert note_of(one, waits.waiting) is None
        gate.set()


def test_the_answer_before_it_is_no_longer_named_once_it_is_sent(db: Database) -> None:
    with talk_world(db) as one:
        gates = threading.Event(), threading.Event()
        one.fake.script = held(gates[0])
        asked = one.talk.send(one.ada, Message([Ask("Hi", repeats=2)], [column()]))
        first, second = (one.process.runner.live(answer_id) for answer_id in asked.answer_ids)
        until(lambda: first and first.text and second and second.snapshot().note)
        one.fake.script = silent_until(gates[1])
        gates[0].set()
        until(lambda: len(one.fake.requests) == 2)
        assert second is not None
        assert second.snapshot().note is None
        gates[1].set()


def test_a_stop_while_it_waits_is_no_answer_and_nothing_was_sent(any_waits: Queue) -> None:
    one, waiting = any_waits.one, any_waits.waiting
    one.talk.stop(one.ada, *waiting.answer_ids)
    view = one.talk.answer(one.ada, waiting.answer_ids[0])
    assert (view.state, view.text, view.error, view.note) == ("stopped", "", None, None)
    attempt = attempt_of(one, waiting)
    assert (attempt["status"], attempt["answered"], attempt["error"]) == ("stopped", False, None)
    assert (attempt["ttft_ms"], attempt["duration_ms"]) == (None, None)
    any_waits.go_on()
    assert any_waits.texts == ["first"]


def test_a_plan_message_that_waited_and_was_stopped_is_given_back(db: Database) -> None:
    with queue(db, setup=column(source="plan")) as waits:
        assert waits.one.usage().allowance(waits.one.ada) == (10, 1)
        waits.one.talk.stop(waits.one.ada, *waits.waiting.answer_ids)
        assert waits.one.usage().allowance(waits.one.ada) == (10, 0)


def test_the_time_that_it_waited_is_not_the_providers(waits: Queue) -> None:
    live = waits.one.process.runner.live(waits.waiting.answer_ids[0])
    assert live is not None
    assert not live.wait_end(timeout=0.1)  # so long, at least, it waits
    called = time.monotonic()
    receipt = waits.go_on().receipt
    assert 0 <= receipt.ttft_ms <= receipt.duration_ms <= (time.monotonic() - called) * 1000 + 1


def test_a_key_that_is_deleted_meanwhile_is_not_used_any_more(any_waits: Queue) -> None:
    one = any_waits.one
    with one.db.write_core() as connection:
        connection.execute(sa.delete(metadata.tables["api_key"]))
    got = any_waits.go_on()
    assert (got.state, got.error) == ("failed", "Not sent. The key is gone. Choose another model.")
    attempt = attempt_of(one, any_waits.waiting)
    assert (attempt["status"], attempt["answered"], attempt["duration_ms"]) == ("stopped", False, None)
    assert any_waits.texts == ["first"]
    (figures,) = one.usage().month(one.ada).rows
    assert (figures.byok.errors, figures.byok.requests) == (0, 1)


def test_a_key_that_is_the_default_by_now_does_not_pay_for_what_was_reserved_for_another(any_waits: Queue) -> None:
    one = any_waits.one
    change(one.db, "api_key", is_default=False)
    other = one.author.add_key()
    got = any_waits.go_on()
    assert got.state == "complete"
    assert got.receipt.key_id == KEY_ID != other
    assert one.fake.keys == [str(KEY_ID)] * 2


def test_a_plan_that_changes_meanwhile_is_heeded(waits: Queue) -> None:
    one = waits.one
    change(one.db, "company", plan="basic")
    got = waits.go_on()
    assert got.state == "failed"
    assert got.error.startswith("Not sent. Own keys are not part of it.")
    assert attempt_of(one, waits.waiting)["status"] == "stopped"
    assert waits.texts == ["first"]


def test_a_person_who_is_disabled_meanwhile_is_not_asked_for(waits: Queue) -> None:
    change(waits.one.db, "person", disabled_at=utc_now())
    waits.gate.set()
    until(lambda: attempt_of(waits.one, waits.waiting)["status"] == "stopped")
    assert waits.texts == ["first"]


def test_a_conversation_that_is_deleted_meanwhile_is_not_asked_on(any_waits: Queue) -> None:
    one, waiting = any_waits.one, any_waits.waiting
    live = one.process.runner.live(waiting.answer_ids[0])
    one.talk.delete(one.ada, waiting.conversation_id)
    assert live is not None
    assert live.wait_end(timeout=10)
    any_waits.gate.set()
    one.ended(any_waits.first)
    assert any_waits.texts == ["first"]
    assert sorted((a["status"], a["answered"]) for a in rows(one.db, "attempt")) == [
        ("complete", True),
        ("stopped", False),
    ]


def test_a_conversation_that_another_process_deletes_is_not_asked_on_before_that_is_seen_here(any_db: Database) -> None:
    # Only a checkpoint sees that rows are gone, and there is none in this test's time.
    with talk_world(any_db, tick=60) as one, process(any_db) as other:
        gate = threading.Event()
        one.fake.script = held(gate)
        asked = one.talk.send(one.ada, Message([Ask("Hi", repeats=2)], [column()]))
        first, second = (one.process.runner.live(answer_id) for answer_id in asked.answer_ids)
        until(lambda: first and first.text and second and second.snapshot().note)
        one.talk_of(other).delete(one.ada, asked.conversation_id)
        gate.set()
        assert second is not None
        assert second.wait_end(timeout=10)
        assert (second.state, second.snapshot().error) == ("failed", "Not sent. The conversation was deleted.")
        assert len(one.fake.requests) == 1
        assert sorted(attempt["status"] for attempt in rows(any_db, "attempt")) == ["complete", "stopped"]


def test_a_question_without_a_conversation_waits_by_the_same_rules(db: Database) -> None:
    with talk_world(db, habits=ONE_PLACE) as one:
        gate = threading.Event()
        one.fake.script = held_first(gate)
        lives: list[Live] = [one.talk.ask_once(one.ada, text=text, model=BYOK) for text in ("first", "second")]
        until(lambda: lives[1].snapshot().note)
        with db.write_core() as connection:
            connection.execute(sa.delete(metadata.tables["api_key"]))
        gate.set()
        assert all(live.wait_end(timeout=10) for live in lives)
        assert [live.state for live in lives] == ["complete", "failed"]
        assert lives[1].snapshot().error == "Not sent. The key is gone. Choose another model."
        assert len(one.fake.requests) == 1


def test_a_company_whose_provider_hangs_gets_its_other_providers_answers(db: Database) -> None:
    with fake_provider(id="other", name="Other AI") as other, talk_world(db, other, habits={"at_once": 2}) as one:
        gate = threading.Event()
        one.fake.script = held(gate)
        columns = [*(column() for _ in range(6)), ColumnSetup(ModelName("byok", "other", "o-1"))]
        asked = one.send("Hi", columns)
        live = one.process.runner.live(asked.answer_ids[6])
        assert live is None or live.wait_end(timeout=10)
        assert one.talk.answer(one.ada, asked.answer_ids[6]).state == "complete"
        until(lambda: len(one.fake.requests) == 2)
        states = [view.note for view in one.talk.answers(one.ada, asked.answer_ids)]
        assert sum(bool(note) for note in states) == 4
        gate.set()
        assert {view.state for view in one.ended(asked)} == {"complete"}


def test_another_company_is_served_while_one_waits_for_its_own(db: Database) -> None:
    with talk_world(db, line=WaitingLine(company_at_once=2)) as one:
        gate, other = threading.Event(), Author(db, slug="other")
        one.fake.script = held(gate)
        asked = one.send("Hi", [column() for _ in range(4)])
        until(lambda: len(one.fake.requests) == 2)
        one.fake.script = answer("Hello.")
        live = one.process.send(one.fake, other)
        assert live.wait_end(timeout=10)
        assert live.text == "Hello."
        assert len(one.fake.requests) == 3
        gate.set()
        one.ended(asked)


def test_a_question_that_is_tried_again_asks_anew_whether_it_may(db: Database) -> None:
    with talk_world(db) as one:

        def script(exchange: Exchange) -> None:
            change(db, "company", plan="basic")
            refuse(503)(exchange)

        one.fake.script = script
        (got,) = one.ended(one.send("Hi", [column()]))
        assert (got.state, len(one.fake.requests)) == ("failed", 1)
        assert got.error is not None
        assert got.error.startswith("Not sent. Own keys are not part of it.")
        assert [attempt["status"] for attempt in rows(db, "attempt")] == ["error", "stopped"]


# Stopping several


def test_all_answers_are_stopped_at_once_those_that_wait_too(any_db: Database) -> None:
    with talk_world(any_db, habits={"at_once": 2}) as one:
        one.fake.script = held(threading.Event())
        asked = one.talk.send(one.ada, Message([Ask("Hi", repeats=2)], [column() for _ in range(3)]))
        until(lambda: sum(bool(view.text) for view in one.talk.answers(one.ada, asked.answer_ids)) == 2)
        one.talk.stop(one.ada, *asked.answer_ids)
        views = one.talk.answers(one.ada, asked.answer_ids)
        assert [view.state for view in views] == ["stopped"] * 6
        assert sorted(view.text for view in views) == ["", "", "", "", "Once", "Once"]
        answered = [attempt["answered"] for attempt in rows(any_db, "attempt")]
        assert (answered.count(True), answered.count(False)) == (2, 4)
        assert len(one.fake.requests) == 2


def test_stopping_one_column_leaves_the_others(one_held: tuple[TalkWorld, Asked, threading.Event]) -> None:
    one, asked, gate = one_held
    one.talk.stop(one.ada, asked.answer_ids[1])
    gate.set()
    views = one.ended(asked)
    assert [(view.state, view.text) for view in views] == [
        ("complete", "Once upon a time"),
        ("stopped", "Once"),
        ("complete", "Once upon a time"),
    ]


def test_several_are_stopped_from_another_process_and_their_own(any_db: Database) -> None:
    with talk_world(any_db) as one:
        here, there = one.process, Process(any_db)
        try:
            one.fake.script = held(threading.Event())
            asked = [
                talk.send(one.ada, Message([Ask("Hi")], [column(), column()]))
                for talk in (one.talk, one.talk_of(there))
            ]
            ids = [answer_id for of_one in asked for answer_id in of_one.answer_ids]
            lives = [live for key in ids for process in (here, there) if (live := process.runner.live(key))]
            until(lambda: all(live.text for live in lives))
            one.talk.stop(one.ada, *ids)
            assert [live.state for live in lives[:2]] == ["stopped"] * 2  # its own: written before it returns
            assert all(live.wait_end(timeout=10) for live in lives)
            kept = [(view.state, view.text) for view in one.talk.answers(one.ada, ids)]
            assert kept == [("stopped", "Once")] * 4
        finally:
            there.close()


def test_a_stop_that_names_one_answer_of_somebody_else_stops_none(
    one_held: tuple[TalkWorld, Asked, threading.Event],
) -> None:
    one, asked, gate = one_held
    theirs = one.talk.ask(one.max, text="Hi", model=PLAN)
    with pytest.raises(NotFoundError, match="no such answer"):
        one.talk.stop(one.ada, *asked.answer_ids, *theirs.answer_ids)
    gate.set()
    assert {view.state for view in one.ended(asked)} == {"complete"}


@pytest.fixture
def one_held(db: Database) -> Iterator[tuple[TalkWorld, Asked, threading.Event]]:
    """Three columns that have begun to answer, and the gate that lets them end."""
    with talk_world(db) as one:
        gate = threading.Event()
        one.fake.script = held(gate)
        asked = one.send("Hi", [column() for _ in range(3)])
        lives = [one.process.runner.live(answer_id) for answer_id in asked.answer_ids]
        until(lambda: all(live and live.text for live in lives))
        yield one, asked, gate
        gate.set()
