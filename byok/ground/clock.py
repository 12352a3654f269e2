"""The one place that asks what time it is, in UTC. Services take a `Clock`, so that tests can set it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The present moment, aware, in UTC."""
    return datetime.now(UTC)


def month_of(moment: datetime) -> str:
    """The calendar month in UTC as `YYYY-MM`: plan usage is counted by it."""
    return f"{moment.astimezone(UTC):%Y-%m}"


def day_of(moment: datetime) -> date:
    """The day in UTC."""
    return moment.astimezone(UTC).date()


def days_of(month: str) -> tuple[date, date]:
    """The first and the last day of a month `YYYY-MM`."""
    first = date.fromisoformat(f"{month}-01")
    return first, (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
