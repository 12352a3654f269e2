"""Corrections: booked beside the attempt, counted in its day, and the days still add up to their rows."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from byok.core.audit import Chains
from byok.core.catalogue import Catalogue
from byok.core.ledger import Outcome, reserve, settle
from byok.core.rollups import Settled, add
from byok.ground.clock import utc_now
from byok.ground.db import Database
from byok.ground.errors import InvalidInputError, NotAllowedError, NotFoundError
from byok.ground.ids import new_id
from byok.ground.tables.types import metadata
from byok.services.access import Actor
from byok.services.corrections import Corrections
from byok.services.periods import Period
from byok.services.usage import Usage
from byok.services.usage_table import UsageTable
from tests.audit_world import fresh_vault
from tests.run_world import BYOK, NOVEMBER, PLAN, Author, row, rows
from tests.services.talk_world import PLANS

MONTH = Period.month("2026-11")
PRICED = Outcome("complete", answered=True, tokens_in=10, tokens_out=20, cost_pico=3_000)
BARE = Outcome("complete", answered=True)


class Books:
    """A company, its operator, and the services that read and correct."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self.author = Author(db)
        self.operator = Actor(self.author.company_id)
        self.vault = fresh_vault()
        self.corrections = Corrections(db=db, plans=PLANS, chains=Chains(vault=self.vault), clock=utc_now)
        self.usage = Usage(db=db, plans=PLANS, catalogue=Catalogue({}), clock=lambda: NOVEMBER)

    def attempt(self, outcome: Outcome | None = PRICED, **more: Any) -> UUID:
        """One attempt, on an own key unless named otherwise, settled where there is an outcome."""
        fixed: dict[str, Any] = {"company_id": self.author.company_id, "process_id": new_id(), "name": BYOK}
        with self.db.write_core() as connection:
            attempt_id = reserve(connection, **fixed | more, at=NOVEMBER, plan_messages=10)
            if outcome is not None:
                settle(connection, attempt_id, outcome, at=NOVEMBER)
        return attempt_id

    def correct(self, attempt_id: UUID, **figures: Any) -> UUID:
        """As the operator."""
        return self.corrections.correct(self.operator, attempt_id, reason="invoice", **figures)

    def table(self) -> UsageTable:
        """November."""
        return self.usage.table(self.operator, MONTH)


@pytest.fixture
def books(any_db: Database) -> Books:
    return Books(any_db)


def test_a_correction_leaves_the_attempts_own_row_as_it_was(books: Books) -> None:
    attempt_id = books.attempt()
    before = dict(row(books.db, "attempt"))
    books.correct(attempt_id, cost=Decimal("0.5"))
    assert dict(row(books.db, "attempt")) == before


def test_a_corrected_cost_is_what_the_month_shows(books: Books) -> None:
    books.attempt()
    books.correct(books.attempt(), cost=Decimal("0.000000005"))
    assert books.table().total.byok.cost_pico == 3_000 + 5_000
    assert books.corrections.verify().differences == ()


def test_a_first_price_makes_an_unpriced_call_a_priced_one(books: Books) -> None:
    attempt_id = books.attempt(BARE)
    assert books.table().total.byok.unpriced == 1
    books.correct(attempt_id, cost=Decimal("0.25"))
    found = books.table().total.byok
    assert (found.cost_pico, found.unpriced, found.unbounded) == (250_000_000_000, 0, 0)
    assert books.corrections.verify().differences == ()


def test_token_counts_that_the_provider_never_sent_can_be_given_both_at_once(books: Books) -> None:
    attempt_id = books.attempt(BARE)
    with pytest.raises(InvalidInputError, match="One token count is not enough"):
        books.correct(attempt_id, tokens_in=5)
    books.correct(attempt_id, tokens_in=5, tokens_out=7)
    found = books.table().total.byok
    assert (found.tokens_in, found.tokens_out, found.uncounted) == (5, 7, 0)
    assert books.corrections.verify().differences == ()


