"""What services put on the audit log: who did what, as `admit` found him just now, in the transaction of what he did.

Refuses to know what is done: the caller says it, last in his transaction, in words that hold no secret.
"""

from __future__ import annotations

from typing import Final, Protocol

from sqlmodel import Session

from byok.core.audit import Chains, Happening
from byok.core.key_days import short
from byok.ground.clock import Clock
from byok.ground.tables import Person
from byok.services.access import Actor, Grant, Reads, connection_of

OPERATOR_NAME: Final = "operator"


class NamedKey(Protocol):
    """What a row says of a key."""

    @property
    def label(self) -> str: ...
    @property
    def fingerprint(self) -> bytes: ...


def by_themselves(person: Person, action: str, *, address: str, detail: str = "") -> Happening:
    """What people did to their own account, whether or not they were signed in."""
    return Happening(
        action=action,
        chain_id=person.company_id,
        actor_id=person.id,
        actor_name=person.name,
        subject=person.username,
        detail=detail,
        address=address,
    )


class Record:
    """Adds to the chain of the actor's company."""

    def __init__(self, *, chains: Chains, clock: Clock) -> None:
        self._chains, self._clock = chains, clock

    def add(
        self,
        session: Reads,
        actor: Actor,
        grant: Grant,
        action: str,
        *,
        key: NamedKey | None = None,
        subject: str = "",
        detail: str = "",
    ) -> None:
        """Records what the actor did. Call it last: the company's chain is held from then to the transaction's end.

        Args:
            key: which key it was done to; its label is the subject then.
        """
        if isinstance(session, Session):
            session.flush()  # rows are locked before the chain is
        what = Happening(
            action,
            grant.company.id,
            actor_id=grant.person.id if grant.person else None,
            actor_name=grant.person.name if grant.person else OPERATOR_NAME,
            subject=key.label if key else subject,
            fingerprint=short(key.fingerprint) if key else "",
            detail=detail,
            address=actor.address,
        )
        self._chains.add(connection_of(session), what, at=self._clock())


def in_words(verdict: str | None) -> str:
    """A key test's verdict: `no credit`; `untested` where there was none."""
    return "untested" if verdict is None else verdict.replace("_", " ")
