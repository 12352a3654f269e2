"""Counts tries at passwords by account and by address, and makes the next one wait: longer each time, never for good.

A try is counted before the password is looked at, in one transaction with the question whether it may be made: of
many at once, in however many processes, no more get through than of the same ones in a row. Refuses to keep names
and addresses: only their hashes. Knows nothing of who exists, so that it tells nobody.

A browser in which an account signed in before counts by itself: whoever guesses elsewhere keeps nobody out of it. That
browser is known by a random cookie and not by its address, so that nobody beside it learns who exists.
"""

from __future__ import annotations

import hashlib
import ipaddress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa

from byok.ground.clock import Clock
from byok.ground.db import Database
from byok.ground.errors import TooManyTriesError
from byok.ground.tables.types import metadata

ROWS: Final = metadata.tables["throttle"]
_COLUMNS: Final = ("scope", "whose", "failures", "since", "until", "expires_at")
# Two at once: one makes the row, the other finds it. Both databases know these words; Core has one for each.
_MAKE: Final = sa.text(
    f"INSERT INTO throttle ({', '.join(_COLUMNS)}) VALUES ({', '.join(f':{name}' for name in _COLUMNS)}) "  # noqa: S608
    "ON CONFLICT DO NOTHING"
).bindparams(*(sa.bindparam(name, type_=ROWS.c[name].type) for name in _COLUMNS))
KNOWN_FOR: Final = timedelta(days=90)  # a browser is an account's own for so long after it last signed in there


@dataclass(frozen=True, slots=True)
class Limit:
    """So many tries are free; then each is followed by a wait twice as long as the last. Forgotten after a rest."""

    free: int
    first: timedelta = timedelta(seconds=15)
    longest: timedelta = timedelta(minutes=15)
    rest: timedelta = timedelta(hours=24)

    def wait(self, tries: int) -> timedelta:
        """How long the next try must wait after so many."""
        if tries < self.free:
            return timedelta(0)
        return min(self.longest, self.first * (1 << min(tries - self.free, 30)))


ACCOUNT: Final = Limit(free=5)
# A whole company may come from one address: those who get it right give their try back.
ADDRESS: Final = Limit(free=50)


@dataclass(frozen=True, slots=True)
class Try:
    """A try that may be made. `until` is when the next one may be, should it fail; None for at once."""

    rows: tuple[tuple[str, bytes], ...]
    until: datetime | None


