"""Binds saved keys to the address that their provider has moved to, on purpose and in the audit log.

Refuses to do it by itself: without this a key whose provider's address changed is never opened again, since whoever
can change an address must not get the keys with it. Data keys are sealed anew; no API key is opened.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from byok.core.audit import Chains, Happening
from byok.core.catalogue import Catalogue
from byok.core.key_days import short
from byok.core.vault import Vault
from byok.ground.clock import Clock
from byok.ground.db import Database
from byok.ground.errors import KeyUnreadableError
from byok.ground.tables.types import metadata
from byok.services.recording import OPERATOR_NAME
from byok.services.sealed_rows import SAVED_KEYS, key_columns

COMPANIES = metadata.tables["company"]


@dataclass(frozen=True, slots=True)
class Move:
    """Keys of one company that are bound to another address than the catalogue's: how many, from where to where."""

    company: str
    provider_id: str
    origin: str
    new_origin: str
    keys: int


@dataclass(frozen=True, slots=True)
class Rebound:
    """How many keys were bound anew, changed meanwhile, and do not open with any master key that is here."""

    rebound: int = 0
    changed: int = 0
    unreadable: int = 0


class Rebinding:
    """For the operator's command line alone."""

    def __init__(self, *, db: Database, vault: Vault, chains: Chains, catalogue: Catalogue, clock: Clock) -> None:
        self._db, self._vault, self._chains, self._catalogue, self._clock = db, vault, chains, catalogue, clock

    def moves(self, provider_id: str, *, company_id: UUID | None = None) -> list[Move]:
        """What `rebind` would do, by company and address.

        Raises:
            NotFoundError: there is no such provider.
        """
        keys, slug = SAVED_KEYS.table.c, COMPANIES.c.slug
        query = sa.select(slug, keys.origin, sa.func.count()).join_from(SAVED_KEYS.table, COMPANIES)
        query = (
            query.where(self._moved(provider_id, company_id)).group_by(slug, keys.origin).order_by(slug, keys.origin)
        )
        new_origin = self._catalogue.get(provider_id).binding
        with self._db.read() as session:
            found = session.connection().execute(query).all()
        return [Move(company, provider_id, origin, new_origin, count) for company, origin, count in found]

    def rebind(self, provider_id: str, *, company_id: UUID | None = None) -> Rebound:
        """Binds each of them to the catalogue's address, in a transaction of its own with its line in the audit log.

        Raises:
            NotFoundError: there is no such provider.
        """
        query = sa.select(SAVED_KEYS.table).where(self._moved(provider_id, company_id)).order_by(SAVED_KEYS.id)
        with self._db.read() as session:
            rows = session.connection().execute(query).all()
        origin = self._catalogue.get(provider_id).binding
        outcomes = [self._rebind(row, origin) for row in rows]
        return Rebound(*(outcomes.count(outcome) for outcome in ("rebound", "changed", "unreadable")))

    def _rebind(self, row: Any, origin: str) -> str:
        with self._db.write_core() as connection:
            try:
                fresh = key_columns(self._vault.rebind(row, place=SAVED_KEYS.place(row), origin=origin))
            except KeyUnreadableError:
                return "unreadable"
            unchanged = SAVED_KEYS.unchanged(row) & (SAVED_KEYS.table.c.origin == row.origin)
            swap = sa.update(SAVED_KEYS.table).where(unchanged).values(**fresh, origin=origin)
            if not connection.execute(swap).rowcount:
                return "changed"
            what = Happening(
                action="key.rebound",
                chain_id=row.company_id,
                actor_name=OPERATOR_NAME,
                subject=row.label,
                fingerprint=short(row.fingerprint),
                detail=f"{self._catalogue.name_of(row.provider_id)}, from {row.origin} to {origin}",
            )
            self._chains.add(connection, what, at=self._clock())
            return "rebound"

    def _moved(self, provider_id: str, company_id: UUID | None) -> sa.ColumnElement[bool]:
        keys = SAVED_KEYS.table.c
        moved = (keys.provider_id == provider_id) & (keys.origin != self._catalogue.get(provider_id).binding)
        return moved if company_id is None else moved & (keys.company_id == company_id)