def test_each_correction_is_a_difference_to_those_before_it(books: Books) -> None:
    attempt_id = books.attempt(BARE)
    for cost in ("0.3", "0.1", "0.2"):
        books.correct(attempt_id, cost=Decimal(cost))
    assert books.table().total.byok.cost_pico == 200_000_000_000
    assert [one["cost_pico"] for one in rows(books.db, "adjustment")] == [3 * 10**11, -2 * 10**11, 10**11]
    (shown,) = books.usage.attempts(books.operator, MONTH).rows
    assert (shown.cost_pico, shown.corrections) == (200_000_000_000, 3)
    assert books.corrections.verify().differences == ()


def test_a_price_given_later_takes_the_place_of_what_was_reserved_for_a_budget(books: Books) -> None:
    attempt_id = books.attempt(Outcome("stopped", answered=True, duration_ms=5), at_most_pico=9_000)
    assert books.table().total.byok.bound_pico == 9_000
    books.correct(attempt_id, cost=Decimal("0.000000001"))
    assert (books.table().total.byok.bound_pico, books.table().total.byok.cost_pico) == (0, 1_000)
    assert books.corrections.verify().differences == ()


def test_what_is_the_same_already_is_no_correction(books: Books) -> None:
    attempt_id = books.attempt()
    with pytest.raises(InvalidInputError, match="these figures already"):
        books.correct(attempt_id, tokens_in=10)
    assert rows(books.db, "adjustment") == []


def test_a_message_that_the_plan_paid_for_gets_no_cost(books: Books) -> None:
    attempt_id = books.attempt(BARE, name=PLAN)
    with pytest.raises(InvalidInputError, match=r"no cost of its own\. Correct its token counts") as caught:
        books.correct(attempt_id, cost=Decimal("0.5"), tokens_in=5, tokens_out=7)
    assert caught.value.field == "cost"
    assert rows(books.db, "adjustment") == []


def test_a_message_of_the_plan_can_get_other_token_counts(books: Books) -> None:
    books.correct(books.attempt(BARE, name=PLAN), tokens_in=5, tokens_out=7)
    found = books.table().total.plan
    assert (found.tokens_in, found.tokens_out, found.cost_pico) == (5, 7, None)
    assert books.corrections.verify().differences == ()


def test_an_open_attempt_cannot_be_corrected(books: Books) -> None:
    attempt_id = books.attempt(None)
    with pytest.raises(InvalidInputError, match="still open"):
        books.correct(attempt_id, cost=Decimal(1))


def test_another_companys_attempt_is_not_there(books: Books) -> None:
    attempt_id, other = books.attempt(), Author(books.db, slug="other")
    with pytest.raises(NotFoundError):
        books.corrections.correct(Actor(other.company_id), attempt_id, reason="x", cost=Decimal(1))


def test_who_is_signed_in_does_not_correct_the_books(books: Books) -> None:
    admin = Actor(books.author.company_id, books.author.person_id)
    with pytest.raises(NotAllowedError):
        books.corrections.correct(admin, books.attempt(), reason="x", cost=Decimal(1))


@pytest.mark.parametrize("cost", ["-1", "NaN", "Infinity", "1e9", "10000.01"])
def test_what_is_no_amount_is_refused(books: Books, cost: str) -> None:
    with pytest.raises(InvalidInputError, match=r"from 0 to 10,000\.$") as caught:
        books.correct(books.attempt(), cost=Decimal(cost))
    assert caught.value.field == "cost"


def test_a_reason_must_be_given(books: Books) -> None:
    with pytest.raises(InvalidInputError) as caught:
        books.corrections.correct(books.operator, books.attempt(), reason=" ", cost=Decimal(1))
    assert caught.value.field == "reason"


