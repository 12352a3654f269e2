"""Where a month's plan messages lead at the pace of its days so far. Refuses to guess from less than a day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from byok.ground.clock import days_of, month_of

A_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Pace:
    """The plan's meter.

    Attributes:
        projected: messages at the end of the month; None in its first day, when nothing can be said yet.
        used_up_on: the day (UTC) on which the allowance is used up at that pace; None where it lasts.
        ends_on: the month's last day.
    """

    used: int
    allowance: int
    projected: int | None
    used_up_on: date | None
    ends_on: date

    @property
    def left(self) -> int:
        """Messages left; never below 0."""
        return max(0, self.allowance - self.used)


def pace(used: int, allowance: int, *, now: datetime) -> Pace:
    """The meter as of now.

    Args:
        used: messages of the running month, open reservations included.
    """
    first, last = days_of(month_of(now))
    start = datetime.combine(first, time(), UTC)
    passed, whole = now - start, datetime.combine(last, time(), UTC) + A_DAY - start
    if passed < A_DAY:
        return Pace(used, allowance, None, None, last)
    projected = round(used * (whole / passed))
    used_up = None
    if used >= allowance:
        used_up = now.astimezone(UTC).date()
    elif projected > allowance:
        used_up = min(last, (start + passed * (allowance / used)).date())
    return Pace(used, allowance, projected, used_up, last)