class Throttle:
    """The counters. They are the same for every process, since they stand in the database."""

    def __init__(self, *, db: Database, clock: Clock, account: Limit = ACCOUNT, address: Limit = ADDRESS) -> None:
        self._db, self._clock, self._account, self._address = db, clock, account, address

    def reserve(self, account: str, address: str, *, place: str = "") -> Try:
        """Counts a try at an account's password from an address. Call it before the password is looked at.

        Args:
            place: the token of the browser, if it has one; see `know_place`.

        Raises:
            TooManyTriesError: it must wait; nothing was counted, and the password must not be looked at.
        """
        now, whose, there = self._clock(), hashed("account", account), hashed("address", _network(address))
        own = hashed("place", account, place)
        with self._db.read() as session:  # most of those that must wait find out without a lock
            self._may(session.connection(), own, whose, there, now)
        with self._db.write_core() as connection:
            rows = self._may(connection, own, whose, there, now, lock=True)
            until = now
            for scope, key in rows:
                until = max(until, self._count(connection, scope, key, now))
        return Try(tuple(rows), until if until > now else None)

    def forgive(self, connection: sa.Connection, tried: Try) -> None:
        """The password was right: the account counts from nothing, and the address has its try back."""
        now = self._clock()
        for scope, key in tried.rows:
            same = (ROWS.c.scope == scope, ROWS.c.whose == key)
            if scope == "account":
                connection.execute(sa.delete(ROWS).where(*same))
            elif scope == "address":
                less = {"failures": sa.func.max(ROWS.c.failures - 1, 0), "until": now}
                if connection.dialect.name != "sqlite":
                    less["failures"] = sa.func.greatest(ROWS.c.failures - 1, 0)
                connection.execute(sa.update(ROWS).where(*same).values(less))
            else:
                nothing = {"failures": 0, "since": now, "until": now, "expires_at": now + KNOWN_FOR}
                connection.execute(sa.update(ROWS).where(*same).values(nothing))

    def tidy(self) -> None:
        """Removes the rows that count nothing any more."""
        with self._db.write_core() as connection:
            # Long since: nobody is about to count in them.
            connection.execute(sa.delete(ROWS).where(ROWS.c.expires_at <= self._clock() - timedelta(hours=1)))

    def _may(
        self, connection: sa.Connection, own: bytes, whose: bytes, there: bytes, now: datetime, *, lock: bool = False
    ) -> list[tuple[str, bytes]]:
        """The rows that count this try: the browser's where it is the account's own, else account's and address's.

        Raises:
            TooManyTriesError: one of them waits.
        """
        known = _row(connection, "place", own, lock=lock)
        if known is not None and known.expires_at > now:
            _wait_for(known, now)
            return [("place", own)]
        keys = [("account", whose), ("address", there)]
        for scope, key in keys:
            found = locked_row(connection, scope, key, now=now) if lock else _row(connection, scope, key, lock=False)
            _wait_for(found, now)
        return keys

    def _count(self, connection: sa.Connection, scope: str, key: bytes, now: datetime) -> datetime:
        """Counts one more, and gives until when the next must wait."""
        same = (ROWS.c.scope == scope, ROWS.c.whose == key)
        row = connection.execute(sa.select(ROWS).where(*same)).one()
        limit = self._address if scope == "address" else self._account
        rested = row.expires_at <= now or now >= max(row.since, row.until) + limit.rest
        tries = 1 if rested else row.failures + 1
        until = now + limit.wait(tries)
        expires_at = until + (KNOWN_FOR if scope == "place" else limit.rest)
        values = {"failures": tries, "since": now, "until": until, "expires_at": expires_at}
        connection.execute(sa.update(ROWS).where(*same).values(values))
        return until


def know_place(connection: sa.Connection, account: str, place: str, *, now: datetime) -> None:
    """From now on a browser counts by itself for this account: it has just signed in there.

    Args:
        place: a random token that the browser keeps; here only a hash of it with the account is kept.
    """
    key = hashed("place", account, place)
    fresh: dict[str, Any] = {"failures": 0, "since": now, "until": now, "expires_at": now + KNOWN_FOR}
    connection.execute(_MAKE, {"scope": "place", "whose": key, **fresh})
    connection.execute(sa.update(ROWS).where(ROWS.c.scope == "place", ROWS.c.whose == key).values(fresh))


def locked_row(connection: sa.Connection, scope: str, key: bytes, *, now: datetime) -> Any:
    """A counter, made where there is none, and nobody else's until the transaction ends."""
    nothing = {"failures": 0, "since": now, "until": now, "expires_at": now + timedelta(days=1)}
    connection.execute(_MAKE, {"scope": scope, "whose": key, **nothing})
    return _row(connection, scope, key, lock=True)


def _row(connection: sa.Connection, scope: str, key: bytes, *, lock: bool) -> Any:
    query = sa.select(ROWS).where(ROWS.c.scope == scope, ROWS.c.whose == key)
    return connection.execute(query.with_for_update() if lock else query).one_or_none()


def _wait_for(row: Any, now: datetime) -> None:
    """Refuses to go on before the moment that a row names.

    Raises:
        TooManyTriesError: it has not come.
    """
    if row is None or row.until <= now:
        return
    seconds = max(1, -((now - row.until) // timedelta(seconds=1)))
    many = f"{-(-seconds // 60)} minutes" if seconds > 90 else f"{seconds} second{'' if seconds == 1 else 's'}"
    raise TooManyTriesError(
        "There were too many tries with this username or from this address.",
        wait_s=seconds,
        next_step=f"Try again in {many}.",
    )


def _network(address: str) -> str:
    """An address as it is counted: of IPv6 the first half, since its owner has all of the other."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, 64), strict=False))


def hashed(*parts: str) -> bytes:
    """What a counter is known by, in place of whom it is about."""
    return hashlib.sha256("\x00".join(parts).encode(errors="replace")).digest()
