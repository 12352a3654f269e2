"""Moves every sealed row under the first master key. Data keys are sealed anew; no API key is opened for it.

Refuses to overwrite: a row that changed meanwhile is left as it is, and found again by the next run.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlmodel import col, select

from byok.core.vault import Vault
from byok.ground.db import Database
from byok.ground.errors import KeyUnreadableError
from byok.ground.tables import ApiKey, Company, KeyDraft
from byok.services.key_use import place_of


@dataclass(frozen=True, slots=True)
class Rotated:
    """How many rows were sealed anew, changed under our hands, and do not open with any master key that is here."""

    resealed: int = 0
    changed: int = 0
    unreadable: int = 0

    def __add__(self, other: Rotated) -> Rotated:
        return Rotated(self.resealed + other.resealed, self.changed + other.changed, self.unreadable + other.unreadable)


class Rotation:
    """Re-seals row by row, each in a transaction of its own, so that it can be cut off anywhere and run again."""

    def __init__(self, *, db: Database, vault: Vault) -> None:
        self._db, self._vault = db, vault

    def rotate(self) -> Rotated:
        """Seals every data key and every company's fingerprint key under the first master key."""
        done = Rotated()
        with self._db.read() as session:
            rows: list[ApiKey | KeyDraft] = [*session.exec(select(ApiKey)), *session.exec(select(KeyDraft))]
            companies = session.exec(select(Company)).all()
        for row in rows:
            done += self._reseal(row)
        for company in companies:
            done += self._reseal_fingerprint_key(company)
        return done

    def _reseal(self, row: ApiKey | KeyDraft) -> Rotated:
        table = type(row)
        try:
            fresh = self._vault.reseal(row, place=place_of(row))
        except KeyUnreadableError:
            return Rotated(unreadable=1)
        unchanged = (col(table.id) == row.id) & (col(table.data_key) == row.data_key) & (col(table.nonce) == row.nonce)
        return self._swap(
            sa.update(table)
            .where(unchanged)
            .values(
                seal_version=fresh.seal_version,
                master_key_id=fresh.master_key_id,
                data_key=fresh.data_key,
                data_key_nonce=fresh.data_key_nonce,
            )
        )

    def _reseal_fingerprint_key(self, company: Company) -> Rotated:
        try:
            fresh = self._vault.reseal_fingerprint_key(company.fingerprint_key, company_id=company.id)
        except KeyUnreadableError:
            return Rotated(unreadable=1)
        unchanged = (col(Company.id) == company.id) & (col(Company.fingerprint_key) == company.fingerprint_key)
        return self._swap(sa.update(Company).where(unchanged).values(fingerprint_key=fresh))

    def _swap(self, statement: Any) -> Rotated:
        with self._db.write_core() as connection:
            return Rotated(resealed=1) if connection.execute(statement).rowcount else Rotated(changed=1)
