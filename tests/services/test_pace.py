"""Where a month's messages lead: a projection once a day has passed, and the day on which they are used up."""

from __future__ import annotations

from datetime import UTC, date, datetime

from byok.services.pace import pace

FIFTEEN_DAYS_IN = datetime(2026, 11, 16, tzinfo=UTC)


def test_the_pace_of_half_a_month_goes_on_for_the_other_half() -> None:
    found = pace(40, 100, now=FIFTEEN_DAYS_IN)
    assert (found.projected, found.used_up_on, found.ends_on, found.left) == (80, None, date(2026, 11, 30), 60)


def test_what_runs_out_before_the_end_has_its_day() -> None:
    found = pace(75, 100, now=FIFTEEN_DAYS_IN)
    assert (found.projected, found.used_up_on) == (150, date(2026, 11, 21))


def test_what_is_used_up_is_so_today_and_nothing_is_left_even_after_a_downgrade() -> None:
    found = pace(130, 100, now=FIFTEEN_DAYS_IN)
    assert (found.used_up_on, found.left) == (date(2026, 11, 16), 0)


def test_the_first_day_says_nothing_about_the_month() -> None:
    found = pace(5, 100, now=datetime(2026, 11, 1, 23, 59, tzinfo=UTC))
    assert (found.projected, found.used_up_on) == (None, None)


def test_an_unused_month_leads_to_none_and_an_allowance_of_none_is_used_up() -> None:
    assert pace(0, 100, now=FIFTEEN_DAYS_IN).projected == 0
    assert pace(0, 0, now=FIFTEEN_DAYS_IN).used_up_on == date(2026, 11, 16)


def test_it_is_used_up_within_the_month_whatever_is_rounded() -> None:
    found = pace(100, 100, now=datetime(2026, 11, 30, 23, 59, 59, tzinfo=UTC))
    assert found.used_up_on == date(2026, 11, 30)
    assert pace(99, 99, now=FIFTEEN_DAYS_IN).left == 0
