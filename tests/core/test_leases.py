"""Leases on both databases: the dead are settled, the living left alone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
import sqlalchemy as sa

from byok.core.leases import LEASE, Lease, sweep
from byok.core.loop import LoopThread
from byok.ground.clock import utc_now
from byok.ground.db import Database
from byok.ground.ids import new_id
from byok.ground.tables.types import metadata
from tests.run_world import Author, row, rows, until


@pytest.fixture
def loop() -> Iterator[LoopThread]:
    made = LoopThread()
    yield made
    made.close()


def write_text(db: Database, text: str) -> None:
    with db.write_core() as connection:
        connection.execute(sa.update(metadata.tables["answer"]).values(text=text))


def test_what_a_dead_process_left_open_becomes_unknown_and_interrupted(any_db: Database, loop: LoopThread) -> None:
    dead = Lease(db=any_db, loop=loop, what="app", renew_every=600)
    Author(any_db).reserve(dead.start())
    write_text(any_db, "It was a dark")
    assert sweep(any_db, utc_now() + 2 * LEASE) == 2
    attempt, answer = row(any_db, "attempt"), row(any_db, "answer")
    assert (attempt["status"], attempt["answered"]) == ("unknown", True)
    assert (answer["state"], answer["text"]) == ("interrupted", "It was a dark")
    assert rows(any_db, "process_lease") == []


def test_an_attempt_that_died_before_any_text_does_not_count_as_answered(any_db: Database) -> None:
    Author(any_db).reserve(new_id())
    sweep(any_db, utc_now())
    assert (row(any_db, "attempt")["status"], row(any_db, "attempt")["answered"]) == ("unknown", False)


def test_a_living_process_is_left_alone(any_db: Database, loop: LoopThread) -> None:
    begun = utc_now()
    other = Lease(db=any_db, loop=loop, what="command", clock=lambda: begun)
    Author(any_db).reserve(other.start())
    assert sweep(any_db, begun + LEASE - timedelta(seconds=1)) == 0
    assert row(any_db, "attempt")["status"] == "reserved"
    assert row(any_db, "answer")["state"] == "running"


def test_a_lease_is_renewed_for_as_long_as_its_process_lives(any_db: Database, loop: LoopThread) -> None:
    lease = Lease(db=any_db, loop=loop, what="app", renew_every=0.01)
    lease.start()
    first = row(any_db, "process_lease")["expires_at"]
    until(lambda: row(any_db, "process_lease")["expires_at"] > first)
    lease.close()
    assert rows(any_db, "process_lease") == []


def test_a_process_that_was_taken_for_dead_takes_a_new_lease(any_db: Database, loop: LoopThread) -> None:
    lease = Lease(db=any_db, loop=loop, what="app", renew_every=0.01)
    lease.start()
    sweep(any_db, utc_now() + 2 * LEASE)
    until(lambda: rows(any_db, "process_lease"))
    lease.close()


@pytest.mark.parametrize("any_db", ["postgres"], indirect=True)
@pytest.mark.parametrize("seconds", [-30, -8, 8, 30])
def test_replicas_whose_clocks_differ_do_not_take_one_another_for_dead(
    any_db: Database, loop: LoopThread, seconds: int
) -> None:
    ahead = timedelta(seconds=seconds)
    one = Lease(db=any_db, loop=loop, what="app")
    Author(any_db).reserve(one.start())
    other = Lease(db=any_db, loop=loop, what="app", clock=lambda: utc_now() + ahead)
    Author(any_db, slug="other").reserve(other.start())
    leases = rows(any_db, "process_lease")
    assert {lease["id"] for lease in leases} == {one.id, other.id}
    assert leases[1]["expires_at"] - leases[0]["expires_at"] < LEASE / 2
    third = Lease(db=any_db, loop=loop, what="command")
    third.start()
    assert [attempt["status"] for attempt in rows(any_db, "attempt")] == ["reserved"] * 2
    assert [answer["state"] for answer in rows(any_db, "answer")] == ["running"] * 2
    for lease in (one, other, third):
        lease.close()


def test_whoever_starts_settles_what_the_dead_left(any_db: Database, loop: LoopThread) -> None:
    Author(any_db).reserve(new_id())
    lease = Lease(db=any_db, loop=loop, what="app")
    lease.start()
    assert row(any_db, "attempt")["status"] == "unknown"
    lease.close()
