"""What judges the endings sees what is wrong: a row too many, one left open, one settled twice, text that is lost."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from byok.core.ledger_check import rebuild
from byok.ground.clock import utc_now
from byok.ground.db import Database
from byok.ground.ids import new_id
from byok.ground.tables import USAGE_DAY
from tests.e2e.ending_kinds import ENDINGS
from tests.e2e.endings import ANSWERS, ATTEMPTS, Asked, Found, adds_up, judge, watch
from tests.e2e.paced import Seen
from tests.e2e.paced_models import plan
from tests.run_world import Author

COMPLETE = ENDINGS["complete"]
ASKED = Asked(COMPLETE, "hi", COMPLETE.choices[0])
SEEN = Seen(1, ASKED.choice.paced, {"messages": [{"role": "user", "content": "hi"}]}, 1.0, 2.0, None, 60, 0.0)


def end(db: Database, *, status: str = "complete", text: str | None = None) -> None:
    """Settles all attempts, with the figures of their days, and ends all answers, as if nothing was looked at."""
    meant = plan(ASKED.choice.paced)
    assert meant is not None
    whole = "".join(meant.words or ())
    settled: dict[str, Any] = {"status": status, "answered": True, "settled_at": utc_now()}
    answer = {"state": "complete", "finished_at": utc_now(), "text": whole if text is None else text}
    with db.write_core() as connection:
        connection.execute(sa.update(ATTEMPTS).values(**settled))
        connection.execute(sa.update(ANSWERS).values(**answer))
        for company_id in connection.execute(sa.select(ATTEMPTS.c.company_id).distinct()).scalars().all():
            rebuild(connection, company_id=company_id)


@pytest.fixture
def asked_db(own_db: Database) -> Database:
    """A database in which one question was asked, and is open."""
    watch(own_db)
    Author(own_db).reserve(new_id())
    return own_db


def judged(db: Database) -> Found:
    return judge(db, [ASKED], [SEEN])


def test_one_row_that_was_settled_once_is_right(asked_db: Database) -> None:
    end(asked_db)
    assert judged(asked_db).right, judged(asked_db)
    adds_up(asked_db, asked=1)


def test_a_row_that_is_left_open_is_seen(asked_db: Database) -> None:
    found = judged(asked_db)
    assert (found.left_open, found.settled_once, found.right) == (1, 0, False)
    with pytest.raises(AssertionError, match="left open"):
        adds_up(asked_db, asked=1)


def test_a_row_that_is_settled_twice_is_seen_though_it_reads_as_if_once(asked_db: Database) -> None:
    end(asked_db, status="unknown")
    end(asked_db)
    found = judged(asked_db)
    assert found.settled_once == 0
    assert "settlements is 2, not 1" in found.wrong[0]


def test_a_row_that_is_in_no_day_is_seen(asked_db: Database) -> None:
    end(asked_db)
    with asked_db.write_core() as connection:
        connection.execute(sa.delete(USAGE_DAY))
    with pytest.raises(AssertionError, match="not what the rows add up to"):
        adds_up(asked_db, asked=1)


def test_a_question_without_a_row_is_seen(asked_db: Database) -> None:
    end(asked_db)
    with pytest.raises(AssertionError, match="2 questions"):
        adds_up(asked_db, asked=2)
    missing = judge(asked_db, [Asked(COMPLETE, "never asked", ASKED.choice)], [])
    assert (missing.rows, missing.right) == (0, False)


def test_text_that_is_lost_is_seen(asked_db: Database) -> None:
    end(asked_db, text="The harbour was")
    assert "its text is not the provider's" in judged(asked_db).wrong[0]


def test_an_answer_that_was_over_before_its_ending_is_late_and_does_not_count(asked_db: Database) -> None:
    end(asked_db)
    found = judge(asked_db, [Asked(COMPLETE, "hi", ASKED.choice, at=3.0)], [SEEN])
    assert (found.late, found.runs, found.wrong) == (1, 0, [])