def test_verifying_names_the_figure_that_is_wrong_and_rebuilding_mends_it(books: Books) -> None:
    books.attempt()
    place = (books.author.company_id, NOVEMBER.date(), "byok", "fake", "fake-1", *[UUID(int=0)] * 3)
    with books.db.write_core() as connection:
        add(connection, [Settled(place, {"answered": 1})])
    found = books.corrections.verify()
    assert (found.companies, found.attempts) == (1, 1)
    assert [str(one) for one in found.differences] == [
        "usage_day (2026-11-23, byok, fake): answered is 2, the rows add up to 1",
        "usage_detail (2026-11-23, byok, fake, fake-1): answered is 2, the rows add up to 1",
    ]
    assert books.corrections.rebuild() == 1
    assert books.corrections.verify(books.author.company_id).differences == ()


def test_a_row_that_was_deleted_by_hand_is_found(books: Books) -> None:
    books.attempt()
    with books.db.write_core() as connection:
        connection.execute(sa.delete(metadata.tables["attempt"]))
    assert {one.figure for one in books.corrections.verify().differences} >= {"answered", "cost_pico", "tokens_in"}


@pytest.mark.parametrize("cost", ["0", "0.25"])
def test_a_call_that_got_its_price_by_a_correction_is_unpriced_in_no_list_either(books: Books, cost: str) -> None:
    attempt_id, other = books.attempt(BARE), books.attempt(BARE)
    books.correct(attempt_id, cost=Decimal(cost))
    unpriced = books.usage.attempts(books.operator, MONTH, where={"which": "unpriced"}).rows
    assert [one.id for one in unpriced] == [other]
    assert len(unpriced) == books.table().total.byok.unpriced


def test_an_attempt_that_is_corrected_to_nothing_is_shown_with_0_and_not_with_a_dash(books: Books) -> None:
    books.correct(books.attempt(BARE), cost=Decimal(0), tokens_in=0, tokens_out=0)
    (shown,) = books.usage.attempts(books.operator, MONTH).rows
    assert (shown.cost_pico, shown.tokens_in, shown.tokens_out) == (0, 0, 0)


def test_a_corrected_cost_says_nothing_of_tokens_that_are_not_known(books: Books) -> None:
    books.correct(books.attempt(BARE), cost=Decimal(1))
    (shown,) = books.usage.attempts(books.operator, MONTH).rows
    assert (shown.cost_pico, shown.tokens_in, shown.tokens_out) == (10**12, None, None)


def test_a_correction_is_on_the_companys_record_without_what_somebody_wrote(books: Books) -> None:
    attempt_id = books.attempt()
    books.correct(attempt_id, cost=Decimal("0.0125"), tokens_in=5)
    events = metadata.tables["audit_event"]
    with books.db.read() as session:
        mine = sa.select(events).where(events.c.chain_id == books.author.company_id)
        (row,) = session.connection().execute(mine).all()
    told = (row.actor_name, row.action, row.subject, row.detail)
    assert told == ("operator", "usage.corrected", str(attempt_id), "cost in USD: 0.0125, tokens in: 5")


def test_each_company_is_rebuilt_by_itself_so_that_others_can_write_in_between(books: Books) -> None:
    place = (NOVEMBER.date(), "byok", "fake", "fake-1", *[UUID(int=0)] * 3)
    companies = (books.author, Author(books.db, slug="other"))
    with books.db.write_core() as connection:
        for one in companies:
            add(connection, [Settled((one.company_id, *place), {"answered": 1})])
    wrong: list[int] = []

    @sa.event.listens_for(books.db.engine, "begin")
    def on_begin(connection: sa.Connection) -> None:
        if connection.get_execution_options().get("byok_write"):
            wrong.append(len({one.place[0] for one in books.corrections.verify().differences}))

    assert books.corrections.rebuild() == 2
    sa.event.remove(books.db.engine, "begin", on_begin)
    assert wrong == [2, 1]  # as each of two transactions began
    assert books.corrections.verify().differences == ()
