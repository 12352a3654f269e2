"""Spans of days (UTC) that usage can be asked for: a calendar month, the last days, or from one day to another."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, Literal, Self

from byok.ground.clock import days_of
from byok.ground.errors import InvalidInputError

LONGEST: Final = 400
"""Days."""
FIRST_YEAR: Final = 1000  # an earlier one is not written with four digits everywhere
LAST_YEAR: Final = 9998  # of the next one, Python's calendar does not know the end
By = Literal["day", "month"]


@dataclass(frozen=True, slots=True)
class Period:
    """From the first day to the last, both included. Made by one of its class methods, which check it."""

    first: date
    last: date

    @classmethod
    def month(cls, month: str) -> Self:
        """A calendar month `YYYY-MM`.

        Raises:
            InvalidInputError: that is no month.
        """
        year, dash, number = month.partition("-")
        digits = len(year) == 4 and len(number) == 2 and (year + number).isdecimal() and month.isascii()
        if not (digits and dash and 1 <= int(number) <= 12 and FIRST_YEAR <= int(year) <= LAST_YEAR):
            raise InvalidInputError(f"{month!r} is not a month.", field="month", next_step="Write it as 2026-11.")
        return cls(*days_of(month))

    @classmethod
    def last_days(cls, count: int, *, today: date) -> Self:
        """So many days, the last of them today."""
        return cls.between(today - timedelta(days=count - 1), today)

    @classmethod
    def between(cls, first: date, last: date) -> Self:
        """From one day to another.

        Raises:
            InvalidInputError: the last comes before the first or too late, the first too early, or they are more than
                `LONGEST` days.
        """
        if first.year < FIRST_YEAR:
            raise InvalidInputError(
                f"The first day is before the year {FIRST_YEAR}.", field="period", next_step="Choose a later one."
            )
        if last.year > LAST_YEAR:
            raise InvalidInputError(
                f"The last day is after the year {LAST_YEAR}.", field="period", next_step="Choose an earlier one."
            )
        if last < first:
            raise InvalidInputError("The last day comes before the first.", field="period", next_step="Swap them.")
        if (last - first).days >= LONGEST:
            raise InvalidInputError(
                f"That is more than {LONGEST} days.", field="period", next_step="Choose a shorter time."
            )
        return cls(first, last)

    @property
    def as_month(self) -> str | None:
        """`YYYY-MM`, where it is one whole calendar month."""
        month = f"{self.first:%Y-%m}"
        return month if days_of(month) == (self.first, self.last) else None

    @property
    def label(self) -> str:
        """For people and file names: `2026-11`, or `2026-11-01 to 2026-11-15`."""
        return self.as_month or (f"{self.first}" if self.first == self.last else f"{self.first} to {self.last}")

    @property
    def days(self) -> int:
        """How many."""
        return (self.last - self.first).days + 1

    def steps(self, by: By) -> Iterator[str]:
        """Each day `YYYY-MM-DD` or month `YYYY-MM` that it touches, in order."""
        seen = None
        for number in range(self.days):
            step = named(self.first + timedelta(days=number), by)
            if step != seen:
                yield step
            seen = step


def day_from(day: date | str, *, field: str) -> date:
    """A day as such, or as text `YYYY-MM-DD`.

    Raises:
        InvalidInputError: the text is no day; `field` says which.
    """
    if not isinstance(day, str):
        return day
    try:
        return date.fromisoformat(day)
    except ValueError:
        raise InvalidInputError(f"{day!r} is not a day.", field=field, next_step="Write it as 2026-11-01.") from None


def named(day: date, by: By) -> str:
    """The day or its month, as `Period.steps` writes it."""
    return f"{day}" if by == "day" else f"{day:%Y-%m}"
