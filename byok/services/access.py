"""Who is asking, and may they? Each service call admits its actor anew from the database, never from a page."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlmodel import Session

from byok.core.plans import Plan, Plans
from byok.ground.errors import NotAllowedError, NotFoundError, NotSignedInError, ProPlanNeededError
from byok.ground.tables import Company, Person


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asks: a person who is signed in, or (without `person_id`) the operator acting for a company."""

    company_id: UUID
    person_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Grant:
    """What `admit` found in the database just now."""

    company: Company
    person: Person | None
    plan: Plan

    @property
    def is_admin(self) -> bool:
        """Whether the actor administers the company; the operator does."""
        return self.person is None or self.person.role == "admin"


def admit(session: Session, actor: Actor, plans: Plans, *, admin: bool = False, byok: bool = False) -> Grant:
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
    if actor.person_id is not None:
        person = session.get(Person, actor.person_id)
        if person is None or person.disabled_at is not None:
            raise NotSignedInError("This account cannot be used any more.")
        if person.company_id != actor.company_id:
            raise NotFoundError("There is no such company.")
    company = session.get(Company, actor.company_id)
    if company is None:
        raise NotFoundError("There is no such company.")
    grant = Grant(company, person, plans.get(company.plan))
    if admin and not grant.is_admin:
        raise NotAllowedError("Only an admin of your company can do this.")
    if byok and not grant.plan.byok:
        raise ProPlanNeededError(f"Own keys are not part of the {grant.plan.name} plan.")
    return grant
