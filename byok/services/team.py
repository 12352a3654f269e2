"""The people of a company, as its admins manage them: invite, shut out, let in, give a role, let choose a new password.

Refuses members, people of another company (as if they were not there), and to leave a company without an admin who can
sign in. Nobody is told another's password: links are made, and whoever holds one chooses.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlmodel import Session, col, select

from byok.core.audit import Chains, Happening
from byok.core.plans import Plans
from byok.ground.clock import Clock
from byok.ground.db import Database
from byok.ground.errors import InvalidInputError, NotFoundError
from byok.ground.tables import Person
from byok.services.access import Actor, Grant, admit
from byok.services.account_views import PersonView, known_role, new_username, person_view
from byok.services.company_locks import lock_company
from byok.services.invitations import Link, Purpose, new_link
from byok.services.passwords import COST, is_nobody, nobody
from byok.services.person_accounts import add_person
from byok.services.recording import OPERATOR_NAME
from byok.services.sessions import end_all


@dataclass(frozen=True, slots=True)
class Change:
    """One person of the actor's company, held for a change: the session it is made in, and who makes it."""

    session: Session
    grant: Grant
    person: Person

    @property
    def by(self) -> str:
        """Who makes it, by name."""
        return self.grant.person.name if self.grant.person else OPERATOR_NAME


class Team:
    """Each call is an admin's.

    Args:
        cost: bcrypt's, of the hash that stands where there is no password.
    """

    def __init__(self, *, db: Database, plans: Plans, chains: Chains, clock: Clock, cost: int = COST) -> None:
        self._db, self._plans, self._chains, self._clock = db, plans, chains, clock
        self._nobody = nobody(cost=cost)

    def people(self, actor: Actor) -> list[PersonView]:
        """The people of the company, by username, disabled ones too.

        Raises:
            NotAllowedError: a member asks.
        """
        with self._db.read() as session:
            company_id = admit(session, actor, self._plans, admin=True).company.id
            rows = session.exec(select(Person).where(Person.company_id == company_id).order_by(Person.username))
            return [person_view(person) for person in rows]

    def invite(self, actor: Actor, *, username: str, name: str, role: str) -> tuple[PersonView, Link]:
        """Makes a person who has no password yet, and a link by which he chooses one.

        Args:
            username: what he will sign in with; one for the whole house.

        Raises:
            NotAllowedError: a member asks.
            InvalidInputError: the username is not one or is taken, or there is no such role.
        """
        with self._db.write() as session:
            grant = admit(session, actor, self._plans, admin=True)
            username, role = new_username(username), known_role(role)
            person = add_person(
                session,
                grant.company.id,
                username=username,
                name=name,
                role=role,
                hashed=self._nobody,
                now=self._clock(),
            )
            change = Change(session, grant, person)
            link = self._link(change, "invite")
            self._record(actor, change, "person.invited", detail=role)
        return person_view(person), link

    def reset(self, actor: Actor, person_id: UUID) -> tuple[PersonView, Link]:
        """Takes a person's password away, ends all sessions, and makes a link by which a new one is chosen.

        For who was invited and has not come yet it makes another link; the old one ends.

        Raises:
            NotAllowedError, NotFoundError: a member asks; there is no such person here.
            InvalidInputError: it is the actor's own password, or the person is disabled.
        """
        with self._changing(actor, person_id) as change:
            person = change.person
            if person.id == actor.person_id:
                raise InvalidInputError("This is your own password.", next_step="Use Change password in the sidebar.")
            if person.disabled_at is not None:
                raise InvalidInputError(f"{person.name} is disabled.", next_step="Enable the account first.")
            new = is_nobody(person.password_hash)
            if not new:
                self._keep_an_admin(change)
            end_all(change.session, person.id)
            person.password_hash = self._nobody
            link = self._link(change, "invite" if new else "reset")
            self._record(actor, change, "person.invited" if new else "person.password_reset")
        return person_view(person), link

    def disable(self, actor: Actor, person_id: UUID) -> PersonView:
        """Shuts a person out at once: every session, ticket and link ends. Doing it twice changes nothing.

        Raises:
            NotAllowedError, NotFoundError: a member asks; there is no such person here.
            InvalidInputError: it is the last admin who can sign in.
        """
        with self._changing(actor, person_id) as change:
            person = change.person
            if person.disabled_at is None:
                self._keep_an_admin(change)
                person.disabled_at = self._clock()
                end_all(change.session, person.id)
                self._record(actor, change, "person.disabled")
        return person_view(person)

    def enable(self, actor: Actor, person_id: UUID) -> PersonView:
        """Lets a person sign in again, with the password of before. Doing it twice changes nothing.

        Raises:
            NotAllowedError, NotFoundError: a member asks; there is no such person here.
        """
        with self._changing(actor, person_id) as change:
            if change.person.disabled_at is not None:
                change.person.disabled_at = None
                self._record(actor, change, "person.enabled")
        return person_view(change.person)

    def set_role(self, actor: Actor, person_id: UUID, role: str) -> PersonView:
        """Makes a person an admin or a member, from his next call on.

        Raises:
            NotAllowedError, NotFoundError: a member asks; there is no such person here.
            InvalidInputError: there is no such role, or it is the last admin who can sign in.
        """
        with self._changing(actor, person_id) as change:
            before = change.person.role
            if known_role(role) != before:
                if role != "admin":
                    self._keep_an_admin(change)
                change.person.role = role
                self._record(actor, change, "person.role_changed", detail=f"from {before} to {role}")
        return person_view(change.person)

    @contextmanager
    def _changing(self, actor: Actor, person_id: UUID) -> Iterator[Change]:
        with self._db.write() as session:
            grant = admit(session, actor, self._plans, admin=True)
            lock_company(session, grant.company.id)  # two admins at once could each demote the other
            grant = admit(session, actor, self._plans, admin=True)
            person = session.get(Person, person_id)
            if person is None or person.company_id != grant.company.id:
                raise NotFoundError("There is no such person in your company.")
            yield Change(session, grant, person)

    @staticmethod
    def _keep_an_admin(change: Change) -> None:
        """Refuses to go on where nobody else could administer the company."""
        person = change.person
        if person.role != "admin" or person.disabled_at is not None or is_nobody(person.password_hash):
            return
        others = select(Person.password_hash).where(
            Person.company_id == person.company_id,
            Person.role == "admin",
            Person.id != person.id,
            col(Person.disabled_at).is_(None),
        )
        if all(is_nobody(one) for one in change.session.exec(others)):
            raise InvalidInputError(
                f"{person.name} is the last admin of your company who can sign in.",
                next_step="Make somebody else an admin first.",
            )

    def _link(self, change: Change, purpose: Purpose) -> Link:
        return new_link(change.session, change.person.id, purpose=purpose, made_by=change.by, now=self._clock())

    def _record(self, actor: Actor, change: Change, action: str, *, detail: str = "") -> None:
        change.session.flush()
        more: dict[str, Any] = {"actor_id": actor.person_id, "actor_name": change.by, "address": actor.address}
        happening = Happening(
            action=action,
            chain_id=change.grant.company.id,
            subject=change.person.username,
            detail=detail,
            **more,
        )
        self._chains.add(change.session.connection(), happening, at=self._clock())
