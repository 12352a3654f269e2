"""Checks a username and a password: counted before it is looked at, as long for a name that nobody has, and recorded.

Refuses to say which of the two was wrong, and who exists. How a password is compared is handed in.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa

from byok.core.audit import Chains, Happening
from byok.ground.clock import Clock
from byok.ground.db import Database
from byok.ground.tables import OPERATOR
from byok.ground.tables.types import metadata
from byok.services import unknown_names
from byok.services.account_views import LONGEST, USERNAME, clean_username
from byok.services.passwords import COST, compared, nobody
from byok.services.throttle import Throttle, Try

_p = metadata.tables["person"].c
_PERSON: Final = sa.select(_p.id, _p.company_id, _p.username, _p.name, _p.password_hash, _p.disabled_at)
Compare = Callable[[str, str], bool]


class SignIn:
    """The question at the door.

    Args:
        cost: bcrypt's, at which people's passwords are hashed.
    """

    def __init__(self, *, db: Database, throttle: Throttle, chains: Chains, clock: Clock, cost: int = COST) -> None:
        self._db, self._throttle, self._chains, self._clock = db, throttle, chains, clock
        self._nobody = nobody(cost=cost)

    def check(
        self, username: str, password: str, *, compare: Compare, address: str = "", place: str = ""
    ) -> UUID | None:
        """The person whose username and password these are; None where they do not belong together.

        Args:
            compare: whether a password (as text) is that of a bcrypt hash.
            address: where the try comes from; `place`: the token of the browser, if it has one.

        Raises:
            TooManyTriesError: it must wait; the password was not looked at.
        """
        name = clean_username(username)[: LONGEST + 1]  # no username is longer
        tried = self._throttle.reserve(name, address, place=place)
        person = self._person(name)
        active = person is not None and person.disabled_at is None
        right = compared(password, person.password_hash if active else self._nobody, by=compare) and active
        with self._db.write_core() as connection:
            if right:
                self._throttle.forgive(connection, tried)
            else:
                self._record(connection, person, tried, address)
        if not right:
            return None
        self._throttle.tidy()
        return person.id  # type: ignore[no-any-return]

    def _person(self, name: str) -> Any:
        # What could be nobody's is not handed on, since PostgreSQL refuses some of it; another question is asked in
        # its place, so that it takes as long.
        asked = name if USERNAME.fullmatch(name) else ""
        with self._db.read() as session:
            return session.connection().execute(_PERSON.where(_p.username == asked)).one_or_none()

    def _record(self, connection: sa.Connection, person: Any, tried: Try, address: str) -> None:
        """One row a try that was looked at; of those at names that nobody has, so many a day."""
        now = self._clock()
        more = unknown_names.count(connection, known=person is not None, now=now)
        with connection.begin_nested() as entry:
            self._chains.add(connection, _failed(person, tried, address, more or ""), at=now)
            if more is None:  # taken back and not left out: it takes as long as one that stays
                entry.rollback()


def _failed(person: Any, tried: Try, address: str, more: str) -> Happening:
    """What is recorded of a try that was looked at.

    A name that nobody has is not written down: passwords are typed there by mistake.
    """
    why = "unknown username" if person is None else "disabled" if person.disabled_at else "wrong password"
    wait = "" if tried.until is None else f"; further tries are refused until {tried.until:%Y-%m-%d %H:%M:%S} UTC"
    return Happening(
        action="session.failed",
        chain_id=OPERATOR if person is None else person.company_id,
        subject="" if person is None else person.username,
        detail=why + wait + more,
        address=address,
    )
