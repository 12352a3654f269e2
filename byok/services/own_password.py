"""Lets a person change his own password, for the present one. Every session ends, and one begins anew.

Refuses to go by the session alone: who finds a screen unlocked does not know the password. Tries are counted as those
at the door are.
"""

from __future__ import annotations

import sqlalchemy as sa
from pydantic import SecretStr
from sqlmodel import Session

from byok.core.audit import Chains
from byok.core.plans import Plans
from byok.ground.clock import Clock
from byok.ground.db import Database
from byok.ground.errors import InvalidInputError, NotAllowedError, NotSignedInError
from byok.ground.tables import Person
from byok.ground.tables.types import metadata
from byok.services.access import Actor, admit
from byok.services.passwords import COST, hash_password, judge, matches
from byok.services.recording import by_themselves
from byok.services.sessions import end_all, new_ticket
from byok.services.throttle import Throttle

PERSON = metadata.tables["person"]


class OwnPassword:
    """A person's own password.

    Args:
        cost: bcrypt's.
    """

    def __init__(
        self, *, db: Database, plans: Plans, throttle: Throttle, chains: Chains, clock: Clock, cost: int = COST
    ) -> None:
        self._db, self._plans, self._throttle, self._chains, self._clock = db, plans, throttle, chains, clock
        self._cost = cost

    def change(self, actor: Actor, *, present: SecretStr, new: SecretStr, place: str = "") -> str:
        """Sets a new password in place of the present one. All of the person's sessions and links end.

        Args:
            place: the token of the browser, if it has one; see `byok.services.throttle`.

        Returns:
            A ticket for the browser that asked, with which its session goes on under a new token.

        Raises:
            NotSignedInError: the person is gone or disabled.
            NotAllowedError: it is the operator who asks, who has no password here.
            TooManyTriesError: the present password was tried too often.
            InvalidInputError: the new password is not good enough, or the present one is not right; nothing changed.
        """
        with self._db.read() as session:
            grant = admit(session, actor, self._plans)
            if grant.person is None:
                raise NotAllowedError("Only a person has a password.", next_step="See `byok user reset`.")
            person = session.get_one(Person, grant.person.id)
        judge(new, names=(person.username, person.name, grant.company.name, grant.company.slug))
        tried = self._throttle.reserve(person.username, actor.address, place=place)
        if not matches(present, person.password_hash):
            with self._db.write() as session:
                self._record(session, actor, person, "password.refused", detail="the present one was wrong")
            raise InvalidInputError("That is not your present password.", field="present", next_step="Try again.")
        hashed = hash_password(new, cost=self._cost)  # slow on purpose, so before the transaction
        now = self._clock()
        with self._db.write() as session:
            self._throttle.forgive(session.connection(), tried)
            # Of two at once, the second knows a password that is not the present one any more.
            same = (PERSON.c.id == person.id, PERSON.c.password_hash == person.password_hash)
            still = (*same, PERSON.c.disabled_at.is_(None))
            if not session.execute(sa.update(PERSON).where(*still).values(password_hash=hashed)).rowcount:  # type: ignore[attr-defined]
                raise NotSignedInError("The password was changed meanwhile.")
            ended = end_all(session, person.id)
            ticket = new_ticket(session, person.id, now=now)
            session.flush()
            many = f"{ended} session{'' if ended == 1 else 's'} ended"
            self._record(session, actor, person, "password.changed", detail=many)
        return ticket

    def _record(self, session: Session, actor: Actor, person: Person, action: str, *, detail: str) -> None:
        happening = by_themselves(person, action, address=actor.address, detail=detail)
        self._chains.add(session.connection(), happening, at=self._clock())
