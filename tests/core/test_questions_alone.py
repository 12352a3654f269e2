"""Questions without a conversation: no answer's row keeps their text; they are booked as well as that allows."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from byok.core import allowances, ledger
from byok.core.job import Job
from byok.core.leases import LEASE, sweep
from byok.core.live import Live
from byok.core.wire import ChatCall
from byok.ground.clock import month_of, utc_now
from byok.ground.db import Database
from tests.fake_provider import FakeProvider, fake_provider, held, refuse
from tests.run_world import PLAN, Author, Process, process, row, rows, until


@pytest.fixture
def fake() -> Iterator[FakeProvider]:
    with fake_provider() as made:
        yield made


@pytest.fixture
def one(any_db: Database) -> Iterator[Process]:
    with process(any_db) as made:
        yield made


def ask(one: Process, fake: FakeProvider, author: Author) -> Live:
    """One question on a standard model, as `byok chat` asks it."""
    process_id, at = one.runner.enlist(), utc_now()
    its: dict[str, Any] = {"company_id": author.company_id, "process_id": process_id}
    with one.db.write_core() as connection:
        attempt_id = ledger.reserve(connection, **its, name=PLAN, at=at, plan_messages=10)
    call = ChatCall(fake.provider, fake.base_url, PLAN.model, [{"role": "user", "content": "hi"}], httpx.Auth())
    return one.runner.submit(Job(attempt_id, author.company_id, call))


def used(author: Author) -> int:
    """Messages of the plan, this month."""
    with author.db.read() as session:
        connection = session.connection()
        return allowances.plan_used(connection, company_id=author.company_id, month=month_of(utc_now()))


def test_one_whose_process_dies_is_free_since_no_row_says_whether_text_had_come(
    one: Process, fake: FakeProvider
) -> None:
    gate, author = threading.Event(), Author(one.db)
    fake.script = held(gate)
    live = ask(one, fake, author)
    until(lambda: live.snapshot().text)
    assert used(author) == 1
    sweep(one.db, utc_now() + 2 * LEASE)  # as another process would, had this one died
    settled = row(one.db, "attempt")
    assert (settled["status"], settled["answered"], used(author)) == ("unknown", False, 0)
    gate.set()
    assert live.wait_end(timeout=10)


def test_a_further_try_that_was_reserved_and_never_sent_holds_no_message(one: Process, fake: FakeProvider) -> None:
    author, lost = Author(one.db), list[Any]()
    fake.script = refuse(503)

    @sa.event.listens_for(one.db.engine, "commit")
    def on_commit(connection: sa.Connection) -> None:
        if not lost and connection.exec_driver_sql("SELECT count(*) FROM attempt").scalar() == 2:
            lost.append(connection.connection.dbapi_connection)
            lost[0].commit()
            raise sa.exc.OperationalError("COMMIT", None, ConnectionError())

    live = ask(one, fake, author)
    assert live.wait_end(timeout=10)
    assert (live.state, len(lost), len(fake.requests)) == ("failed", 1, 1)
    assert [one["status"] for one in rows(one.db, "attempt")] == ["error", "interrupted"]
    assert used(author) == 0
