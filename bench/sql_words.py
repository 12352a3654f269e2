"""What SQLite and PostgreSQL write differently where rows are made by arithmetic."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Words:
    """What the two databases write differently."""

    sqlite: bool

    def hexed(self, value: str, width: int) -> str:
        """A whole number in hexadecimal digits."""
        return f"printf('%0{width}x', {value})" if self.sqlite else f"lpad(to_hex({value}), {width}, '0')"

    def uuid(self, text: str) -> str:
        """An id, of 32 hexadecimal digits."""
        return f"({text})" if self.sqlite else f"({text})::uuid"

    def moment(self, ms: str) -> str:
        """A moment, of milliseconds since 1970, as the product stores it."""
        seconds = f"strftime('%Y-%m-%d %H:%M:%S', ({ms}) / 1000, 'unixepoch')"
        if self.sqlite:
            return f"({seconds} || printf('.%03d000', ({ms}) % 1000))"
        return f"(to_timestamp(({ms}) / 1000) + ({ms}) % 1000 * interval '1 ms')"

    def month(self, ms: str) -> str:
        """Its month, `YYYY-MM`."""
        if self.sqlite:
            return f"strftime('%Y-%m', ({ms}) / 1000, 'unixepoch')"
        return f"to_char(to_timestamp(({ms}) / 1000) AT TIME ZONE 'UTC', 'YYYY-MM')"

    def series(self, first: int, last: int) -> str:
        """A table `series(n)`, for a WITH RECURSIVE."""
        if self.sqlite:
            return f"series(n) AS (SELECT {first} UNION ALL SELECT n + 1 FROM series WHERE n < {last})"  # noqa: S608
        return f"series(n) AS (SELECT n FROM generate_series({first}::bigint, {last}::bigint) AS g(n))"  # noqa: S608
