"""The ledger as one would write it in SQLModel sessions: the same rows and transactions as `core.ledger`, to compare.

The plan's allowance is counted in a query, the attempt is added, loaded again to be settled, and both rows of its day
are loaded, added to and flushed. Refuses what the product refuses, and locks what it locks.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from pydantic import create_model
from sqlalchemy.orm import registry
from sqlmodel import Field, Session, SQLModel, col, func, select

from byok.core.ledger import Outcome
from byok.core.model_names import ModelName
from byok.core.rollups import figures_of
from byok.ground.clock import day_of, days_of, month_of
from byok.ground.db import Database
from byok.ground.errors import PlanUsedUpError
from byok.ground.tables import Attempt, Company
from byok.ground.tables.rollups import BUCKETS, FIGURES, NOBODY, SUMS


class Own(SQLModel, registry=registry()):
    """Classes over tables that the product has none for."""


_types = {name: sa.BigInteger if name in SUMS else sa.Integer for name in (*FIGURES, *BUCKETS)}
_fields: Any = {name: (int, Field(default=0, sa_type=kind)) for name, kind in _types.items()}
Added: Any = create_model("Added", __base__=Own, **_fields)


class UsageDay(Added, table=True):
    """A day's figures by provider."""

    __tablename__ = "usage_day"
    company_id: UUID = Field(primary_key=True)
    day: date = Field(primary_key=True)
    source: str = Field(primary_key=True)
    provider_id: str = Field(primary_key=True)


class UsageDetail(Added, table=True):
    """A day's figures by all that is told apart."""

    __tablename__ = "usage_detail"
    company_id: UUID = Field(primary_key=True)
    day: date = Field(primary_key=True)
    source: str = Field(primary_key=True)
    provider_id: str = Field(primary_key=True)
    model: str = Field(primary_key=True)
    key_id: UUID = Field(primary_key=True)
    person_id: UUID = Field(primary_key=True)
    chatbot_id: UUID = Field(primary_key=True)


def reserve(
    db: Database, *, company_id: UUID, name: ModelName, at: datetime, plan_messages: int, **fields: Any
) -> UUID:
    """As `core.ledger.reserve`, in a transaction of its own."""
    month = month_of(at)
    with db.write() as session:
        if name.source == "plan":
            if not db.is_sqlite:
                session.get_one(Company, company_id, with_for_update={"key_share": True})
            if _used(session, company_id, month) >= plan_messages:
                raise PlanUsedUpError(f"This month's {plan_messages:,} plan messages are used up.")
        attempt = Attempt(
            company_id=company_id,
            source=name.source,
            provider_id=name.provider_id,
            model_asked=name.model,
            month=month,
            reserved_at=at,
            **fields,
        )
        session.add(attempt)
        return attempt.id


def _used(session: Session, company_id: UUID, month: str) -> int:
    first, last = days_of(month)
    days = select(func.coalesce(func.sum(UsageDay.answered), 0)).where(
        UsageDay.company_id == company_id, col(UsageDay.day).between(first, last), UsageDay.source == "plan"
    )
    held = select(func.count(col(Attempt.id))).where(
        Attempt.company_id == company_id, Attempt.source == "plan", Attempt.status == "reserved", Attempt.month == month
    )
    return int(session.exec(days).one()) + session.exec(held).one()


def settle(db: Database, attempt_id: UUID, outcome: Outcome, *, at: datetime) -> bool:
    """As `core.ledger.settle`, in a transaction of its own."""
    with db.write() as session:
        lock = not db.is_sqlite
        attempt = session.get_one(Attempt, attempt_id, with_for_update=lock)
        if attempt.status != "reserved":
            return False
        for name in Outcome.__slots__:
            setattr(attempt, name, getattr(outcome, name))
        attempt.settled_at = at
        figures = figures_of(
            status=outcome.status,
            answered=outcome.answered,
            sample=attempt.sample,
            reserved_pico=attempt.reserved_pico,
            tokens_in=outcome.tokens_in,
            tokens_out=outcome.tokens_out,
            tokens_cached=outcome.tokens_cached,
            tokens_reasoning=outcome.tokens_reasoning,
            cost_pico=outcome.cost_pico,
            ttft_ms=outcome.ttft_ms,
            duration_ms=outcome.duration_ms,
        )
        coarse: dict[str, Any] = {"company_id": attempt.company_id, "day": day_of(attempt.reserved_at)}
        coarse |= {"source": attempt.source, "provider_id": attempt.provider_id}
        others = {name: getattr(attempt, name) or NOBODY for name in ("key_id", "person_id", "chatbot_id")}
        _add(session, UsageDay, coarse, figures, lock=lock)
        _add(session, UsageDetail, coarse | {"model": attempt.model_asked} | others, figures, lock=lock)
        return True


def _add(session: Session, kind: Any, place: dict[str, Any], figures: dict[str, int], *, lock: bool) -> None:
    row = session.get(kind, place, with_for_update=lock)
    if row is None:
        row = kind(**place)
        session.add(row)
    for name, more in figures.items():
        setattr(row, name, getattr(row, name) + more)
