"""Companies and their people: the operator's side of accounts, and what the sign-in form needs to check a person.

Refuses names that cannot stand in an address, passwords that bcrypt would cut, and a second use of either name.
Nothing here asks who is asking: only the operator's command line and the sign-in form call it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, cast, get_args
from uuid import UUID

import sqlalchemy as sa
from pydantic import SecretStr
from sqlmodel import Session, col, delete, select

from byok.core.plans import Plan, Plans
from byok.core.vault import Vault
from byok.ground.clock import Clock
from byok.ground.db import Database
from byok.ground.errors import InvalidInputError, NotFoundError
from byok.ground.ids import new_id
from byok.ground.tables import BrowserSession, Company, Person, Ticket
from byok.ground.tables.types import metadata
from byok.services.access import Actor
from byok.services.passwords import COST, hash_password

_p, _c = metadata.tables["person"].c, metadata.tables["company"].c

Role = Literal["admin", "member"]
SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
USERNAME = re.compile(r"[a-z0-9][a-z0-9._@+-]*")
LONGEST = 64


@dataclass(frozen=True, slots=True)
class CompanyView:
    """A company, as it may be shown. `people` counts those who can sign in."""

    id: UUID
    slug: str
    name: str
    plan: Plan
    sample: bool
    created_at: datetime
    people: int

    @property
    def operator(self) -> Actor:
        """The operator acting for this company."""
        return Actor(self.id)


@dataclass(frozen=True, slots=True)
class PersonView:
    """A person, as he may be shown: no hash."""

    id: UUID
    username: str
    name: str
    role: Role
    disabled: bool
    created_at: datetime


class Accounts:
    """Makes, lists and changes companies and people.

    Args:
        cost: bcrypt's; each step up doubles the time that a hash takes.
    """

    def __init__(self, *, db: Database, plans: Plans, vault: Vault, clock: Clock, cost: int = COST) -> None:
        self._db, self._plans, self._vault, self._clock, self._cost = db, plans, vault, clock, cost

    def add_company(self, *, slug: str, name: str, plan: str) -> CompanyView:
        """Makes a company.

        Raises:
            InvalidInputError: the slug is not one or is taken, the name is empty, or there is no such plan.
        """
        slug, name = slug.strip(), name.strip()
        if not SLUG.fullmatch(slug) or len(slug) > LONGEST:
            raise InvalidInputError(
                f"{slug!r} cannot name a company.",
                field="slug",
                next_step="Use small letters, digits and single hyphens, e.g. northwind-labs.",
            )
        if not name:
            raise InvalidInputError("A company needs a name.", field="name")
        company_id, plan_id = new_id(), self._plans.get(plan).id
        with self._db.write() as session:
            if session.exec(select(Company.id).where(Company.slug == slug)).first():
                raise InvalidInputError(f"There is a company {slug!r} already.", field="slug")
            company = Company(
                id=company_id,
                slug=slug,
                name=name,
                plan=plan_id,
                fingerprint_key=self._vault.new_fingerprint_key(company_id=company_id),
                created_at=self._clock(),
            )
            session.add(company)
        return self.company(slug)

    def companies(self) -> list[CompanyView]:
        """All companies, by slug."""
        with self._db.read() as session:
            return self._with_people(session)

    def company(self, slug: str) -> CompanyView:
        """The company of that slug.

        Raises:
            NotFoundError: there is none.
        """
        with self._db.read() as session:
            found = self._with_people(session, slug=slug)
        if not found:
            raise _no_company(slug)
        return found[0]

    def set_plan(self, slug: str, plan: str) -> CompanyView:
        """Moves a company to a plan. Its keys stay, sealed, whatever the plan.

        Raises:
            NotFoundError, InvalidInputError: there is no such company, no such plan.
        """
        plan_id = self._plans.get(plan).id
        with self._db.write() as session:
            _find(session, slug).plan = plan_id
        return self.company(slug)

    def add_person(self, *, company: str, username: str, name: str, role: Role, password: SecretStr) -> PersonView:
        """Makes a person of a company.

        Args:
            company: the company's slug.
            username: what he signs in with; one for the whole house, kept in small letters.

        Raises:
            NotFoundError: there is no such company.
            InvalidInputError: the username is not one or is taken, or the password is too short or too long.
        """
        username = clean_username(username)
        if not USERNAME.fullmatch(username) or len(username) > LONGEST:
            raise InvalidInputError(
                f"{username!r} cannot be a username.",
                field="username",
                next_step="Use small letters, digits and . _ - + @, at most 64.",
            )
        if role not in get_args(Role):
            raise InvalidInputError(f"There is no role {role!r}; there are: admin, member.", field="role")
        self.company(company)
        hashed = hash_password(password, cost=self._cost)  # slow on purpose, so before the transaction
        with self._db.write() as session:
            owner = _find(session, company)
            if session.exec(select(Person.id).where(Person.username == username)).first():
                raise InvalidInputError(f"The username {username!r} is taken.", field="username")
            person = Person(
                company_id=owner.id,
                username=username,
                name=name.strip() or username,
                role=role,
                password_hash=hashed,
                created_at=self._clock(),
            )
            session.add(person)
        return _person_view(person)

    def people(self, slug: str) -> list[PersonView]:
        """The people of a company, by username, disabled ones too.

        Raises:
            NotFoundError: there is no such company.
        """
        with self._db.read() as session:
            company = _find(session, slug)
            rows = session.exec(select(Person).where(Person.company_id == company.id).order_by(Person.username))
            return [_person_view(person) for person in rows]

    def disable(self, username: str) -> PersonView:
        """Shuts a person out at once: every session and ticket ends. Doing it twice changes nothing.

        Raises:
            NotFoundError: there is no such person.
        """
        with self._db.write() as session:
            person = session.exec(select(Person).where(Person.username == clean_username(username))).first()
            if person is None:
                raise NotFoundError(f"There is no user {username!r}.")
            person.disabled_at = person.disabled_at or self._clock()
            session.exec(delete(BrowserSession).where(col(BrowserSession.person_id) == person.id))
            session.exec(delete(Ticket).where(col(Ticket.person_id) == person.id))
        return _person_view(person)

    def credential(self, username: str) -> tuple[UUID, str] | None:
        """What the sign-in form checks: (person id, bcrypt hash), or None where nobody may sign in by that name."""
        with self._db.read() as session:
            person = session.exec(select(Person).where(Person.username == clean_username(username))).first()
            return None if person is None or person.disabled_at else (person.id, person.password_hash)

    def _with_people(self, session: Session, *, slug: str | None = None) -> list[CompanyView]:
        active = sa.select(sa.func.count()).where(_p.company_id == _c.id, _p.disabled_at.is_(None))
        people = active.scalar_subquery().label("people")
        query = sa.select(_c.id, _c.slug, _c.name, _c.plan, _c.sample, _c.created_at, people)
        if slug is not None:
            query = query.where(_c.slug == slug)
        rows = session.connection().execute(query.order_by(_c.slug))
        return [
            CompanyView(row.id, row.slug, row.name, self._plans.get(row.plan), row.sample, row.created_at, row.people)
            for row in rows
        ]


def clean_username(typed: str) -> str:
    """A username as it is kept: without spaces around it, in small letters."""
    return typed.strip().lower()


def _find(session: Session, slug: str) -> Company:
    company = session.exec(select(Company).where(Company.slug == slug)).first()
    if company is None:
        raise _no_company(slug)
    return company


def _no_company(slug: str) -> NotFoundError:
    return NotFoundError(f"There is no company {slug!r}.", next_step="`byok company list` shows those there are.")


def _person_view(person: Person) -> PersonView:
    role = cast("Role", person.role)
    return PersonView(person.id, person.username, person.name, role, person.disabled_at is not None, person.created_at)
