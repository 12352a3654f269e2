"""Spans of days: what is one, what is none, and the steps in it."""

from __future__ import annotations

from datetime import date

import pytest

from byok.ground.errors import InvalidInputError
from byok.services.periods import Period

TODAY = date(2026, 11, 24)


def test_a_month_is_all_of_its_days() -> None:
    period = Period.month("2028-02")
    assert (period.first, period.last, period.days) == (date(2028, 2, 1), date(2028, 2, 29), 29)
    assert (period.as_month, period.label) == ("2028-02", "2028-02")


def test_the_last_days_end_today_and_may_be_four_hundred() -> None:
    assert Period.last_days(1, today=TODAY) == Period(TODAY, TODAY)
    assert Period.last_days(400, today=TODAY).first == date(2025, 10, 21)
    with pytest.raises(InvalidInputError, match="more than 400 days"):
        Period.last_days(401, today=TODAY)


def test_what_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="before the first"):
        Period.between(TODAY, date(2026, 11, 23))


def test_a_span_that_happens_to_be_a_month_is_that_month() -> None:
    assert Period.between(date(2026, 11, 1), date(2026, 11, 30)).as_month == "2026-11"
    assert Period.between(date(2026, 11, 1), date(2026, 11, 29)).as_month is None


def test_a_label_says_both_ends_or_the_one_day() -> None:
    assert Period.between(date(2026, 11, 1), TODAY).label == "2026-11-01 to 2026-11-24"
    assert Period.between(TODAY, TODAY).label == "2026-11-24"


def test_its_steps_are_every_day_or_every_month_that_it_touches_in_order() -> None:
    period = Period.between(date(2025, 12, 30), date(2026, 2, 1))
    assert list(period.steps("month")) == ["2025-12", "2026-01", "2026-02"]
    days = list(period.steps("day"))
    assert (len(days), days[0], days[-1]) == (34, "2025-12-30", "2026-02-01")
    assert days == sorted(set(days))


@pytest.mark.parametrize("month", ["9999-12", "0000-01", "0001-01", "0999-12"])
def test_a_month_beyond_the_calendar_is_refused_rather_than_failing(month: str) -> None:
    with pytest.raises(InvalidInputError, match="is not a month"):
        Period.month(month)


def test_the_calendars_last_day_is_refused_as_a_span_too() -> None:
    with pytest.raises(InvalidInputError, match="Choose an earlier one"):
        Period.between(date.max, date.max)


@pytest.mark.parametrize("day", [date.min, date(999, 12, 31)])
def test_a_day_whose_year_has_no_four_digits_is_refused_rather_than_failing(day: date) -> None:
    with pytest.raises(InvalidInputError, match="Choose a later one"):
        Period.between(day, day)


def test_the_first_and_the_last_year_are_periods_that_can_be_named() -> None:
    assert Period.month("1000-01").label == "1000-01"
    assert Period.between(date(9998, 12, 1), date(9998, 12, 31)).as_month == "9998-12"
