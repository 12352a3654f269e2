"""The demo: three sample companies, made at first start and restored by `byok demo reset`.

Refuses to touch a company that it did not make, and to run where `BYOK_DEMO` is off.
"""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

import sqlalchemy as sa
from pydantic import SecretStr
from sqlmodel import Session, col, delete, select

from byok.core.audit import Chains, Happening
from byok.core.plans import Plans
from byok.core.vault import Vault
from byok.ground.clock import Clock
from byok.ground.db import Database
from byok.ground.errors import InvalidInputError, NotAllowedError, SettingsError
from byok.ground.home import closed_to_others
from byok.ground.settings import Settings, unwritable
from byok.ground.tables import Company, Person
from byok.services.access import Actor, admit
from byok.services.erasure import Erasures
from byok.services.passwords import COST, hash_password, matches
from byok.services.recording import OPERATOR_NAME, Record

if TYPE_CHECKING:
    from byok.services.demo_data import DemoData


@dataclass(frozen=True, slots=True)
class DemoUser:
    """One person of the demo: `label` is what the button says."""

    person_id: UUID
    username: str
    label: str


class Demo:
    """Seeds, restores and describes the demo. Its people share one hash, so that the first start stays fast."""

    def __init__(
        self, *, db: Database, plans: Plans, vault: Vault, settings: Settings, clock: Clock, cost: int = COST
    ) -> None:
        self._db, self._plans, self._vault, self._settings, self._clock = db, plans, vault, settings, clock
        self._cost = cost
        self._erasures = Erasures(db=db)
        self._chains = Chains(vault=vault)

    @property
    def on(self) -> bool:
        """Whether this installation shows the demo."""
        return self._settings.demo_on

    @property
    def password(self) -> str:
        """The password of the demo's people: from `BYOK_DEMO_PASSWORD`, else made once and kept in `BYOK_HOME`.

        Meant to be shown, on the terminal and on the sign-in page; so it is no secret.
        """
        given = self._settings.demo_password
        return given.get_secret_value() if given else _kept_password(self._settings.home / "demo.password")

    def greeting(self) -> str:
        """The line for the terminal: who can sign in, and the password."""
        return f"Demo accounts: {', '.join(self._data().usernames)}. Password: {self.password}"

    def seed(self) -> bool:
        """Makes the demo where it is on and there is no company at all.

        Returns:
            Whether it was made now.
        """
        if not self.on or self._any_company():
            return False
        hashed = self._hash()  # slow on purpose: before the transaction
        try:
            with self._db.write() as session:
                if session.exec(select(Company.id).limit(1)).first():
                    return False
                self._fill(session, hashed)
        except sa.exc.IntegrityError:
            return False  # another process seeded it in the same moment
        return True

    def reset(self) -> None:
        """Removes the demo's companies, with all that was made in them, and makes them anew. Others stay.

        Raises:
            NotAllowedError: the demo is off.
            InvalidInputError: a company or a username of the demo is taken by someone who is not of the demo.
        """
        self._only_when_on()
        data, hashed = self._data(), self._hash()
        slugs, usernames = data.slugs, data.usernames
        with self._db.write() as session:
            session.exec(delete(Company).where(col(Company.slug).in_(slugs), col(Company.sample).is_(True)))
            taken = [
                *session.exec(select(Company.slug).where(col(Company.slug).in_(slugs))),
                *session.exec(select(Person.username).where(col(Person.username).in_(usernames))),
            ]
            if taken:
                raise InvalidInputError(f"Taken by someone who is not of the demo: {', '.join(taken)}.")
            self._fill(session, hashed)
            anew = session.exec(select(Company.id).where(Company.slug == slugs[0])).one()
            self._erasures.mark(session, company_id=anew, what="demo reset", now=self._clock())
            session.flush()
            reset = Happening("demo.reset", actor_name=OPERATOR_NAME, subject=", ".join(slugs))
            self._chains.add(session.connection(), reset, at=self._clock())
        self._erasures.finish()

    def follow_password(self) -> None:
        """Gives the demo's people the present password where it was changed in the settings. Takes a while."""
        if not self.on:
            return
        ours = (col(Company.sample).is_(True), col(Person.username).in_(self._data().usernames))
        with self._db.read() as session:
            query = select(Person.password_hash).join(Company).where(*ours).group_by(Person.password_hash)
            # The one they share: whoever chose a password of his own keeps it.
            kept = session.exec(query.order_by(sa.func.count().desc()).limit(1)).first()
        if kept is None or matches(SecretStr(self.password), kept):
            return
        hashed = self._hash()
        samples = select(Company.id).where(col(Company.sample).is_(True))
        with self._db.write() as session:
            of_the_demo = (col(Person.company_id).in_(samples), col(Person.password_hash) == kept)
            session.execute(sa.update(Person).where(*of_the_demo).values(password_hash=hashed))

    def people(self) -> list[DemoUser]:
        """Who can be continued as, in one click: the demo's own people, and nobody who was invited to them.

        Nobody where the demo is off.
        """
        if not self.on:
            return []
        with self._db.read() as session:
            query = select(Person, Company).join(Company).where(col(Company.sample).is_(True))
            rows = session.exec(query.where(col(Person.disabled_at).is_(None)).order_by(Person.username)).all()
        found = {
            person.username: DemoUser(
                person.id,
                person.username,
                f"Continue as {person.name} - {self._plans.get(company.plan).name} {person.role}",
            )
            for person, company in rows
        }
        return [found[name] for name in self._data().usernames if name in found]

    def switch_to_pro(self, actor: Actor) -> None:
        """Moves a sample company to Pro, as an upgrade would.

        Raises:
            NotAllowedError: the actor is no admin, the company is not of the demo, or the demo is off.
        """
        self._only_when_on()
        with self._db.write() as session:
            grant = admit(session, actor, self._plans, admin=True)
            if not grant.company.sample:
                raise NotAllowedError("Only the demo's companies can be switched here.")
            pro = self._plans.get("pro")
            session.get_one(Company, actor.company_id).plan = pro.id
            record, detail = Record(chains=self._chains, clock=self._clock), f"from {grant.plan.name} to {pro.name}"
            record.add(session, actor, grant, "plan.changed", subject=grant.company.name, detail=detail)

    def _hash(self) -> str:
        try:
            return hash_password(SecretStr(self.password), cost=self._cost)
        except InvalidInputError as error:  # short or common is no fault here, since it is shown to everybody
            name = "BYOK_DEMO_PASSWORD" if self._settings.demo_password else "demo.password in BYOK_HOME"
            raise SettingsError(f"{name} cannot be used. {error.message}", next_step=error.next_step) from None

    def _only_when_on(self) -> None:
        if not self.on:
            raise NotAllowedError("The demo is off.", next_step="Set BYOK_DEMO=1 to have it.")

    def _fill(self, session: Session, hashed: str) -> None:
        from byok.services.demo_content import fill

        now = self._clock()
        fill(session, self._data(), plans=self._plans, vault=self._vault, password_hash=hashed, now=now)

    @staticmethod
    def _data() -> DemoData:
        """Read when needed: most starts have nothing to seed."""
        from byok.services.demo_data import DemoData

        return DemoData.load()

    def _any_company(self) -> bool:
        with self._db.read() as session:
            return session.exec(select(Company.id).limit(1)).first() is not None


def _kept_password(path: Path) -> str:
    try:
        return _made_or_read(path)
    except OSError as error:
        raise unwritable(f"BYOK_HOME: {path}", error, instead="BYOK_DEMO_PASSWORD") from None
    except UnicodeDecodeError:
        raise SettingsError(
            f"{path} is not plain text.", next_step="Delete it, so that a new one is made, or set BYOK_DEMO_PASSWORD."
        ) from None


def _made_or_read(path: Path) -> str:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        closed_to_others(path)
        return path.read_text("utf-8").strip()
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(made := secrets.token_urlsafe(9))
    return made
