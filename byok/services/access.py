"""Who is asking, and may they? Each service call admits its actor anew from the database, never from a page."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from byok.core.plans import Plan, Plans
from byok.ground.errors import NotAllowedError, NotFoundError, NotSignedInError, ProPlanNeededError
from byok.ground.prepared import Prepared
from byok.ground.tables.types import metadata

Reads = Session | sa.Connection  # a session's connection, or a bare one where every part of a millisecond counts

_p, _c = metadata.tables["person"].c, metadata.tables["company"].c
_EMPLOYER = (_c.id, _c.slug, _c.name, _c.plan, _c.sample)
# Every call of every service asks one of these. Made once, and without the ORM, which costs more than all the rest.
_COMPANY = Prepared(sa.select(*_EMPLOYER).where(_c.id == sa.bindparam("whose")))
_PERSON = Prepared(
    sa.select(*_EMPLOYER, _p.id.label("person_id"), _p.name.label("person_name"), _p.role, _p.disabled_at)
    .where(_p.id == sa.bindparam("who"))
    .join_from(metadata.tables["person"], metadata.tables["company"])
)


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asks: a person who is signed in, or (without `person_id`) the operator acting for a company.

    `address` is where the call came from, for the audit log; it allows nothing and is no part of who somebody is.
    """

    company_id: UUID
    person_id: UUID | None = None
    address: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class AdmittedCompany:
    """The actor's company. `plan` is the plan's id; `sample` says that it is one of the demo's."""

    id: UUID
    slug: str
    name: str
    plan: str
    sample: bool


@dataclass(frozen=True, slots=True)
class AdmittedPerson:
    """Who asks. `role` is `admin` or `member`."""

    id: UUID
    name: str
    role: str


@dataclass(frozen=True, slots=True)
class Grant:
    """What `admit` found in the database just now."""

    company: AdmittedCompany
    person: AdmittedPerson | None
    plan: Plan

    @property
    def is_admin(self) -> bool:
        """Whether the actor administers the company; the operator does."""
        return self.person is None or self.person.role == "admin"


def admit(session: Reads, actor: Actor, plans: Plans, *, admin: bool = False, byok: bool = False) -> Grant:
    """Reads the actor's state, role and plan from the database, and refuses what they do not allow.

    Args:
        admin: whether the call is an admin's.
        byok: whether the call uses or changes own keys, which only a plan with BYOK allows.

    Raises:
        NotSignedInError: the person is gone or disabled.
        NotFoundError: there is no such company, or it is not the person's.
        NotAllowedError: a member asks for an admin's call.
        ProPlanNeededError: the plan does not include own keys.
    """
    person = None
    row: Any  # a row of either statement, or None
    if actor.person_id is not None:
        row = next(iter(_PERSON.run(connection_of(session), {"who": actor.person_id})), None)
        if row is None or row.disabled_at is not None:
            raise NotSignedInError("This account cannot be used any more.")
        person = AdmittedPerson(row.person_id, row.person_name, row.role)
    else:
        row = next(iter(_COMPANY.run(connection_of(session), {"whose": actor.company_id})), None)
    if row is None or row.id != actor.company_id:
        raise NotFoundError("There is no such company.")
    company = AdmittedCompany(row.id, row.slug, row.name, row.plan, row.sample)
    grant = Grant(company, person, plans.get(company.plan))
    if admin and not grant.is_admin:
        raise NotAllowedError("Only an admin of your company can do this.")
    if byok and not grant.plan.byok:
        raise ProPlanNeededError(f"Own keys are not part of the {grant.plan.name} plan.")
    return grant


def connection_of(session: Reads) -> sa.Connection:
    """The connection on which to run statements beside the ORM, in the same transaction."""
    return session if isinstance(session, sa.Connection) else session.connection()
