"""Bounds the entries about names that nobody has: so many a day, whoever tries, and the rest as a number in the next.

They stand in the operator's own record, which every check reads, and are made by people who are not signed in. Refuses
to do more or less for a name that somebody has: the work is the same, so that its time tells nothing.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa

from byok.services.throttle import ROWS, hashed, locked_row

MOST: Final = 100
DAY: Final = timedelta(days=1)
FOR_GOOD: Final = timedelta(days=3650)  # what has not been told yet outlives a long silence


def count(connection: sa.Connection, *, known: bool, now: datetime) -> str | None:
    """Counts a try that failed; None where it gets no entry of its own, else what its entry says of others.

    Args:
        known: somebody has the name. Then it always gets one: the account's own limit bounds how many there are.
    """
    whose = hashed("whole", "known" if known else "unknown")
    row = locked_row(connection, "whole", whose, now=now)
    over = now >= row.since + DAY
    tries, since = (1, now) if over else (row.failures + 1, row.since)
    expires_at = since + (DAY if known or tries <= MOST else FOR_GOOD)
    values = {"failures": tries, "since": since, "until": now, "expires_at": expires_at}
    connection.execute(sa.update(ROWS).where(ROWS.c.scope == "whole", ROWS.c.whose == whose).values(values))
    if known:
        return ""
    if over and row.failures > MOST:
        began = f"{row.since:%Y-%m-%d %H:%M} UTC"
        return f"; {row.failures - MOST:,} more in the day after {began} have no entry of their own"
    if tries == MOST:
        return f"; more until {since + DAY:%Y-%m-%d %H:%M} UTC are only counted"
    return "" if tries < MOST else None
