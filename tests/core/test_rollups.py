"""The days added up: what one attempt adds and where, what may have cost something, and about medians."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from byok.core.first_tokens import EMPTY, bucket, median_ms
from byok.core.ledger import Outcome
from byok.core.rollups import figures_of, may_have_cost
from byok.ground.db import Database
from byok.ground.ids import new_id
from byok.ground.tables.rollups import BOUNDS_MS, BUCKETS, NOBODY, USAGE_DAY, USAGE_DETAIL
from tests.core.ledger_days import FAILED, add, found, kept
from tests.run_world import NOVEMBER, PLAN, Author

# What one attempt adds, and where.


def test_an_answer_is_added_to_its_day_and_to_its_part_of_it(any_db: Database) -> None:
    author, key_id, chatbot_id = Author(any_db), new_id(), new_id()
    add(any_db, author, person_id=author.person_id, key_id=key_id, chatbot_id=chatbot_id)
    place = {"company_id": author.company_id, "day": NOVEMBER.date(), "source": "byok", "provider_id": "fake"}
    figures = {"answered": 1, "known_in": 1, "known_out": 1, "priced": 1, BUCKETS[bucket(120)]: 1}
    figures |= {"tokens_in": 10, "tokens_out": 20, "cost_pico": 3_000}
    finer = {"model": "fake-1", "key_id": key_id, "person_id": author.person_id, "chatbot_id": chatbot_id}
    assert kept(any_db, USAGE_DAY) == [place | figures]
    assert kept(any_db, USAGE_DETAIL) == [place | finer | figures]


def test_nobody_no_key_and_no_chatbot_have_a_name_of_their_own(db: Database) -> None:
    add(db, Author(db), name=PLAN)
    (row,) = kept(db, USAGE_DETAIL)
    assert (row["key_id"], row["person_id"], row["chatbot_id"]) == (NOBODY, NOBODY, NOBODY)


def test_a_second_attempt_is_added_to_the_same_row(db: Database) -> None:
    author = Author(db)
    add(db, author)
    add(db, author, FAILED)
    (row,) = kept(db, USAGE_DAY)
    assert (row["answered"], row["errors"], row["tokens_out"]) == (1, 1, 20)


def test_the_day_is_that_of_the_reservation_in_utc(any_db: Database) -> None:
    late = datetime(2026, 12, 1, 3, 30, tzinfo=timezone(timedelta(hours=4)))  # 23:30 of November 30 in UTC
    add(any_db, Author(any_db), at=late, ended=late + timedelta(hours=1))
    assert [row["day"] for row in kept(any_db, USAGE_DAY)] == [date(2026, 11, 30)]


def test_midnight_utc_begins_a_day(any_db: Database) -> None:
    author, midnight = Author(any_db), datetime(2026, 12, 1, tzinfo=UTC)
    add(any_db, author, at=midnight - timedelta(microseconds=1))
    add(any_db, author, at=midnight)
    assert [row["day"] for row in kept(any_db, USAGE_DAY)] == [date(2026, 11, 30), date(2026, 12, 1)]


def test_an_open_attempt_is_in_no_day(db: Database) -> None:
    author = Author(db)
    author.reserve(new_id())
    assert kept(db, USAGE_DAY) == kept(db, USAGE_DETAIL) == []
    assert found(db, author) == []


def test_zero_is_added_as_well_so_that_a_day_says_that_there_was_something(db: Database) -> None:
    add(db, Author(db), Outcome("complete", True, tokens_in=0, tokens_out=0, cost_pico=0))
    (row,) = kept(db, USAGE_DAY)
    assert (row["known_in"], row["priced"], "tokens_in" in row) == (1, 1, False)


def test_sums_are_exact_where_a_float_would_round(any_db: Database) -> None:
    author, large = Author(any_db), 2**60 + 1
    for _ in range(3):
        add(any_db, author, Outcome("complete", True, tokens_in=2**31 - 1, tokens_out=1, cost_pico=large))
    (row,) = kept(any_db, USAGE_DAY)
    assert (row["cost_pico"], row["tokens_in"]) == (3 * large, 3 * (2**31 - 1))
    assert found(any_db, author) == []


@pytest.mark.parametrize(
    ("status", "answered", "duration_ms", "may"),
    [
        ("complete", True, 900, True),
        ("error", True, 900, True),
        ("error", False, 900, False),
        ("stopped", False, 900, True),
        ("stopped", False, None, False),
        ("interrupted", False, 900, True),
        ("interrupted", False, None, False),
        ("unknown", False, None, True),
    ],
)
def test_who_may_have_charged_for_an_attempt(status: str, answered: bool, duration_ms: int | None, may: bool) -> None:
    assert may_have_cost(status=status, answered=answered, duration_ms=duration_ms) is may


def test_a_call_without_a_known_cost_counts_with_the_most_that_it_may_cost() -> None:
    bound = figures_of(status="unknown", answered=False, reserved_pico=7)
    assert (bound["bound_pico"], bound["unbounded"], bound["cost_pico"]) == (7, False, 0)


def test_a_call_of_which_nothing_at_all_is_known_is_counted() -> None:
    assert figures_of(status="unknown", answered=False)["unbounded"]


def test_a_known_cost_takes_the_place_of_the_most() -> None:
    figures = figures_of(status="complete", answered=True, reserved_pico=7, cost_pico=5)
    assert (figures["bound_pico"], figures["cost_pico"]) == (0, 5)


# Times to the first text.


@pytest.mark.parametrize("place", range(len(BOUNDS_MS)))
def test_a_bucket_ends_where_the_next_begins(place: int) -> None:
    assert (bucket(BOUNDS_MS[place] - 1), bucket(BOUNDS_MS[place])) == (place, place + 1)


def test_nothing_has_no_median() -> None:
    assert median_ms(EMPTY) is None


@pytest.mark.parametrize("times", [[120], [30, 120, 5000], [10, 20, 24, 900, 950, 980, 50_000], [500] * 8 + [3] * 7])
def test_a_median_lies_in_the_bucket_of_the_true_one(times: list[int]) -> None:
    counts = list(EMPTY)
    for one in times:
        counts[bucket(one)] += 1
    about, true = median_ms(counts), sorted(times)[len(times) // 2]
    low, high = max(one for one in (0, *BOUNDS_MS) if one <= true), min(one for one in BOUNDS_MS if one > true)
    assert about is not None
    assert low <= about <= high


def test_a_median_is_read_off_as_if_times_lay_evenly_in_their_bucket() -> None:
    counts = list(EMPTY)
    counts[bucket(100)] = 4  # from 100 to 150 ms
    assert median_ms(counts) == 125
    counts[bucket(0)] = 2  # the third of six is the first of the four
    assert median_ms(counts) == 112


def test_a_median_beyond_the_last_bound_is_that_bound() -> None:
    counts = list(EMPTY)
    counts[-1] = 3
    assert median_ms(counts) == BOUNDS_MS[-1]
