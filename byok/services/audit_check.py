"""The audit log as the operator reads it: every chain, where each ends, and whether all of it is as it was written.

For the operator's command line alone: nothing here asks who is asking.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa

from byok.core.audit import SHORT
from byok.core.audit_check import Head, check, ends
from byok.core.vault import Vault
from byok.ground.db import Database
from byok.ground.errors import InvalidInputError
from byok.ground.tables.audit import OPERATOR
from byok.ground.tables.types import metadata
from byok.services.audit_rows import EntryView, Wanted, entries, snapshot
from byok.services.recording import OPERATOR_NAME

COMPANIES: Final = metadata.tables["company"]
FEWEST: Final = 16  # hexadecimal digits of a noted hash: fewer could be met by chance
HOW: Final = "Write it as `byok audit head` prints it, or name a file that holds `byok audit head --json`."


@dataclass(frozen=True, slots=True)
class NamedHead:
    """Where a chain ends. `name` is the company's slug, `operator`, or the id of a company that is gone."""

    name: str
    chain_id: UUID
    seq: int
    mac: str

    def __str__(self) -> str:
        return f"{self.name}:{self.seq}:{self.mac}"


@dataclass(frozen=True, slots=True)
class Ends:
    """Where the chains end, the operator's first; and by name, or by what stands there, whose end cannot be read."""

    heads: tuple[NamedHead, ...]
    unreadable: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ChainVerified:
    """What reading one chain came to. `head` is None where it is gone; `faults` are sentences that name the entry."""

    name: str
    chain_id: UUID
    entries: int
    head: NamedHead | None
    faults: tuple[str, ...]


class AuditCheck:
    """The operator's eye on the record."""

    def __init__(self, *, db: Database, vault: Vault) -> None:
        self._db, self._vault = db, vault

    def list(
        self, company_id: UUID | None, wanted: Wanted | None = None, *, before: int | None = None, limit: int
    ) -> list[EntryView]:
        """Rows of a company's chain, or without one of the operator's own, the newest first."""
        with self._db.read() as session:
            return entries(session.connection(), company_id or OPERATOR, wanted, before=before, limit=limit)

    def heads(self) -> Ends:
        """Where each chain ends: to be noted where who writes to the database cannot write."""
        with snapshot(self._db) as connection:
            names = _names(connection)
            found, unreadable = ends(connection)
        heads = sorted((_named(names, one) for one in found), key=lambda one: (one.chain_id != OPERATOR, one.name))
        by_id = {written: name for one, name in names.items() for written in (one.hex, str(one))}
        return Ends(tuple(heads), tuple(by_id.get(one, repr(one)) for one in unreadable))

    def verify(self, company_id: UUID | None = None, *, expected: Sequence[str] = ()) -> Sequence[ChainVerified]:
        """Reads all chains from end to end; or one company's, with the operator's, which notes its beginning.

        Args:
            expected: heads that were noted: each as `heads` gives it, or a file of them.

        Raises:
            InvalidInputError: one of `expected` is neither.
        """
        with snapshot(self._db) as connection:
            names = _names(connection)
            noted = [head for text in expected for head in _noted(text, {name: one for one, name in names.items()})]
            found = check(connection, self._vault, only=company_id, noted=noted)
        return [
            ChainVerified(
                names.get(one.chain_id, str(one.chain_id)),
                one.chain_id,
                one.entries,
                _named(names, one.head) if one.head else None,
                tuple(one.faults),
            )
            for one in found
        ]


def _names(connection: sa.Connection) -> dict[UUID, str]:
    rows = connection.execute(sa.select(COMPANIES.c.id, COMPANIES.c.slug))
    return {OPERATOR: OPERATOR_NAME, **{row.id: row.slug for row in rows}}


def _named(names: Mapping[UUID, str], head: Head) -> NamedHead:
    return NamedHead(names.get(head.chain_id, str(head.chain_id)), head.chain_id, head.seq, head.mac)


def _noted(text: str, ids: Mapping[str, UUID]) -> list[Head]:
    """The heads that a text names: one of them, or a file's."""
    if text.count(":") == 2 and not Path(text).is_file():
        name, seq, mac = text.strip().split(":")
        return [_head({"chain": ids.get(name, name), "seq": seq, "mac": mac}, text)]
    try:
        rows = json.loads(Path(text).read_text("utf-8"))
    except (OSError, ValueError):
        raise InvalidInputError(f"{text!r} names no head of the record.", field="expect", next_step=HOW) from None
    if not isinstance(rows, list) or not rows:
        raise InvalidInputError(f"{text} holds no heads of the record.", field="expect", next_step=HOW)
    return [_head(row, text) for row in rows]


def _head(row: Any, text: str) -> Head:
    try:
        chain_id, seq, mac = UUID(str(row["chain"])), int(row["seq"]), str(row["mac"]).lower()
        whole = seq > 0 and len(mac) >= FEWEST and len(bytes.fromhex(mac)) * 2 == len(mac)
    except (ValueError, TypeError, KeyError):
        whole = False
    if not whole:
        raise InvalidInputError(f"{text!r} names no head of the record.", field="expect", next_step=HOW)
    return Head(chain_id, seq, mac[:SHORT])
