"""Signs people in: a one-time ticket from the form, a session behind the cookie, and who that is right now.

Keeps SHA-256 hashes only, so that a copied database signs nobody in. Role, plan and state are read at each call.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, cast
from uuid import UUID

from sqlmodel import col, delete, select, update

from byok.core.plans import Plan, Plans
from byok.ground.clock import Clock
from byok.ground.db import Database
from byok.ground.errors import NotSignedInError
from byok.ground.tables import BrowserSession, Company, Person, Ticket
from byok.services.access import Actor

TICKET_LIFE = timedelta(seconds=30)
IDLE_LIFE = timedelta(hours=12)
LONGEST_LIFE = timedelta(days=7)
SEEN_STEP = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A fresh session: the token for the cookie, and when the session ends at the latest."""

    token: str
    expires_at: datetime

    def __repr__(self) -> str:
        return f"SignedIn(expires_at={self.expires_at})"


@dataclass(frozen=True, slots=True)
class Identity:
    """Who is behind a session, as the database says now."""

    actor: Actor
    name: str
    username: str
    role: Literal["admin", "member"]
    company_name: str
    company_slug: str
    plan: Plan
    sample: bool = False

    @property
    def is_admin(self) -> bool:
        """Whether the person administers the company."""
        return self.role == "admin"


class Sessions:
    """Tickets and sessions. A session ends after 12 hours of silence, and after 7 days whatever happens."""

    def __init__(self, *, db: Database, plans: Plans, clock: Clock) -> None:
        self._db, self._plans, self._clock = db, plans, clock

    def issue_ticket(self, person_id: UUID) -> str:
        """A pass that becomes a session once, within 30 seconds. Call it only after the password was right.

        Raises:
            NotSignedInError: there is no such person, or he is disabled.
        """
        ticket, now = secrets.token_urlsafe(32), self._clock()
        with self._db.write() as session:
            person = session.get(Person, person_id)
            if person is None or person.disabled_at is not None:
                raise NotSignedInError("This account cannot be used any more.")
            session.exec(delete(Ticket).where(col(Ticket.expires_at) <= now))
            session.exec(delete(BrowserSession).where(col(BrowserSession.expires_at) <= now))
            session.add(Ticket(person_id=person_id, ticket_hash=_hash(ticket), expires_at=now + TICKET_LIFE))
        return ticket

    def redeem(self, ticket: str) -> SignedIn | None:
        """Turns a ticket into a new session; None where the ticket is unknown, used or too old."""
        now, token = self._clock(), secrets.token_urlsafe(32)
        spent = (
            delete(Ticket)
            .where(col(Ticket.ticket_hash) == _hash(ticket), col(Ticket.expires_at) > now)
            .returning(col(Ticket.person_id))
        )
        expires_at = now + LONGEST_LIFE
        with self._db.write() as session:
            # One statement takes the ticket away and tells whose it was: of two at once, one finds nothing.
            person_id = session.execute(spent).scalar_one_or_none()
            person = None if person_id is None else session.get(Person, person_id)
            if person is None or person.disabled_at is not None:
                return None
            session.add(
                BrowserSession(
                    person_id=person.id, token_hash=_hash(token), created_at=now, seen_at=now, expires_at=expires_at
                )
            )
        return SignedIn(token, expires_at)

    def whois(self, token: str, *, address: str = "") -> Identity | None:
        """Who holds this token now; None where the session ended, or the person is gone or disabled.

        Args:
            address: where the call comes from, as the server saw it.
        """
        now = self._clock()
        query = (
            select(BrowserSession, Person, Company)
            .join(Person, col(Person.id) == BrowserSession.person_id)
            .join(Company, col(Company.id) == Person.company_id)
            .where(BrowserSession.token_hash == _hash(token))
        )
        with self._db.read() as session:
            row = session.exec(query).first()
        if row is None:
            return None
        browser, person, company = row
        if person.disabled_at is not None or now >= browser.expires_at or now >= browser.seen_at + IDLE_LIFE:
            return None
        if now >= browser.seen_at + SEEN_STEP:
            self._saw(browser.id, now)
        return Identity(
            actor=Actor(company.id, person.id, address),
            name=person.name,
            username=person.username,
            role=cast("Literal['admin', 'member']", person.role),
            company_name=company.name,
            company_slug=company.slug,
            plan=self._plans.get(company.plan),
            sample=company.sample,
        )

    def end(self, token: str) -> None:
        """Ends the session, for every tab that holds the token. An unknown token is no error."""
        with self._db.write() as session:
            session.exec(delete(BrowserSession).where(col(BrowserSession.token_hash) == _hash(token)))

    def _saw(self, session_id: UUID, now: datetime) -> None:
        with self._db.write() as session:
            session.exec(update(BrowserSession).where(col(BrowserSession.id) == session_id).values(seen_at=now))


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode(errors="replace")).digest()
