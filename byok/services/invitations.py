"""Links by which a person chooses a password once: for somebody new, or in place of an old password.

Only a hash of a link's token is kept. Refuses one that was used, that is too old, or whose person is shut out, all in
the same words. Whoever holds a link is nobody yet: no session is needed, and none begins here.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from pydantic import SecretStr
from sqlmodel import Session, col, delete, select

from byok.core.audit import Chains
from byok.ground.clock import Clock
from byok.ground.db import Database
from byok.ground.errors import NotFoundError
from byok.ground.tables import Company, Invitation, Person
from byok.services.passwords import COST, hash_password, judge
from byok.services.recording import by_themselves
from byok.services.sessions import end_all, token_hash

LINK_LIFE = timedelta(hours=72)
Purpose = Literal["invite", "reset"]


@dataclass(frozen=True, slots=True)
class Link:
    """A link that was made just now: its token is not kept, so it is shown once."""

    token: str
    expires_at: datetime

    @property
    def path(self) -> str:
        """What stands behind the workbench's address."""
        return f"/?invite={self.token}"

    def __repr__(self) -> str:
        return f"Link(expires_at={self.expires_at})"


@dataclass(frozen=True, slots=True)
class InvitationView:
    """Whom a link is for."""

    name: str
    username: str
    company_name: str
    purpose: Purpose
    expires_at: datetime


class Invitations:
    """What a link leads to.

    Args:
        cost: bcrypt's.
    """

    def __init__(self, *, db: Database, chains: Chains, clock: Clock, cost: int = COST) -> None:
        self._db, self._chains, self._clock, self._cost = db, chains, clock, cost

    def look(self, token: str) -> InvitationView:
        """Whom the link is for. Looking does not use it up.

        Raises:
            NotFoundError: it cannot be used, or not any more.
        """
        with self._db.read() as session:
            link, person, company = self._found(session, token)
        purpose: Purpose = "reset" if link.purpose == "reset" else "invite"
        return InvitationView(person.name, person.username, company.name, purpose, link.expires_at)

    def accept(self, token: str, password: SecretStr, *, address: str = "") -> UUID:
        """Sets the person's password, and uses the link up.

        Returns:
            The person's id, for whom a session may begin.

        Raises:
            NotFoundError: the link cannot be used, or not any more.
            InvalidInputError: the password is not good enough; the link goes on working.
        """
        with self._db.read() as session:
            _, person, company = self._found(session, token)
        judge(password, names=(person.username, person.name, company.name, company.slug))
        hashed = hash_password(password, cost=self._cost)  # slow on purpose, so before the transaction
        with self._db.write() as session:
            # One statement takes the link away: of two at once, one finds nothing.
            used = delete(Invitation).where(col(Invitation.token_hash) == token_hash(token))
            purpose = session.execute(used.returning(col(Invitation.purpose))).scalar_one_or_none()
            row = session.get_one(Person, person.id)
            if purpose is None or row.disabled_at is not None:
                raise _unusable()
            row.password_hash = hashed
            end_all(session, person.id)
            session.flush()
            did, by = ("person.joined", "") if purpose == "invite" else ("password.changed", "by a link")
            happening = by_themselves(row, did, address=address, detail=by)
            self._chains.add(session.connection(), happening, at=self._clock())
        return person.id

    def _found(self, session: Session, token: str) -> tuple[Invitation, Person, Company]:
        query = (
            select(Invitation, Person, Company)
            .join(Person, col(Person.id) == Invitation.person_id)
            .join(Company, col(Company.id) == Person.company_id)
            .where(Invitation.token_hash == token_hash(token), col(Invitation.expires_at) > self._clock())
        )
        row = session.exec(query).first()
        if row is None or row[1].disabled_at is not None:
            raise _unusable()
        return row


def new_link(session: Session, person_id: UUID, *, purpose: Purpose, made_by: str, now: datetime) -> Link:
    """A link for that person, in the caller's transaction; older ones end."""
    session.exec(delete(Invitation).where(col(Invitation.person_id) == person_id))
    session.exec(delete(Invitation).where(col(Invitation.expires_at) <= now))
    link = Link(secrets.token_urlsafe(32), now + LINK_LIFE)
    session.add(
        Invitation(
            person_id=person_id,
            purpose=purpose,
            token_hash=token_hash(link.token),
            made_by_name=made_by,
            made_at=now,
            expires_at=link.expires_at,
        )
    )
    return link


def _unusable() -> NotFoundError:
    return NotFoundError(
        "This link cannot be used any more: each works once, for 72 hours.",
        next_step="Ask an admin of your company for a new one.",
    )
