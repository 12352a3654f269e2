"""People, from the operator's side: made, listed, shut out, let in, given a role and a new password.

Refuses passwords that are easily guessed or that bcrypt would cut, and a second use of a username. Nothing here asks
who is asking: only the operator's command line calls it. What it changes is in the audit log of the company.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from pydantic import SecretStr
from sqlmodel import Session, select

from byok.core.audit import Chains, Happening
from byok.core.plans import Plans
from byok.core.vault import Vault
from byok.ground.clock import Clock
from byok.ground.db import Database
from byok.ground.errors import InvalidInputError, NotFoundError
from byok.ground.tables import Company, Person
from byok.services.account_views import (
    LONGEST,
    PersonView,
    Role,
    clean_username,
    known_role,
    new_username,
    person_view,
)
from byok.services.invitations import Link, new_link
from byok.services.names import clean_name
from byok.services.passwords import COST, hash_password, judge, nobody
from byok.services.recording import OPERATOR_NAME
from byok.services.sessions import end_all


class PersonAccounts:
    """Makes, lists and changes people. `Accounts` adds the companies.

    Args:
        cost: bcrypt's; each step up doubles the time that a hash takes.
    """

    def __init__(self, *, db: Database, plans: Plans, vault: Vault, clock: Clock, cost: int = COST) -> None:
        self._db, self._plans, self._vault, self._clock, self._cost = db, plans, vault, clock, cost
        self._chains = Chains(vault=vault)

    def add_person(self, *, company: str, username: str, name: str, role: Role, password: SecretStr) -> PersonView:
        """Makes a person of a company.

        Args:
            company: the company's slug.
            username: what he signs in with; one for the whole house, kept in small letters.

        Raises:
            NotFoundError: there is no such company.
            InvalidInputError: the username is not one or is taken, or the password is too short, too long or common.
        """
        username, role = new_username(username), known_role(role)
        judge(password, names=(username, company, self._name_of(company)))
        hashed = hash_password(password, cost=self._cost)  # slow on purpose, so before the transaction
        with self._db.write() as session:
            owner = find_company(session, company)
            person = add_person(
                session, owner.id, username=username, name=name, role=role, hashed=hashed, now=self._clock()
            )
            self._record(session, owner.id, "person.added", subject=username, detail=role)
        return person_view(person)

    def people(self, slug: str) -> list[PersonView]:
        """The people of a company, by username, disabled ones too.

        Raises:
            NotFoundError: there is no such company.
        """
        with self._db.read() as session:
            company = find_company(session, slug)
            rows = session.exec(select(Person).where(Person.company_id == company.id).order_by(Person.username))
            return [person_view(person) for person in rows]

    def disable(self, username: str) -> PersonView:
        """Shuts a person out at once: every session and ticket ends. Doing it twice changes nothing.

        Raises:
            NotFoundError: there is no such person.
        """
        with self._db.write() as session:
            person = _person(session, username)
            was, person.disabled_at = person.disabled_at, person.disabled_at or self._clock()
            end_all(session, person.id)
            session.flush()
            if was is None:
                self._record(session, person.company_id, "person.disabled", subject=person.username)
        return person_view(person)

    def enable(self, username: str) -> PersonView:
        """Lets a person sign in again, with the password of before. Doing it twice changes nothing.

        Raises:
            NotFoundError: there is no such person.
        """
        with self._db.write() as session:
            person = _person(session, username)
            was, person.disabled_at = person.disabled_at, None
            session.flush()
            if was is not None:
                self._record(session, person.company_id, "person.enabled", subject=person.username)
        return person_view(person)

    def set_role(self, username: str, role: str) -> PersonView:
        """Makes a person an admin or a member, from his next call on.

        Raises:
            NotFoundError, InvalidInputError: there is no such person, no such role.
        """
        with self._db.write() as session:
            person = _person(session, username)
            before, person.role = person.role, known_role(role)
            session.flush()
            if before != role:
                what = {"subject": person.username, "detail": f"from {before} to {role}"}
                self._record(session, person.company_id, "person.role_changed", **what)
        return person_view(person)

    def reset(self, username: str) -> tuple[PersonView, Link]:
        """Takes a person's password away, ends all sessions, and makes a link by which a new one is chosen once.

        Raises:
            NotFoundError: there is no such person.
            InvalidInputError: the person is disabled.
        """
        with self._db.write() as session:
            person = _person(session, username)
            if person.disabled_at is not None:
                step = f"Enable the account first: byok user enable {person.username}"
                raise InvalidInputError(f"{person.name} is disabled, so no link would work.", next_step=step)
            end_all(session, person.id)
            person.password_hash = nobody(cost=self._cost)
            link = new_link(session, person.id, purpose="reset", made_by=OPERATOR_NAME, now=self._clock())
            session.flush()
            self._record(session, person.company_id, "person.password_reset", subject=person.username)
        return person_view(person), link

    def credential(self, username: str) -> tuple[UUID, str] | None:
        """(person id, bcrypt hash), or None where nobody may sign in by that name."""
        with self._db.read() as session:
            person = session.exec(select(Person).where(Person.username == clean_username(username))).first()
            return None if person is None or person.disabled_at else (person.id, person.password_hash)

    def _name_of(self, slug: str) -> str:
        with self._db.read() as session:
            return find_company(session, slug).name

    def _record(self, session: Session, company_id: UUID, action: str, *, subject: str, detail: str = "") -> None:
        happening = Happening(
            action=action, chain_id=company_id, actor_name=OPERATOR_NAME, subject=subject, detail=detail
        )
        self._chains.add(session.connection(), happening, at=self._clock())


def add_person(
    session: Session, company_id: UUID, *, username: str, name: str, role: Role, hashed: str, now: datetime
) -> Person:
    """Writes a person, in the caller's transaction.

    Raises:
        InvalidInputError: the username is taken, or the name has characters that cannot be shown.
    """
    if session.exec(select(Person.id).where(Person.username == username)).first():
        raise InvalidInputError(
            f"The username {username!r} is taken.", field="username", next_step="Choose another one."
        )
    name = clean_name(name)[:LONGEST] or username
    person = Person(
        company_id=company_id, username=username, name=name, role=role, password_hash=hashed, created_at=now
    )
    session.add(person)
    session.flush()
    return person


def find_company(session: Session, slug: str) -> Company:
    company = session.exec(select(Company).where(Company.slug == slug)).first()
    if company is None:
        raise no_company(slug)
    return company


def no_company(slug: str) -> NotFoundError:
    return NotFoundError(f"There is no company {slug!r}.", next_step="`byok company list` shows those there are.")


def _person(session: Session, username: str) -> Person:
    person = session.exec(select(Person).where(Person.username == clean_username(username))).first()
    if person is None:
        raise NotFoundError(
            f"There is no user {username!r}.", next_step="`byok user list --company SLUG` shows those there are."
        )
    return person
