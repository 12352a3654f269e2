"""Leases: each process, the command line too, says that it is alive. An expired one has lost its open work."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from byok.ground.tables.types import Row, moment, primary_key


class ProcessLease(Row, table=True):
    """Renewed by its owner; whoever finds it expired settles what it left open."""

    __tablename__ = "process_lease"

    id: UUID = primary_key()
    what: str
    started_at: datetime = moment()
    expires_at: datetime = moment(index=True)
