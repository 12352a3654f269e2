"""Reserve and settle, on both databases: the allowance under load, once and only once, and a month's figures."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import pytest

from byok.core import ledger
from byok.core.ledger import Outcome
from byok.core.ledger_figures import Figures, figures, months
from byok.core.model_names import ModelName
from byok.ground.db import Database
from byok.ground.errors import PlanUsedUpError
from byok.ground.ids import new_id
from tests.run_world import BYOK, NOVEMBER, PLAN, Author, row, rows

ANSWERED = Outcome("complete", answered=True, tokens_in=10, tokens_out=20, cost_pico=3_000)


def reserve(db: Database, author: Author, name: ModelName = PLAN, *, allowance: int = 10, **fields: Any) -> UUID:
    at = fields.pop("at", NOVEMBER)
    with db.write_core() as connection:
        return ledger.reserve(
            connection,
            company_id=author.company_id,
            process_id=new_id(),
            name=name,
            at=at,
            plan_messages=allowance,
            **fields,
        )


def settle(db: Database, attempt_id: UUID, outcome: Outcome) -> bool:
    with db.write_core() as connection:
        return ledger.settle(connection, attempt_id, outcome, at=NOVEMBER)


def november(db: Database, author: Author) -> dict[Any, Figures]:
    first, last = date(2026, 11, 1), date(2026, 11, 30)
    with db.read() as session:
        return figures(
            session.connection(), ("provider_id", "source"), company_id=author.company_id, first=first, last=last
        )


def test_of_forty_senders_at_once_exactly_as_many_get_through_as_messages_are_left(any_db: Database) -> None:
    author = Author(any_db)

    def send(_: int) -> bool:
        try:
            reserve(any_db, author, allowance=10)
        except PlanUsedUpError:
            return False
        return True

    with ThreadPoolExecutor(40) as pool:
        assert sum(pool.map(send, range(40))) == 10
    assert len(rows(any_db, "attempt")) == 10


def test_a_failed_attempt_gives_its_message_back(any_db: Database) -> None:
    author = Author(any_db)
    settle(any_db, reserve(any_db, author, allowance=1), Outcome("error", answered=False))
    reserve(any_db, author, allowance=1)


def test_an_attempt_that_was_stopped_after_its_first_text_keeps_its_message(any_db: Database) -> None:
    author = Author(any_db)
    settle(any_db, reserve(any_db, author, allowance=1), Outcome("stopped", answered=True))
    with pytest.raises(PlanUsedUpError, match="1 plan messages are used up"):
        reserve(any_db, author, allowance=1)


def test_an_own_key_goes_on_when_the_plan_is_used_up(any_db: Database) -> None:
    author = Author(any_db)
    reserve(any_db, author, BYOK, allowance=0)
    assert row(any_db, "attempt")["source"] == "byok"


def test_a_month_begins_anew_at_midnight_utc(any_db: Database) -> None:
    author = Author(any_db)
    reserve(any_db, author, allowance=1, at=datetime(2026, 11, 30, 23, 59, 59, tzinfo=UTC))
    reserve(any_db, author, allowance=1, at=datetime(2026, 12, 1, tzinfo=UTC))
    assert [one["month"] for one in rows(any_db, "attempt")] == ["2026-11", "2026-12"]


def test_another_companys_messages_are_its_own(any_db: Database) -> None:
    reserve(any_db, Author(any_db), allowance=1)
    reserve(any_db, Author(any_db, slug="other"), allowance=1)


def test_an_attempt_is_settled_once_and_never_changed_again(any_db: Database) -> None:
    attempt_id = reserve(any_db, Author(any_db))
    assert settle(any_db, attempt_id, ANSWERED)
    assert not settle(any_db, attempt_id, Outcome("error", answered=False, error="Late"))
    settled = row(any_db, "attempt")
    assert (settled["status"], settled["answered"], settled["error"]) == ("complete", True, None)


def test_of_many_that_settle_at_once_one_does(any_db: Database) -> None:
    attempt_id = reserve(any_db, Author(any_db))
    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(lambda _: settle(any_db, attempt_id, ANSWERED), range(8))) == 1


def test_a_months_figures_keep_own_keys_and_plan_apart(any_db: Database) -> None:
    author = Author(any_db)
    for name in (BYOK, BYOK, PLAN):
        settle(any_db, reserve(any_db, author, name), ANSWERED)
    settle(any_db, reserve(any_db, author, BYOK), Outcome("error", answered=False))
    settle(any_db, reserve(any_db, author, BYOK), Outcome("stopped", answered=False))
    settle(any_db, reserve(any_db, author, BYOK), Outcome("stopped", answered=True))
    reserve(any_db, author, PLAN)
    found = november(any_db, author)
    assert found == {
        ("fake", "byok"): Figures(
            answered=3,
            errors=1,
            unanswered=1,
            tokens_in=20,
            tokens_out=40,
            cost_pico=6_000,
            uncounted=1,
            unpriced=1,
            unbounded=1,
            known_in=2,
            known_out=2,
        ),
        ("fake", "plan"): Figures(
            answered=1, open=1, tokens_in=10, tokens_out=20, cost_pico=3_000, known_in=1, known_out=1
        ),
    }
    assert found["fake", "byok"].requests == 4


def test_figures_that_nobody_sent_are_unknown_and_not_zero(any_db: Database) -> None:
    author = Author(any_db)
    settle(any_db, reserve(any_db, author, BYOK), Outcome("complete", answered=True))
    found = november(any_db, author)
    assert (found["fake", "byok"].tokens_in, found["fake", "byok"].cost_pico) == (None, None)


def test_nothing_has_no_figures_however_it_is_split(any_db: Database) -> None:
    author = Author(any_db)
    with any_db.read() as session:
        whole: dict[str, Any] = {"company_id": author.company_id, "first": NOVEMBER.date(), "last": NOVEMBER.date()}
        assert figures(session.connection(), (), **whole) == {}
        assert figures(session.connection(), ("provider_id", "source"), **whole) == {}


def test_a_sum_of_nothing_and_something_unknown_is_unknown() -> None:
    unknown = Figures(answered=1, tokens_in=None, tokens_out=None, cost_pico=None)
    assert (Figures() + unknown).tokens_in is None
    assert (unknown + Figures(answered=1, tokens_in=5)).tokens_in == 5


def test_months_are_listed_newest_first(any_db: Database) -> None:
    author = Author(any_db)
    reserve(any_db, author, BYOK, at=datetime(2026, 9, 1, tzinfo=UTC))
    reserve(any_db, author, BYOK)
    with any_db.read() as session:
        assert months(session.connection(), company_id=author.company_id) == ["2026-11", "2026-09"]
