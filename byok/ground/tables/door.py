"""What the door keeps beside sessions: counters of failed sign-ins, and invitations. Neither names whom it is about.

Refuses to keep what was typed: a username, an address and a token stand here as hashes.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlmodel import Field

from byok.ground.tables.types import Row, belongs_to, moment, primary_key


class Throttle(Row, table=True):
    """Tries at a password, known by a hash; until when the next one must wait.

    `scope` is `account`, `address`, or `place`: an account in a browser in which it has signed in before; or `whole`:
    all tries at names that nobody has, and all others that failed, by which no one waits.
    """

    __tablename__ = "throttle"

    scope: str = Field(primary_key=True)
    whose: bytes = Field(primary_key=True, repr=False)
    failures: int
    since: datetime = moment()
    until: datetime = moment()
    expires_at: datetime = moment(index=True)


class Invitation(Row, table=True):
    """A link by which a person sets a password once: a new one's (`invite`), or in place of the old (`reset`)."""

    __tablename__ = "invitation"

    id: UUID = primary_key()
    person_id: UUID = belongs_to("person.id")
    purpose: str
    token_hash: bytes = Field(unique=True, repr=False)
    made_by_name: str = ""
    made_at: datetime = moment()
    expires_at: datetime = moment()
