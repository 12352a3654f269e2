"""The ledger's writing side: reserve an attempt before it is sent, settle it exactly once. Never text, never a key.

SQLAlchemy Core on a connection that the caller holds, so that a reservation commits together with its answer.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

import sqlalchemy as sa

from byok.core.model_names import ModelName
from byok.ground.clock import month_of
from byok.ground.errors import PlanUsedUpError
from byok.ground.ids import new_id
from byok.ground.prepared import Prepared
from byok.ground.tables.types import metadata

ATTEMPTS = metadata.tables["attempt"]
COMPANIES = metadata.tables["company"]
KEYS = metadata.tables["api_key"]

_a = ATTEMPTS.c
_LOCK = Prepared(
    sa.select(COMPANIES.c.id).where(COMPANIES.c.id == sa.bindparam("whose")).with_for_update(key_share=True)
)
_USED = Prepared(
    sa.select(sa.func.count().label("messages")).where(
        _a.company_id == sa.bindparam("whose"),
        _a.source == "plan",
        _a.month == sa.bindparam("of"),
        (_a.status == "reserved") | _a.answered,
    )
)
# What the attempts of one question have in common.
_SAME = (
    "company_id",
    "person_id",
    "chatbot_id",
    "conversation_id",
    "answer_id",
    "process_id",
    "source",
    "provider_id",
    "model_asked",
    "key_id",
    "key_label",
    "key_hint",
    "sample",
)
_RESERVE = Prepared(sa.insert(ATTEMPTS), columns=("id", *_SAME, "status", "answered", "month", "reserved_at"))
_SETTLE = sa.update(ATTEMPTS).where((_a.id == sa.bindparam("which")) & (_a.status == "reserved"))

EndStatus = Literal["complete", "stopped", "interrupted", "error"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an attempt. A count or price that is not known is None, never 0.

    Attributes:
        answered: its first text arrived.
        error: the error's class name, never its words.
        cost_pico: pico-dollars; with it, where the price comes from and the day it is of, and what a million tokens
            came to, in and out.
        ttft_ms: from sending to the first text; `duration_ms`: from sending to the end.
    """

    status: EndStatus
    answered: bool
    error: str | None = None
    model_answered: str | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None
    tokens_cached: int | None = None
    tokens_reasoning: int | None = None
    cost_pico: int | None = None
    price_origin: str | None = None
    price_date: str | None = None
    price_in_pico: int | None = None
    price_out_pico: int | None = None
    ttft_ms: int | None = None
    duration_ms: int | None = None
    provider_request_id: str | None = None


def plan_used(connection: sa.Connection, *, company_id: UUID, month: str) -> int:
    """Plan messages of a month `YYYY-MM`: answered attempts on standard models, and those that are still open."""
    (used,) = _USED.run(connection, {"whose": company_id, "of": month})
    return int(used.messages)


def reserve(
    connection: sa.Connection,
    *,
    company_id: UUID,
    process_id: UUID,
    name: ModelName,
    at: datetime,
    plan_messages: int,
    person_id: UUID | None = None,
    chatbot_id: UUID | None = None,
    conversation_id: UUID | None = None,
    answer_id: UUID | None = None,
    key_id: UUID | None = None,
    key_label: str | None = None,
    key_hint: str | None = None,
) -> UUID:
    """Writes the `reserved` row of an attempt, inside the caller's write transaction.

    Args:
        plan_messages: the plan's allowance of a month; it binds standard models only.

    Returns:
        The attempt's id.

    Raises:
        PlanUsedUpError: the month's messages are used up, open reservations included.
    """
    month = month_of(at)
    if name.source == "plan":
        # SQLite's write transaction stands alone anyway. NO KEY UPDATE waits for other senders, not for foreign keys.
        if connection.dialect.name != "sqlite":
            _LOCK.run(connection, {"whose": company_id})
        if plan_used(connection, company_id=company_id, month=month) >= plan_messages:
            raise PlanUsedUpError(f"This month's {plan_messages:,} plan messages are used up.")
    attempt_id = new_id()
    _RESERVE.run(
        connection,
        {
            "id": attempt_id,
            "company_id": company_id,
            "person_id": person_id,
            "chatbot_id": chatbot_id,
            "conversation_id": conversation_id,
            "answer_id": answer_id,
            "process_id": process_id,
            "source": name.source,
            "provider_id": name.provider_id,
            "model_asked": name.model,
            "key_id": key_id,
            "key_label": key_label,
            "key_hint": key_hint,
            "status": "reserved",
            "answered": False,
            "month": month,
            "sample": False,
            "reserved_at": at,
        },
    )
    return attempt_id


def follow(connection: sa.Connection, attempt_id: UUID, outcome: Outcome, *, at: datetime) -> UUID | None:
    """Settles an attempt that failed and reserves the next one in its place, for the same question.

    Both in the caller's transaction, so that nobody else takes the message that the failed one gives back: within its
    month the allowance need not be looked at again, and beyond it the message is not carried.

    Returns:
        The new attempt's id. None, and no new one, where the failed one had been settled before, by whoever took this
        process for dead; where the key was deleted meanwhile; where a new month has begun.
    """
    if not settle(connection, attempt_id, outcome, at=at):
        return None
    same = [ATTEMPTS.c[name] for name in _SAME]
    fresh = {"id": new_id(), "status": "reserved", "answered": False, "month": month_of(at), "reserved_at": at}
    values = [sa.literal(value, ATTEMPTS.c[name].type) for name, value in fresh.items()]
    its_key = sa.exists().where(KEYS.c.id == _a.key_id)
    row = sa.select(*same, *values).where(_a.id == attempt_id, _a.month == month_of(at), _a.key_id.is_(None) | its_key)
    made = sa.insert(ATTEMPTS).from_select([*_SAME, *fresh], row).returning(_a.id)
    return connection.execute(made).scalar()


def settle(connection: sa.Connection, attempt_id: UUID, outcome: Outcome, *, at: datetime) -> bool:
    """Settles a reserved attempt.

    Returns:
        False where it was settled before; then nothing changes.
    """
    done = connection.execute(_SETTLE, {"which": attempt_id, **asdict(outcome), "settled_at": at})
    return done.rowcount == 1
