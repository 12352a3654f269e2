"""Rows of the audit log as people read them, filtered in the database. Asks nobody who he is: the services above do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final, Literal
from uuid import UUID

import sqlalchemy as sa

from byok.core.audit import EVENTS
from byok.core.audit_chain import ODD, raise_if_away
from byok.ground.db import Database
from byok.ground.errors import RecordSpoiltError
from byok.services.recording import OPERATOR_NAME
from byok.services.spreadsheet import to_csv

HEAD: Final = (
    "Entry",
    "Time (UTC)",
    "Who",
    "What",
    "Action",
    "Subject",
    "Fingerprint",
    "Detail",
    "Address",
    "Request id",
)
OVERRIDES: Final = {
    "chain.began": "Record begun",
    "chain.resumed": "Record resumed",
    "password.refused": "Password change refused",
    "person.password_reset": "Password reset",
    "person.role_changed": "Role changed",
    "price.cleared": "Own price cleared",
    "price.set": "Own price set",
    "session.began": "Signed in",
    "session.ended": "Signed out",
    "session.failed": "Sign-in failed",
}
_e = EVENTS.c
Who = UUID | Literal["operator", "nobody"]
"""A person, the operator, or whoever was not signed in."""


@dataclass(frozen=True, slots=True)
class EntryView:
    """One row. `who` is the name that the person had then; `what` is the action in words."""

    seq: int
    at: datetime
    who: str
    what: str
    action: str
    subject: str
    fingerprint: str
    detail: str
    address: str
    request_id: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which rows; all where nothing is set. Days are UTC."""

    first: date | None = None
    last: date | None = None
    who: Who | None = None
    action: str | None = None


def entries(
    connection: sa.Connection, chain_id: UUID, wanted: Wanted | None = None, *, before: int | None = None, limit: int
) -> list[EntryView]:
    """Rows of one chain, the newest first; only those with a number below `before`, where that is given.

    Raises:
        RecordSpoiltError: one of them cannot be read.
    """
    query = sa.select(EVENTS).where(_e.chain_id == chain_id).order_by(_e.seq.desc()).limit(limit)
    if before is not None:
        query = query.where(_e.seq < before)
    for condition in _conditions(wanted or Wanted()):
        query = query.where(condition)
    with readable(connection):
        return [_view(row) for row in connection.execute(query)]


def in_words(action: str) -> str:
    """What was done: `key.made_default` is "Key made default"."""
    return OVERRIDES.get(action) or action.replace(".", " ").replace("_", " ").capitalize()


def as_csv(rows: Iterable[EntryView]) -> bytes:
    """One line a row, so that no spreadsheet computes any of it."""
    return to_csv([HEAD, *(_cells(one) for one in rows)])


@contextmanager
def readable(connection: sa.Connection) -> Iterator[None]:
    """Says in words of ours that a column holds what the product never wrote.

    Raises:
        RecordSpoiltError: what was read in it could not be.
    """
    try:
        yield
    except ODD as error:
        raise_if_away(error, connection)
        raise RecordSpoiltError("An entry of this record was changed, and cannot be read any more.") from None


@contextmanager
def snapshot(db: Database) -> Iterator[sa.Connection]:
    """A connection that sees the database as it is now: what is recorded meanwhile is in no chain of it."""
    level = {} if db.is_sqlite else {"isolation_level": "REPEATABLE READ"}
    with db.engine.connect().execution_options(**level) as connection, connection.begin():
        yield connection


def _conditions(wanted: Wanted) -> Iterator[sa.ColumnElement[bool]]:
    if wanted.first is not None:
        yield _e.at >= datetime.combine(wanted.first, time(), UTC)
    if wanted.last is not None and wanted.last < date.max:
        yield _e.at < datetime.combine(wanted.last + timedelta(days=1), time(), UTC)
    if isinstance(wanted.who, UUID):
        yield _e.actor_id == wanted.who
    elif wanted.who is not None:
        yield _e.actor_id.is_(None)
        yield (_e.actor_name == OPERATOR_NAME) == (wanted.who == "operator")
    if wanted.action is not None:
        yield _e.action == wanted.action


def _view(row: Any) -> EntryView:
    texts = {name: getattr(row, name) for name in ("subject", "fingerprint", "detail", "address", "request_id")}
    return EntryView(row.seq, row.at, row.actor_name, in_words(row.action), row.action, **texts)


def _cells(one: EntryView) -> tuple[str | int, ...]:
    return (
        one.seq,
        f"{one.at:%Y-%m-%d %H:%M:%S}",
        one.who,
        one.what,
        one.action,
        one.subject,
        one.fingerprint,
        one.detail,
        one.address,
        one.request_id,
    )
