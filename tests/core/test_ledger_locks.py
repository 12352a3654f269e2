"""Several transactions at the ledger at once, on PostgreSQL, where they do not stand in one line: none waits in a
circle, and none reads half of another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest
import sqlalchemy as sa

from byok.core import ledger
from byok.core.adjustments import Correction, adjust
from byok.core.ledger_figures import Figures, figures
from byok.ground.db import Database
from byok.ground.ids import new_id
from tests.core.ledger_days import ANSWERED, add, found
from tests.run_world import BYOK, NOVEMBER, Author, until


@pytest.fixture
def db(new_postgres: Callable[[str], str], migrated_postgres: str) -> Iterator[Database]:
    database = Database(new_postgres(migrated_postgres))
    yield database
    database.close()


@pytest.fixture
def other() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as pool:
        yield pool


def somebody_waits(db: Database) -> bool:
    """Whether a transaction of this database waits for another one."""
    with db.read() as session:
        waiting = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        return session.connection().execute(sa.text(waiting)).first() is not None


def reserve(connection: sa.Connection, author: Author) -> UUID:
    return ledger.reserve(
        connection, company_id=author.company_id, process_id=new_id(), name=BYOK, at=NOVEMBER, plan_messages=1
    )


def test_a_correction_and_a_question_that_is_asked_again_do_not_wait_in_a_circle(
    db: Database, other: ThreadPoolExecutor
) -> None:
    author = Author(db)
    old = add(db, author)

    def correct() -> None:
        with db.write_core() as connection:
            wanted = Correction(cost_pico=7)
            adjust(connection, old, wanted, company_id=author.company_id, reason="x", made_by="", at=NOVEMBER)

    with db.write_core() as connection:
        failed = reserve(connection, author)
    with db.write_core() as connection:
        assert ledger.settle(connection, failed, ANSWERED, at=NOVEMBER)  # holds the day
        correction = other.submit(correct)  # holds the company, and waits for the day
        until(lambda: somebody_waits(db))
        reserve(connection, author)  # must not wait for the company
    correction.result(timeout=10)
    assert found(db, author) == []


def test_a_call_that_ends_while_figures_are_read_is_among_them(db: Database, other: ThreadPoolExecutor) -> None:
    author = Author(db)
    with db.write_core() as connection:
        attempt_id = reserve(connection, author)

    def read() -> Figures:
        with db.read() as session:
            day = NOVEMBER.date()
            of_all = figures(session.connection(), [], company_id=author.company_id, first=day, last=day)
            return of_all.get((), Figures())

    with db.write_core() as connection:
        connection.execute(sa.text("LOCK TABLE attempt IN ACCESS EXCLUSIVE MODE"))
        reading = other.submit(read)
        until(lambda: somebody_waits(db))
        assert ledger.settle(connection, attempt_id, ANSWERED, at=NOVEMBER)
    assert reading.result(timeout=10).answered == 1
