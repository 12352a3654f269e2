"""The ledger: one row an attempt, reserved before sending, settled exactly once. Never text, never a key.

A settled row is never changed again: a correction is a row of its own beside it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field

from byok.ground.tables.types import Row, belongs_to, metadata, moment, partial_index, primary_key


class Attempt(Row, table=True):
    """One request to one provider.

    `source` is `byok` or `plan`. `status`: reserved, then one of complete, stopped, interrupted, error, unknown.
    `answered`: its first text arrived. Counts that the provider did not send are NULL, never 0. `cost_pico` is in
    pico-dollars (10^-12 USD); `price_in_pico` and `price_out_pico` are for a million tokens; `reserved_pico` is the
    most that it may cost, where a budget stood as it was reserved.
    `instead_of` is the model that was asked for, `source:provider/model`, where a chatbot's settings led to another.
    `taken_on`: its provider may charge for it whatever became of it, having begun with it, or for all that is known.
    `month` is that of `reserved_at` in UTC, `YYYY-MM`.
    Names of people, keys and chatbots are not foreign keys: the ledger outlives what it counted.
    """

    __tablename__ = "attempt"
    __table_args__ = (
        sa.Index("ix_attempt_company_time", "company_id", "reserved_at"),
        partial_index("ix_attempt_held", "company_id", "source", "provider_id", where="status = 'reserved'"),
    )

    id: UUID = primary_key()
    company_id: UUID = belongs_to("company.id", index=False)
    person_id: UUID | None = None
    chatbot_id: UUID | None = None
    conversation_id: UUID | None = None
    answer_id: UUID | None = Field(default=None, index=True)
    process_id: UUID
    source: str
    provider_id: str
    model_asked: str
    model_answered: str | None = None
    key_id: UUID | None = None
    key_label: str | None = None
    key_hint: str | None = None
    status: str = "reserved"
    answered: bool = False
    error: str | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None
    tokens_cached: int | None = None
    tokens_reasoning: int | None = None
    cost_pico: int | None = Field(default=None, sa_type=sa.BigInteger)
    price_origin: str | None = None
    price_date: str | None = None
    price_in_pico: int | None = Field(default=None, sa_type=sa.BigInteger)
    price_out_pico: int | None = Field(default=None, sa_type=sa.BigInteger)
    ttft_ms: int | None = None
    duration_ms: int | None = None
    provider_request_id: str | None = None
    month: str
    sample: bool = False
    reserved_at: datetime = moment()
    settled_at: datetime | None = moment(nullable=True)
    reserved_pico: int | None = Field(default=None, sa_type=sa.BigInteger)
    instead_of: str | None = None
    taken_on: bool | None = None


OPEN: Final = metadata.tables["attempt"].c.status == sa.literal_column("'reserved'")
"""Holds of attempts that are not settled yet. Written out: with a value to come, no plan could use their own index."""


class Adjustment(Row, table=True):
    """A correction of a settled attempt, as differences: what it adds to the figures of the attempt's own day.

    `prices`: it is the first price that the attempt has. `counts`: with it, both token counts are known for the first
    time. `made_by` is the person's name, empty for the operator.
    """

    __tablename__ = "adjustment"

    id: UUID = primary_key()
    company_id: UUID = belongs_to("company.id")
    attempt_id: UUID = belongs_to("attempt.id")
    tokens_in: int = Field(default=0, sa_type=sa.BigInteger)
    tokens_out: int = Field(default=0, sa_type=sa.BigInteger)
    cost_pico: int = Field(default=0, sa_type=sa.BigInteger)
    prices: bool = False
    counts: bool = False
    reason: str
    made_by: str = ""
    made_at: datetime = moment()
