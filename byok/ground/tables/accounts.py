"""Companies, their people, and how a person is signed in. Tokens and tickets are kept as hashes only."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlmodel import Field

from byok.ground.tables.types import Row, belongs_to, moment, primary_key


class Company(Row, table=True):
    """A tenant. `fingerprint_key` is a random key of the company's own, sealed; it recognises its API keys."""

    __tablename__ = "company"

    id: UUID = primary_key()
    slug: str = Field(unique=True)
    name: str
    plan: str
    fingerprint_key: bytes = Field(repr=False)
    sample: bool = False
    created_at: datetime = moment()


class Person(Row, table=True):
    """Someone who can sign in. `role` is `admin` or `member`; a disabled person keeps the row.

    `seen_at` is when a session of his was last used, to the minute; it outlives the session.
    """

    __tablename__ = "person"

    id: UUID = primary_key()
    company_id: UUID = belongs_to("company.id")
    username: str = Field(unique=True)
    name: str
    role: str
    password_hash: str = Field(repr=False)
    disabled_at: datetime | None = moment(nullable=True)
    seen_at: datetime | None = moment(nullable=True)
    created_at: datetime = moment()


class BrowserSession(Row, table=True):
    """One sign-in. The cookie holds the token; here only its SHA-256 is kept."""

    __tablename__ = "browser_session"

    id: UUID = primary_key()
    person_id: UUID = belongs_to("person.id")
    token_hash: bytes = Field(unique=True, repr=False)
    created_at: datetime = moment()
    seen_at: datetime = moment()
    expires_at: datetime = moment()


class Ticket(Row, table=True):
    """A one-time pass from the sign-in form to the session cookie; only its SHA-256 is kept."""

    __tablename__ = "ticket"

    id: UUID = primary_key()
    person_id: UUID = belongs_to("person.id")
    ticket_hash: bytes = Field(unique=True, repr=False)
    expires_at: datetime = moment()
