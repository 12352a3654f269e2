"""Which failures are asked again, and when: the policy as a table, then the runner over real connections."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import AsyncGenerator, Callable, Iterator
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from byok.core import allowances, ledger
from byok.core.leases import LEASE, sweep
from byok.core.live import Live
from byok.core.retries import LONGEST, PAUSES, Retries, may_be_charged
from byok.core.wire import ChatCall, Delta, Ended
from byok.ground.clock import utc_now
from byok.ground.db import Database
from byok.ground.errors import (
    BadAnswerError,
    KeyLimitedError,
    KeyRejectedError,
    KeyUnreadableError,
    NoConnectionError,
    NoCreditError,
    ProviderDownError,
    RateLimitedError,
    RefusedRequestError,
    UnreachableError,
)
from byok.ground.ids import new_id
from tests.fake_provider import Exchange, FakeProvider, answer, fake_provider, held, refuse
from tests.run_world import PLAN, Author, Process, process, row, rows, text_arrived, until

MIDDLE = Retries(jitter=lambda: 0.5)


@pytest.mark.parametrize(
    "error",
    [
        NoConnectionError("no"),
        RateLimitedError("no", status=429),
        *(ProviderDownError("no", status=status) for status in (408, 500, 502, 503, 522, 529)),
    ],
    ids=lambda error: f"{type(error).__name__} {error.status}",
)
def test_what_passes_by_itself_is_asked_twice_more(error: Exception) -> None:
    assert [MIDDLE.pause(error, tries=tries, begun=False) for tries in range(3)] == [*PAUSES, None]


@pytest.mark.parametrize(
    "error",
    [
        None,
        KeyRejectedError("no", status=401),
        KeyLimitedError("no", status=403),
        NoCreditError("no", status=429),
        NoCreditError("no", status=402),
        RefusedRequestError("no", status=400),
        RateLimitedError("no", status=413),
        ProviderDownError("no", status=403),
        ProviderDownError("no"),
        RateLimitedError("no", status=429, taken_on=True),
        ProviderDownError("no", status=503, taken_on=True),
        NoConnectionError("no", taken_on=True),
        ProviderDownError("no", status=503, hopeless=True),
        UnreachableError("no answer in time"),
        BadAnswerError("no"),
        KeyUnreadableError(),
        RuntimeError("no"),
    ],
    ids=lambda error: f"{type(error).__name__} {getattr(error, 'status', '')}",
)
def test_what_does_not_pass_or_may_have_cost_something_is_not_asked_again(error: Exception | None) -> None:
    assert MIDDLE.pause(error, tries=0, begun=False) is None


@pytest.mark.parametrize(
    "error",
    [
        NoConnectionError("no", taken_on=True),
        BadAnswerError("no", status=401, taken_on=True),
        KeyRejectedError("no", status=401, taken_on=True),
        ProviderDownError("no", status=503, taken_on=True),
        *(ProviderDownError("no", status=status) for status in (504, 524)),
        UnreachableError("no answer in time"),
        BadAnswerError("no"),
        RuntimeError("no"),
        None,
    ],
    ids=lambda error: f"{type(error).__name__} {getattr(error, 'status', '')}",
)
def test_what_was_promised_or_met_with_silence_may_be_charged(error: Exception | None) -> None:
    assert may_be_charged(error)


@pytest.mark.parametrize(
    "error",
    [
        NoConnectionError("no"),
        BadAnswerError("no", status=401),
        KeyRejectedError("no", status=401),
        ProviderDownError("no", status=503),
        KeyUnreadableError(),
    ],
    ids=lambda error: f"{type(error).__name__} {getattr(error, 'status', '')}",
)
def test_what_was_refused_or_never_sent_is_not_charged(error: Exception) -> None:
    assert not may_be_charged(error)


def test_nothing_is_asked_again_after_the_first_token() -> None:
    assert MIDDLE.pause(ProviderDownError("no", status=503), tries=0, begun=True) is None


def test_the_pauses_differ_from_one_another_within_half_of_their_length() -> None:
    error = NoConnectionError("no")
    least = Retries(jitter=lambda: 0.0).pause(error, tries=0, begun=False)
    most = Retries(jitter=lambda: 1.0).pause(error, tries=0, begun=False)
    assert (least, most) == (PAUSES[0] * 0.5, PAUSES[0] * 1.5)


@pytest.mark.parametrize(
    ("asked_for", "pause"), [(7.0, 7.25), (0.01, PAUSES[0]), (LONGEST, LONGEST + 0.25), (31.0, None)]
)
def test_what_the_provider_asks_for_is_the_least_and_too_long_a_wait_is_left_to_the_person(
    asked_for: float, pause: float | None
) -> None:
    error = RateLimitedError("no", status=429, retry_after=asked_for)
    assert MIDDLE.pause(error, tries=0, begun=False) == pause


@pytest.fixture
def fake() -> Iterator[FakeProvider]:
    with fake_provider() as made:
        yield made


@pytest.fixture
def one(any_db: Database) -> Iterator[Process]:
    with process(any_db) as made:
        yield made


def first_fails(fake: FakeProvider, *statuses: int) -> None:
    """The provider refuses once with each status, then answers."""
    left = list(statuses)

    def script(exchange: Exchange) -> None:
        (refuse(left.pop(0)) if left else answer("Hello."))(exchange)

    fake.script = script


def ended(live: Live) -> None:
    assert live.wait_end(timeout=10)


def test_each_try_is_an_attempt_of_its_own_and_the_answer_comes_from_the_last(one: Process, fake: FakeProvider) -> None:
    first_fails(fake, 503, 429)
    live = one.send(fake, Author(one.db))
    ended(live)
    kept, tries = row(one.db, "answer"), rows(one.db, "attempt")
    assert (kept["state"], kept["text"], live.state) == ("complete", "Hello.", "complete")
    assert [(t["status"], t["answered"], t["error"]) for t in tries] == [
        ("error", False, "ProviderDownError"),
        ("error", False, "RateLimitedError"),
        ("complete", True, None),
    ]
    same = ("company_id", "person_id", "conversation_id", "answer_id", "process_id", "source", "model_asked", "key_id")
    assert len({tuple(t[name] for name in same) for t in tries}) == 1
    assert all(t["settled_at"] is not None for t in tries)
    assert len(fake.requests) == 3


def test_the_note_of_a_further_try_goes_when_text_comes(one: Process, fake: FakeProvider) -> None:
    gate, left = threading.Event(), [503]

    def script(exchange: Exchange) -> None:
        (refuse(left.pop()) if left else held(gate))(exchange)

    fake.script = script
    live = one.send(fake, Author(one.db))
    text_arrived(live)
    assert live.snapshot().note is None
    gate.set()
    ended(live)


def test_the_note_of_a_further_try_goes_when_it_is_sent(one: Process, fake: FakeProvider) -> None:
    gate, left = threading.Event(), [503]

    def script(exchange: Exchange) -> None:
        if left:
            return refuse(left.pop())(exchange)
        exchange.wait(gate)
        return answer("Hello.")(exchange)

    fake.script = script
    live = one.send(fake, Author(one.db))
    until(lambda: len(fake.requests) == 2)
    assert live.snapshot().note is None
    gate.set()
    ended(live)


def test_after_two_more_tries_the_question_has_failed(one: Process, fake: FakeProvider) -> None:
    fake.script = refuse(500)
    ended(one.send(fake, Author(one.db)))
    assert [t["status"] for t in rows(one.db, "attempt")] == ["error"] * 3
    assert row(one.db, "answer")["state"] == "failed"
    assert len(fake.requests) == 3


def test_a_refusal_that_will_not_pass_is_one_attempt(one: Process, fake: FakeProvider) -> None:
    fake.script = refuse(401)
    ended(one.send(fake, Author(one.db)))
    assert row(one.db, "attempt")["error"] == "KeyRejectedError"
    assert len(fake.requests) == 1


@pytest.mark.parametrize("status", [504, 524])
def test_a_gateway_that_gave_up_waiting_is_one_attempt_that_may_cost(
    one: Process, fake: FakeProvider, status: int
) -> None:
    fake.script = refuse(status)
    ended(one.send(fake, Author(one.db)))
    assert (row(one.db, "attempt")["status"], row(one.db, "attempt")["taken_on"]) == ("error", True)
    assert len(fake.requests) == 1


def test_nothing_is_sent_twice_once_text_has_come(one: Process, fake: FakeProvider) -> None:
    def script(exchange: Exchange) -> None:
        exchange.text("Once")
        exchange.chunk({"error": {"message": "overloaded", "code": 503}})

    fake.script = script
    ended(one.send(fake, Author(one.db)))
    assert (row(one.db, "attempt")["answered"], row(one.db, "answer")["text"]) == (True, "Once")
    assert len(fake.requests) == 1


def test_nothing_is_sent_twice_once_the_model_has_thought(one: Process, fake: FakeProvider) -> None:
    def script(exchange: Exchange) -> None:
        exchange.reasoning("Let me think")
        exchange.chunk({"error": {"message": "overloaded", "code": 503}})

    fake.script = script
    ended(one.send(fake, Author(one.db)))
    assert (row(one.db, "attempt")["error"], row(one.db, "answer")["reasoning"]) == (
        "ProviderDownError",
        "Let me think",
    )
    assert len(fake.requests) == 1


def test_a_port_where_nobody_listens_is_tried_three_times(one: Process, fake: FakeProvider) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        fake.base_url = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
        ended(one.send(fake, Author(one.db)))
    assert [t["error"] for t in rows(one.db, "attempt")] == ["NoConnectionError"] * 3


def test_a_stop_ends_the_pause_and_what_failed_stays_a_failure(any_db: Database, fake: FakeProvider) -> None:
    paused = threading.Event()

    def jitter() -> float:
        paused.set()
        return 0.5

    fake.script = refuse(503)
    with process(any_db, retries=Retries(pauses=(600.0,), jitter=jitter)) as one:
        live = one.send(fake, Author(one.db))
        assert paused.wait(10)
        until(lambda: live.snapshot().note)
        assert live.snapshot().note == "Fake AI has trouble or cannot be reached through a gateway: no. Trying again …"
        one.runner.stop(live.answer_id)
        ended(live)
        assert live.snapshot().note is None
        assert live.state == row(one.db, "answer")["state"] == "stopped"
        assert row(one.db, "attempt")["status"] == "error"
    assert len(fake.requests) == 1


class Promises:
    """A wire to a provider that says yes, and then cannot be reached."""

    def __init__(self) -> None:
        self.asked = 0

    async def chat(self, call: ChatCall) -> AsyncGenerator[Delta | Ended, None]:
        self.asked += 1
        if call.model:
            raise NoConnectionError("no", taken_on=True)
        yield Delta()


def test_a_promised_answer_that_cannot_be_fetched_is_booked_as_one_that_may_cost(
    db: Database, fake: FakeProvider
) -> None:
    wire, author = Promises(), Author(db)
    with process(db, wire=wire) as one:
        ended(one.send(fake, author))
    attempt = row(db, "attempt")
    assert (attempt["status"], attempt["taken_on"], wire.asked) == ("error", True, 1)
    with db.read() as session:
        spent = allowances.spending(session.connection(), company_id=author.company_id, month=attempt["month"])
    assert spent.unpriced == 1


class FailsWhenStopped:
    """A wire that fails in the very moment in which somebody stops the answer."""

    def __init__(self) -> None:
        self.ready = asyncio.Event()
        self.stop: Callable[[], None] = lambda: None

    async def chat(self, call: ChatCall) -> AsyncGenerator[Delta | Ended, None]:
        await self.ready.wait()
        self.stop()
        if call.model:
            raise ProviderDownError("no", status=503)
        yield Delta()


def test_a_stop_in_the_moment_of_the_failure_is_not_lost(db: Database, fake: FakeProvider) -> None:
    wire = FailsWhenStopped()
    with process(db, wire=wire, retries=Retries(pauses=(600.0,))) as one:
        live = one.send(fake, Author(db))
        wire.stop = lambda: one.runner.stop(live.answer_id)
        one.loop.call_soon(wire.ready.set)
        ended(live)
    assert (live.state, row(db, "attempt")["status"]) == ("stopped", "error")


def test_closing_ends_the_pause(any_db: Database, fake: FakeProvider) -> None:
    fake.script = refuse(503)
    with process(any_db, retries=Retries(pauses=(600.0,))) as one:
        live = one.send(fake, Author(one.db))
        until(lambda: live.snapshot().note)  # that it is asked again: the pause has begun
    assert live.state == "interrupted"
    assert row(any_db, "attempt")["status"] != "reserved"


def test_a_try_keeps_the_message_that_the_failed_one_held(one: Process, fake: FakeProvider) -> None:
    author, seen = Author(one.db), []

    def script(exchange: Exchange) -> None:
        with one.db.write_core() as connection:
            month = rows(one.db, "attempt")[0]["month"]
            seen.append(allowances.plan_used(connection, company_id=author.company_id, month=month))
        (refuse(503) if len(seen) < 3 else answer("Hello."))(exchange)

    fake.script = script
    ended(one.send(fake, author, name=PLAN))
    assert seen == [1, 1, 1]


def test_a_process_that_dies_during_a_further_try_leaves_one_attempt_unknown(one: Process, fake: FakeProvider) -> None:
    gate, left = threading.Event(), [503]

    def script(exchange: Exchange) -> None:
        (refuse(left.pop()) if left else held(gate))(exchange)

    fake.script = script
    author = Author(one.db)
    live = one.send(fake, author, name=PLAN)
    until(lambda: row(one.db, "answer")["text"])
    sweep(one.db, utc_now() + 2 * LEASE)  # as another process would, had this one died
    tries = rows(one.db, "attempt")
    assert [(t["status"], t["answered"]) for t in tries] == [("error", False), ("unknown", True)]
    assert row(one.db, "answer")["state"] == "interrupted"
    with one.db.write_core() as connection:
        assert allowances.plan_used(connection, company_id=author.company_id, month=tries[0]["month"]) == 1
    gate.set()
    ended(live)


def test_an_attempt_that_somebody_else_has_settled_is_not_followed(one: Process, fake: FakeProvider) -> None:
    def script(exchange: Exchange) -> None:
        with one.db.write_core() as connection:
            connection.execute(ledger.ATTEMPTS.update().values(status="unknown"))
        refuse(503)(exchange)

    fake.script = script
    ended(one.send(fake, Author(one.db)))
    assert row(one.db, "attempt")["status"] == "unknown"
    assert len(fake.requests) == 1


def test_a_key_that_was_deleted_meanwhile_is_not_used_again(one: Process, fake: FakeProvider) -> None:
    author = Author(one.db)
    key_id = author.add_key()

    def script(exchange: Exchange) -> None:
        if len(fake.requests) == 2:
            with one.db.write_core() as connection:
                connection.execute(ledger.KEYS.delete())
        refuse(503)(exchange)

    fake.script = script
    ended(one.send(fake, author, key_id=key_id))
    assert len(fake.requests) == 2
    assert [attempt["status"] for attempt in rows(one.db, "attempt")] == ["error", "error"]
    assert row(one.db, "answer")["state"] == "failed"


def test_a_question_is_not_carried_into_a_new_month(any_db: Database) -> None:
    _, attempt_id = Author(any_db).reserve(new_id(), name=PLAN)
    failed = ledger.Outcome(status="error", answered=False, error="ProviderDownError")
    with any_db.write_core() as connection:
        connection.execute(ledger.ATTEMPTS.update().values(month="2026-10"))
        assert ledger.follow(connection, attempt_id, failed, at=datetime(2026, 11, 1, tzinfo=UTC)) is None
    assert row(any_db, "attempt")["status"] == "error"


def test_an_attempt_that_was_reserved_and_never_sent_does_not_stay_open(one: Process, fake: FakeProvider) -> None:
    def script(exchange: Exchange) -> None:
        # As after a commit of which this process never heard: the next attempt stands there, and nobody sends it.
        with one.db.write_core() as connection:
            (first,) = connection.execute(sa.select(ledger.ATTEMPTS)).mappings()
            connection.execute(sa.insert(ledger.ATTEMPTS).values({**first, "id": new_id()}))
        answer("Hello.")(exchange)

    fake.script = script
    ended(one.send(fake, Author(one.db)))
    assert sorted(attempt["status"] for attempt in rows(one.db, "attempt")) == ["complete", "interrupted"]
