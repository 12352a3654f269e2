"""Signs people in: a one-time ticket from the form, a session behind the cookie, and who that is right now.

Keeps SHA-256 hashes only, so that a copied database signs nobody in. Role, plan and state are read at each call.
Each session that begins, and each that somebody ends, is in the audit log.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, cast
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col, delete, select

from byok.core.audit import Chains
from byok.core.plans import Plan, Plans
from byok.ground.clock import Clock
from byok.ground.db import Database
from byok.ground.errors import NotSignedInError
from byok.ground.prepared import Prepared
from byok.ground.tables import BrowserSession, Company, Invitation, Person, Ticket
from byok.ground.tables.types import metadata
from byok.services.access import Actor
from byok.services.recording import by_themselves
from byok.services.throttle import know_place

TICKET_LIFE = timedelta(seconds=30)
IDLE_LIFE = timedelta(hours=12)
LONGEST_LIFE = timedelta(days=7)
SEEN_STEP = timedelta(minutes=1)

_b, _p = metadata.tables["browser_session"].c, metadata.tables["person"].c
# Asked each second by every open event stream.
_LASTS = Prepared(
    sa.select(_b.seen_at, _b.expires_at)
    .where(_b.token_hash == sa.bindparam("hash"), _p.disabled_at.is_(None))
    .join_from(metadata.tables["browser_session"], metadata.tables["person"])
)


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

    def __init__(self, *, db: Database, plans: Plans, chains: Chains, clock: Clock) -> None:
        self._db, self._plans, self._chains, self._clock = db, plans, chains, clock

    def issue_ticket(self, person_id: UUID) -> str:
        """A pass that becomes a session once, within 30 seconds. Call it only after the password was right.

        Raises:
            NotSignedInError: there is no such person, or he is disabled.
        """
        now = self._clock()
        with self._db.write() as session:
            person = session.get(Person, person_id)
            if person is None or person.disabled_at is not None:
                raise NotSignedInError("This account cannot be used any more.")
            session.exec(delete(Ticket).where(col(Ticket.expires_at) <= now))
            session.exec(delete(BrowserSession).where(col(BrowserSession.expires_at) <= now))
            return new_ticket(session, person_id, now=now)

    def redeem(
        self, ticket: str, *, instead_of: str | None = None, address: str = "", place: str = ""
    ) -> SignedIn | None:
        """Turns a ticket into a new session; None where the ticket is unknown, used or too old.

        Args:
            instead_of: the token that the browser held until now: its session ends.
            address: where the call comes from.
            place: a random token of the browser's, by which the throttle knows it again.
        """
        now, token = self._clock(), secrets.token_urlsafe(32)
        spent = (
            delete(Ticket)
            .where(col(Ticket.ticket_hash) == token_hash(ticket), col(Ticket.expires_at) > now)
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
                    person_id=person.id,
                    token_hash=token_hash(token),
                    created_at=now,
                    seen_at=now,
                    expires_at=expires_at,
                )
            )
            if place:
                know_place(session.connection(), person.username, place, now=now)
            person.seen_at = now
            session.flush()
            self._record(session, "session.began", person, address, now)
        if instead_of is not None:  # apart: it may be of another company, with a log of its own
            with self._db.write() as session:
                self._end(session, instead_of, address, now, how="another sign-in in the same browser")
        return SignedIn(token, expires_at)

    def whois(self, token: str, *, address: str = "", seen: bool = True) -> Identity | None:
        """Who holds this token now; None where the session ended, or the person is gone or disabled.

        Args:
            address: where the call comes from, as the server saw it.
            seen: whether a person's click asks: that keeps the session from falling silent. A tab that asks by itself
                does not.
        """
        now = self._clock()
        query = (
            select(BrowserSession, Person, Company)
            .join(Person, col(Person.id) == BrowserSession.person_id)
            .join(Company, col(Company.id) == Person.company_id)
            .where(BrowserSession.token_hash == token_hash(token))
        )
        with self._db.read() as session:
            row = session.exec(query).first()
        if row is None:
            return None
        browser, person, company = row
        if person.disabled_at is not None or now >= browser.expires_at or now >= browser.seen_at + IDLE_LIFE:
            return None
        if seen and now >= browser.seen_at + SEEN_STEP:
            self._saw(browser.id, person.id, now)
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

    def lasts(self, token: str) -> bool:
        """Whether the session goes on. Cheap, and keeps no session from falling silent: for what asks by itself."""
        now = self._clock()
        with self._db.engine.connect() as connection:
            found = _LASTS.run(connection, {"hash": token_hash(token)})
        return bool(found) and now < min(found[0].expires_at, found[0].seen_at + IDLE_LIFE)

    def end(self, token: str, *, address: str = "") -> None:
        """Ends the session, for every tab that holds the token. An unknown token is no error."""
        with self._db.write() as session:
            self._end(session, token, address, self._clock(), how="signed out")

    def _end(self, session: Session, token: str, address: str, now: datetime, *, how: str) -> None:
        ended = delete(BrowserSession).where(col(BrowserSession.token_hash) == token_hash(token))
        person_id = session.execute(ended.returning(col(BrowserSession.person_id))).scalar_one_or_none()
        person = None if person_id is None else session.get(Person, person_id)
        if person is not None:
            self._record(session, "session.ended", person, address, now, detail=how)

    def _record(
        self, session: Session, action: str, person: Person, address: str, now: datetime, *, detail: str = ""
    ) -> None:
        happening = by_themselves(person, action, address=address, detail=detail)
        self._chains.add(session.connection(), happening, at=now)

    def _saw(self, session_id: UUID, person_id: UUID, now: datetime) -> None:
        with self._db.write_core() as connection:
            connection.execute(sa.update(_b.id.table).where(_b.id == session_id).values(seen_at=now))
            connection.execute(sa.update(_p.id.table).where(_p.id == person_id).values(seen_at=now))


def new_ticket(session: Session, person_id: UUID, *, now: datetime) -> str:
    """A ticket of that person, in the caller's transaction."""
    ticket = secrets.token_urlsafe(32)
    session.add(Ticket(person_id=person_id, ticket_hash=token_hash(ticket), expires_at=now + TICKET_LIFE))
    return ticket


def end_all(session: Session, person_id: UUID) -> int:
    """Ends whatever lets a person in, in the caller's transaction: sessions, tickets and links.

    Returns:
        How many sessions there were.
    """
    session.exec(delete(Ticket).where(col(Ticket.person_id) == person_id))
    session.exec(delete(Invitation).where(col(Invitation.person_id) == person_id))
    ended = session.execute(delete(BrowserSession).where(col(BrowserSession.person_id) == person_id))
    return int(ended.rowcount)  # type: ignore[attr-defined]


def token_hash(token: str) -> bytes:
    """What is kept of a token, a ticket or a link."""
    return hashlib.sha256(token.encode(errors="replace")).digest()
