"""Companies and people as they may be shown, and what a username, a slug and a role may be. Nothing here has a hash."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, cast, get_args
from uuid import UUID

from byok.core.plans import Plan
from byok.ground.errors import InvalidInputError
from byok.ground.tables import Person
from byok.services.access import Actor
from byok.services.passwords import is_nobody

Role = Literal["admin", "member"]
State = Literal["active", "invited", "disabled"]
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
    """A person, as he may be shown: no hash. Who is `invited` has no password yet, or none any more."""

    id: UUID
    username: str
    name: str
    role: Role
    disabled: bool
    created_at: datetime
    seen_at: datetime | None = None
    invited: bool = False

    @property
    def state(self) -> State:
        """In one word."""
        return "disabled" if self.disabled else "invited" if self.invited else "active"


def person_view(person: Person) -> PersonView:
    """What may be shown of a row."""
    return PersonView(
        id=person.id,
        username=person.username,
        name=person.name,
        role=cast("Role", person.role),
        disabled=person.disabled_at is not None,
        created_at=person.created_at,
        seen_at=person.seen_at,
        invited=is_nobody(person.password_hash),
    )


def clean_username(typed: str) -> str:
    """A username as it is kept: without spaces around it, in small letters."""
    return typed.strip().lower()


def new_username(typed: str) -> str:
    """A username that somebody may be given, as it is kept.

    Raises:
        InvalidInputError: it cannot be typed or is too long.
    """
    username = clean_username(typed)
    if not USERNAME.fullmatch(username) or len(username) > LONGEST:
        raise InvalidInputError(
            f"{username!r} cannot be a username.",
            field="username",
            next_step="Use small letters, digits and . _ - + @, at most 64.",
        )
    return username


def known_role(role: str) -> Role:
    """The role of that name.

    Raises:
        InvalidInputError: there is none.
    """
    if role not in get_args(Role):
        raise InvalidInputError(f"There is no role {role!r}; there are: admin, member.", field="role")
    return cast("Role", role)
