"""The runner over a real connection and both databases: every way an answer can end, settled once each."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Iterator

import pytest
import sqlalchemy as sa

from byok.core.job import Job
from byok.core.leases import LEASE, sweep
from byok.core.live import Live
from byok.core.wire import ChatCall, Delta, Ended
from byok.ground.clock import utc_now
from byok.ground.db import Database
from byok.ground.ids import new_id
from byok.ground.tables.types import metadata
from tests.fake_provider import Exchange, FakeProvider, answer, fake_provider, held, refuse
from tests.run_world import Author, Process, process, row, text_arrived, until


@pytest.fixture
def fake() -> Iterator[FakeProvider]:
    with fake_provider() as made:
        yield made


@pytest.fixture
def one(db: Database) -> Iterator[Process]:
    with process(db) as made:
        yield made


@pytest.fixture
def author(one: Process) -> Author:
    return Author(one.db)


@pytest.fixture
def any_one(any_db: Database) -> Iterator[Process]:
    """Once on SQLite, once on PostgreSQL: for what depends on how rows are written."""
    with process(any_db) as made:
        yield made


def ended(live: Live) -> None:
    assert live.wait_end(timeout=10)


def test_an_answer_arrives_whole_with_its_receipt(any_one: Process, fake: FakeProvider) -> None:
    one, author = any_one, Author(any_one.db)
    live = one.send(fake, author, key_id=new_id())
    ended(live)
    kept, settled = row(one.db, "answer"), row(one.db, "attempt")
    assert (kept["state"], kept["text"], kept["finish_reason"]) == ("complete", "Hello.", "stop")
    assert (settled["status"], settled["answered"], settled["error"]) == ("complete", True, None)
    assert (settled["tokens_in"], settled["tokens_out"], settled["cost_pico"]) == (11, 7, 7_000)
    assert (settled["price_origin"], settled["price_date"]) == ("test list", "2026-11-01")
    assert (settled["model_answered"], settled["provider_request_id"]) == ("fake-1-2026", "req-1")
    assert 0 <= settled["ttft_ms"] <= settled["duration_ms"]
    assert live.outcome is not None
    assert live.outcome.cost_pico == 7_000


def test_the_rows_are_written_before_the_end_is_published(one: Process, fake: FakeProvider, author: Author) -> None:
    live, seen = one.send(fake, author), []

    def read() -> None:
        live.wait_end(timeout=10)
        seen.append((row(one.db, "answer")["state"], row(one.db, "attempt")["status"]))

    reader = threading.Thread(target=read)
    reader.start()
    reader.join()
    assert seen == [("complete", "complete")]


def test_an_answer_on_the_plan_has_no_price_for_the_company(one: Process, fake: FakeProvider, author: Author) -> None:
    ended(one.send(fake, author))
    assert row(one.db, "attempt")["cost_pico"] is None


def test_stop_hangs_up_at_once_and_keeps_what_arrived(any_one: Process, fake: FakeProvider) -> None:
    one, author = any_one, Author(any_one.db)
    fake.script = held(threading.Event())
    live = one.send(fake, author)
    text_arrived(live)
    one.runner.stop(live.answer_id)
    assert fake.hung_up.wait(0.5)
    ended(live)
    kept, settled = row(one.db, "answer"), row(one.db, "attempt")
    assert (kept["state"], kept["text"]) == ("stopped", "Once")
    assert (settled["status"], settled["answered"], settled["tokens_out"]) == ("stopped", True, None)


def test_a_stop_before_any_text_is_no_answer(one: Process, fake: FakeProvider, author: Author) -> None:
    gate = threading.Event()
    fake.script = lambda exchange: exchange.wait(gate)
    live = one.send(fake, author)
    until(lambda: fake.requests)
    one.runner.stop(live.answer_id)
    one.runner.stop(live.answer_id)
    ended(live)
    assert (row(one.db, "attempt")["status"], row(one.db, "attempt")["answered"]) == ("stopped", False)


def test_another_process_can_ask_for_a_stop(one: Process, fake: FakeProvider, author: Author) -> None:
    fake.script = held(threading.Event())
    live = one.send(fake, author)
    text_arrived(live)
    with one.db.write_core() as connection:
        connection.execute(sa.update(metadata.tables["answer"]).values(stop_requested=True))
    ended(live)
    assert row(one.db, "answer")["state"] == "stopped"


def test_an_answer_whose_conversation_is_deleted_stops(any_one: Process, fake: FakeProvider) -> None:
    one, author = any_one, Author(any_one.db)
    fake.script = held(threading.Event())
    live = one.send(fake, author)
    text_arrived(live)
    with one.db.write_core() as connection:
        connection.execute(sa.delete(metadata.tables["conversation"]))
    ended(live)
    assert fake.hung_up.wait(5)
    assert (row(one.db, "attempt")["status"], row(one.db, "attempt")["answered"]) == ("stopped", True)


def test_the_text_is_kept_while_it_grows(one: Process, fake: FakeProvider, author: Author) -> None:
    gate = threading.Event()
    fake.script = held(gate)
    live = one.send(fake, author)
    until(lambda: row(one.db, "answer")["text"] == "Once")
    assert row(one.db, "answer")["state"] == "running"
    gate.set()
    ended(live)
    assert row(one.db, "answer")["text"] == "Once upon a time"


def test_a_refusal_before_any_text_is_an_error_that_says_why(one: Process, fake: FakeProvider, author: Author) -> None:
    fake.script = refuse(401, "Incorrect API key provided")
    ended(one.send(fake, author))
    kept, settled = row(one.db, "answer"), row(one.db, "attempt")
    assert (settled["status"], settled["answered"], settled["error"]) == ("error", False, "KeyRejectedError")
    assert kept["state"] == "failed"
    assert "Fake AI" in kept["error"]


@pytest.mark.parametrize(("own", "step"), [(False, "tell its operator"), (True, "replace it in API Keys")])
def test_a_rejected_key_is_for_its_owner_to_mend(
    one: Process, fake: FakeProvider, author: Author, own: bool, step: str
) -> None:
    fake.script = refuse(401, "Incorrect API key provided")
    ended(one.send(fake, author, key_id=new_id() if own else None))
    assert step in row(one.db, "answer")["error"]


def test_a_connection_that_breaks_midway_keeps_the_text_and_counts_as_answered(
    one: Process, fake: FakeProvider, author: Author
) -> None:
    fake.script = lambda exchange: exchange.text("Once upon")
    ended(one.send(fake, author))
    kept, settled = row(one.db, "answer"), row(one.db, "attempt")
    assert kept["text"] == "Once upon"
    assert settled["answered"]
    assert settled["status"] != "reserved"


def test_an_answer_without_any_text_says_so(one: Process, fake: FakeProvider, author: Author) -> None:
    def script(exchange: Exchange) -> None:
        exchange.reasoning("Let me think")
        exchange.finish("length", tokens=(11, 100))

    fake.script = script
    ended(one.send(fake, author))
    kept, settled = row(one.db, "answer"), row(one.db, "attempt")
    assert (kept["state"], kept["reasoning"]) == ("failed", "Let me think")
    assert kept["error"] == "The answer length was used up before any text came. Allow a longer answer."
    assert (settled["status"], settled["answered"], settled["tokens_out"]) == ("error", False, 100)


@pytest.mark.parametrize("count", [2**31, 10**12 - 1, 10**30])
def test_a_count_that_the_ledger_cannot_hold_is_unknown_and_costs_nobody_the_answer(
    any_db: Database, fake: FakeProvider, count: int
) -> None:
    def script(exchange: Exchange) -> None:
        exchange.text("Hello.")
        exchange.finish(tokens=(11, count))

    fake.script = script
    with process(any_db) as one:
        ended(one.send(fake, Author(any_db)))
    kept, settled = row(any_db, "answer"), row(any_db, "attempt")
    assert (kept["state"], kept["text"]) == ("complete", "Hello.")
    assert (settled["status"], settled["tokens_in"], settled["tokens_out"]) == ("complete", 11, None)


def test_closing_the_process_keeps_partial_texts_as_interrupted(any_db: Database, fake: FakeProvider) -> None:
    fake.script = held(threading.Event())
    author = Author(any_db)
    with process(any_db) as one:
        text_arrived(one.send(fake, author))
    kept, settled = row(any_db, "answer"), row(any_db, "attempt")
    assert (kept["state"], kept["text"]) == ("interrupted", "Once")
    assert (settled["status"], settled["answered"]) == ("interrupted", True)


def test_nothing_is_taken_on_after_closing(any_db: Database, fake: FakeProvider) -> None:
    author = Author(any_db)
    with process(any_db) as one:
        ended(one.send(fake, author))
    with pytest.raises(RuntimeError, match="closed"):
        one.send(fake, author)


def test_who_was_taken_for_dead_does_not_settle_a_second_time(any_one: Process, fake: FakeProvider) -> None:
    one, author = any_one, Author(any_one.db)
    gate = threading.Event()
    fake.script = held(gate)
    live = one.send(fake, author)
    until(lambda: row(one.db, "answer")["text"])
    sweep(one.db, utc_now() + 2 * LEASE)
    gate.set()
    ended(live)
    kept, settled = row(one.db, "answer"), row(one.db, "attempt")
    assert (settled["status"], settled["tokens_out"]) == ("unknown", None)
    assert (kept["state"], kept["text"]) == ("interrupted", "Once upon a time")
    assert live.state == "interrupted"


def test_an_unforeseen_error_is_settled_and_its_words_are_not_shown(
    one: Process, fake: FakeProvider, author: Author, caplog: pytest.LogCaptureFixture
) -> None:
    def get_ready() -> ChatCall:
        raise LookupError(author.company_id.hex)

    answer_id, attempt_id = author.reserve(one.runner.enlist())
    ended(one.runner.submit(Job(attempt_id, author.company_id, get_ready, answer_id)))
    assert row(one.db, "attempt")["error"] == "LookupError"
    assert row(one.db, "answer")["error"] == "Something went wrong inside the workbench. Try again."
    assert "LookupError" in caplog.text
    assert author.company_id.hex not in caplog.text


def test_a_slow_database_does_not_hold_up_the_stream(db: Database, fake: FakeProvider) -> None:
    gate, author = threading.Event(), Author(db)
    fake.script = held(gate)
    with process(db) as one:
        live = one.send(fake, author)
        text_arrived(live)
        with db.write_core():  # nobody else can write now
            gate.set()
            until(lambda: live.text == "Once upon a time")
            assert live.running
        ended(live)
    assert row(db, "attempt")["status"] == "complete"


def test_the_end_is_written_when_the_database_is_back(db: Database, fake: FakeProvider) -> None:
    gate, author = threading.Event(), Author(db)
    fake.script = held(gate)
    with process(db) as one:
        live = one.send(fake, author)
        text_arrived(live)
        with db.write_core() as connection:
            connection.exec_driver_sql("ALTER TABLE attempt RENAME TO elsewhere")
        gate.set()
        assert not live.wait_end(timeout=0.05)
        with db.write_core() as connection:
            connection.exec_driver_sql("ALTER TABLE elsewhere RENAME TO attempt")
        ended(live)
    assert row(db, "attempt")["status"] == "complete"


def test_eight_answers_at_once_do_not_wait_for_a_ninth_that_hangs(any_db: Database, fake: FakeProvider) -> None:
    author, gate = Author(any_db), threading.Event()

    def script(exchange: Exchange) -> None:
        if len(fake.requests) == 1:
            exchange.wait(gate)
        answer("Hello.")(exchange)

    fake.script = script
    with process(any_db) as one:
        hanging = one.send(fake, author)
        until(lambda: fake.requests)
        others = [one.send(fake, author) for _ in range(8)]
        for live in others:
            ended(live)
            assert live.state == "complete"
        assert hanging.running
        gate.set()
        ended(hanging)


class Lingers:
    """A wire whose answer is whole, but whose connection still waits for the body's end."""

    def __init__(self) -> None:
        self.let_go = asyncio.Event()
        self.gone = threading.Event()

    async def chat(self, call: ChatCall) -> AsyncGenerator[Delta | Ended, None]:
        try:
            yield Delta("Hello.")
            yield Ended("stop", call.model, None, None)
            await self.let_go.wait()
        finally:
            self.gone.set()


def test_an_answer_that_is_whole_does_not_wait_for_its_connection(db: Database, fake: FakeProvider) -> None:
    wire = Lingers()
    with process(db, wire=wire) as one:
        ended(one.send(fake, Author(db)))
        assert (row(db, "answer")["state"], row(db, "attempt")["status"]) == ("complete", "complete")
        assert not wire.gone.is_set()
        one.loop.call_soon(wire.let_go.set)
        assert wire.gone.wait(10)


def test_closing_does_not_leave_a_connection_that_still_waits(db: Database, fake: FakeProvider) -> None:
    wire = Lingers()
    with process(db, wire=wire) as one:
        ended(one.send(fake, Author(db)))
    assert wire.gone.is_set()
    assert row(db, "attempt")["status"] == "complete"
