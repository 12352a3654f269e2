"""Who did what to keys and accounts, as chains of rows: one a company, and one of the operator's own.

Each row's `mac` is a keyed hash over the row and the one before it. The head says where a chain ends, and is signed,
so that rows cut off at the end are missed too. Rows are only ever added; no foreign key leads to a person or a key,
since a record outlives both.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field

from byok.ground.tables.types import Row, moment

OPERATOR: Final = UUID(int=0)
"""The chain of what belongs to no company."""


class AuditHead(Row, table=True):
    """Where a chain ends. `audit_key` is a random key of the chain's own, sealed as a company's fingerprint key is."""

    __tablename__ = "audit_head"

    chain_id: UUID = Field(primary_key=True)
    seq: int = Field(sa_type=sa.BigInteger)
    audit_key: bytes = Field(repr=False)
    mac: bytes = Field(repr=False)
    signature: bytes = Field(repr=False)


class AuditEvent(Row, table=True):
    """One thing that somebody did. `seq` counts from 1 without gaps; texts that do not apply are empty.

    `fingerprint` recognises a key without holding it; `detail` is short, in words, and never secret.
    """

    __tablename__ = "audit_event"

    chain_id: UUID = Field(foreign_key="audit_head.chain_id", ondelete="CASCADE", primary_key=True)
    seq: int = Field(sa_column=sa.Column(sa.BigInteger, primary_key=True, autoincrement=False))
    at: datetime = moment()
    actor_id: UUID | None = None
    actor_name: str = ""
    action: str
    subject: str = ""
    fingerprint: str = ""
    detail: str = ""
    address: str = ""
    request_id: str = ""
    mac: bytes = Field(repr=False)
