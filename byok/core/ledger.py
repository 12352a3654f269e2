"""The ledger's writing side: reserve an attempt before it is sent, settle it exactly once. Never text, never a key.

On a connection that the caller holds, so that a reservation commits together with its answer, and a settled attempt
with the figures of its day.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import sqlalchemy as sa

from byok.core import rollups
from byok.core.allowances import Budget, check_budgets, one_at_a_time, plan_used
from byok.core.model_names import ModelName
from byok.ground.clock import month_of
from byok.ground.errors import PlanUsedUpError
from byok.ground.ids import new_id
from byok.ground.prepared import Prepared
from byok.ground.tables.attempts import OPEN
from byok.ground.tables.types import metadata

ATTEMPTS = metadata.tables["attempt"]
KEYS = metadata.tables["api_key"]

_a = ATTEMPTS.c
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
    "reserved_pico",
    "instead_of",
)
_RESERVE = Prepared(sa.insert(ATTEMPTS), columns=("id", *_SAME, "status", "answered", "month", "reserved_at"))
EndStatus = Literal["complete", "stopped", "interrupted", "error"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an attempt. A count or price that is not known is None, never 0.

    Attributes:
        answered: its first text arrived.
        error: the error's class name, never its words.
        taken_on: the provider had begun with it, or nothing shows that it had not: it may charge for it.
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
    taken_on: bool = False


_OUTCOME = tuple(field.name for field in fields(Outcome))
# What of a reserved row decides where its figures go and what they are.
_RESERVED = (*(_a[name] for name in rollups.NAMED), _a.reserved_at, _a.sample, _a.reserved_pico)
_SETTLE = Prepared(
    sa.update(ATTEMPTS)
    .where((_a.id == sa.bindparam("which")) & OPEN)
    .values({name: sa.bindparam(f"new_{name}", type_=_a[name].type) for name in (*_OUTCOME, "settled_at")})
    .returning(*_RESERVED)
)


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
    budgets: Sequence[Budget] = (),
    at_most_pico: int | None = None,
    instead_of: ModelName | None = None,
) -> UUID:
    """Writes the `reserved` row of an attempt, inside the caller's write transaction.

    Args:
        plan_messages: the plan's allowance of a month; it binds standard models only.
        budgets: those that bind this call on an own key.
        at_most_pico: what it may cost at most, in pico-dollars; None where it has no price, or no budget stands.
        instead_of: the model that was asked for, where a chatbot's settings led to this one.

    Returns:
        The attempt's id.

    Raises:
        PlanUsedUpError: the month's messages are used up, open reservations included.
        BudgetReachedError: so is a budget.
    """
    month = month_of(at)
    if name.source == "plan" or budgets:
        one_at_a_time(connection, company_id=company_id)
    if name.source == "plan" and plan_used(connection, company_id=company_id, month=month) >= plan_messages:
        raise PlanUsedUpError(f"This month's {plan_messages:,} plan messages are used up.")
    if budgets:
        check_budgets(connection, budgets, company_id=company_id, month=month, at_most_pico=at_most_pico)
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
            "reserved_pico": at_most_pico,
            "instead_of": None if instead_of is None else str(instead_of),
            "reserved_at": at,
        },
    )
    return attempt_id


def follow(
    connection: sa.Connection, attempt_id: UUID, outcome: Outcome, *, at: datetime, next_id: UUID | None = None
) -> UUID | None:
    """Settles an attempt that failed and reserves the next one in its place, for the same question.

    Both in the caller's transaction, so that nobody else takes the message, or the part of a budget, that the failed
    one gives back: within its month neither need be looked at again, and beyond it nothing is carried. Whoever gives
    `next_id` can find the new one even where he never heard of the commit.

    Returns:
        The new attempt's id. None, and no new one, where the failed one had been settled before, by whoever took this
        process for dead; where the key was deleted meanwhile; where a new month has begun.
    """
    if not settle(connection, attempt_id, outcome, at=at):
        return None
    same = [ATTEMPTS.c[name] for name in _SAME]
    fresh = {"id": next_id or new_id(), "status": "reserved", "answered": False}
    fresh |= {"month": month_of(at), "reserved_at": at}
    values = [sa.literal(value, ATTEMPTS.c[name].type) for name, value in fresh.items()]
    its_key = sa.exists().where(KEYS.c.id == _a.key_id)
    row = sa.select(*same, *values).where(_a.id == attempt_id, _a.month == month_of(at), _a.key_id.is_(None) | its_key)
    made = sa.insert(ATTEMPTS).from_select([*_SAME, *fresh], row).returning(_a.id)
    return connection.execute(made).scalar()


def settle(connection: sa.Connection, attempt_id: UUID, outcome: Outcome, *, at: datetime) -> bool:
    """Settles a reserved attempt, and adds it to the figures of its day.

    Returns:
        False where it was settled before; then nothing changes.
    """
    values: dict[str, Any] = {f"new_{name}": getattr(outcome, name) for name in _OUTCOME}
    found = _SETTLE.run(connection, {"which": attempt_id, **values, "new_settled_at": at})
    for row in found:
        figures = rollups.figures_of(
            status=outcome.status,
            answered=outcome.answered,
            sample=row.sample,
            reserved_pico=row.reserved_pico,
            tokens_in=outcome.tokens_in,
            tokens_out=outcome.tokens_out,
            tokens_cached=outcome.tokens_cached,
            tokens_reasoning=outcome.tokens_reasoning,
            cost_pico=outcome.cost_pico,
            ttft_ms=outcome.ttft_ms,
            duration_ms=outcome.duration_ms,
            taken_on=outcome.taken_on,
        )
        rollups.add(connection, [rollups.Settled(rollups.place_of(row), figures)])
    return bool(found)


def settle_lost(
    connection: sa.Connection,
    which: sa.ColumnElement[bool],
    *,
    status: Literal["unknown", "interrupted"],
    answered: sa.ColumnElement[bool] | Literal[False] = False,
    at: datetime,
) -> int:
    """Settles all reserved attempts for which `which` holds and of which nobody can say more than that they ended.

    Returns:
        How many.
    """
    lost = sa.update(ATTEMPTS).where(which, OPEN)
    lost = lost.values(status=status, answered=answered, settled_at=at)
    rows = connection.execute(lost.returning(*_RESERVED, _a.answered)).all()
    rollups.add(
        connection,
        [
            rollups.Settled(
                rollups.place_of(row),
                rollups.figures_of(
                    status=status, answered=row.answered, sample=row.sample, reserved_pico=row.reserved_pico
                ),
            )
            for row in rows
        ],
    )
    return len(rows)
