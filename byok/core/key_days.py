"""Notes when a key was used, and puts its first use of a day (UTC) on the audit log.

On every other use it is one statement; and none of it stands between a question and its first word.
"""

from __future__ import annotations

from datetime import UTC, datetime, time
from typing import Any

import sqlalchemy as sa

from byok.core.audit import Chains, Happening
from byok.core.job import Job
from byok.core.wire import ChatCall
from byok.ground.clock import day_of
from byok.ground.prepared import Prepared
from byok.ground.tables.types import metadata

KEYS, ATTEMPTS, PEOPLE = (metadata.tables[name] for name in ("api_key", "attempt", "person"))
FINGERPRINT = 16
"""Hexadecimal digits of a key's fingerprint that stand in a row of the audit log."""
_k = KEYS.c
_USED = sa.update(KEYS).where(_k.id == sa.bindparam("of")).values(last_used_at=sa.bindparam("new_at"))
_TODAY = _k.last_used_at >= sa.bindparam("midnight", type_=_k.last_used_at.type)
_AGAIN = Prepared(_USED.where(_TODAY).returning(_k.id))
_FIRST = Prepared(
    _USED.where(_k.last_used_at.is_(None) | ~_TODAY).returning(_k.company_id, _k.provider_id, _k.label, _k.fingerprint)
)


def touch(connection: sa.Connection, job: Job, *, at: datetime) -> Any:
    """Notes that the job's key was used.

    Returns:
        The key's row, where this was the first time in its day; else None.
    """
    values = {"of": job.key_id, "new_at": at, "midnight": datetime.combine(day_of(at), time(), UTC)}
    if _AGAIN.run(connection, values):
        return None
    found = _FIRST.run(connection, values)
    return found[0] if found else None  # another process may have been first in this moment; its time will do


def record(connection: sa.Connection, chains: Chains, job: Job, key: Any, *, at: datetime) -> None:
    """Puts the first use on the chain of the key's company. Call it last in the transaction."""
    who = sa.select(PEOPLE.c.id, PEOPLE.c.name).join(ATTEMPTS, ATTEMPTS.c.person_id == PEOPLE.c.id)
    person = connection.execute(who.where(ATTEMPTS.c.id == job.attempt_id)).one_or_none()
    used = Happening(
        "key.used",
        key.company_id,
        actor_id=person.id if person else None,
        actor_name=person.name if person else "operator",
        subject=key.label,
        fingerprint=short(key.fingerprint),
        detail=f"{_provider(job) or key.provider_id}, for the first time on {day_of(at)}",
        address=job.address,
    )
    chains.add(connection, used, at=at)


def _provider(job: Job) -> str:
    provider = job.call.provider if isinstance(job.call, ChatCall) else job.provider
    return provider.name if provider else ""


def short(fingerprint: bytes) -> str:
    """The first digits of a key's fingerprint: the same that "What we store" shows first."""
    return fingerprint.hex()[:FINGERPRINT]
