"""Corrects what was booked, e.g. after a provider's invoice, and proves that the days add up to their rows.

For the operator alone: a company does not correct its own books.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from byok.core.adjustments import Correction, adjust
from byok.core.audit import Chains
from byok.core.ledger_check import Difference, differences, rebuild
from byok.core.plans import Plans
from byok.core.rollups import MOST_PICO
from byok.ground.clock import Clock
from byok.ground.db import Database
from byok.ground.errors import InvalidInputError, NotAllowedError
from byok.ground.tables.attempts import OPEN
from byok.ground.tables.types import metadata
from byok.services.access import Actor, admit
from byok.services.recording import Record

COMPANIES, ATTEMPTS = metadata.tables["company"], metadata.tables["attempt"]
MOST_USD = MOST_PICO // 10**12
LONGEST_REASON = 500


@dataclass(frozen=True, slots=True)
class Verified:
    """What was compared: `attempts` settled rows of `companies`; `differences` is empty where all is well."""

    companies: int
    attempts: int
    differences: tuple[Difference, ...]


class Corrections:
    """The operator's hand in the ledger."""

    def __init__(self, *, db: Database, plans: Plans, chains: Chains, clock: Clock) -> None:
        self._db, self._plans, self._clock = db, plans, clock
        self._record = Record(chains=chains, clock=clock)

    def correct(
        self,
        actor: Actor,
        attempt_id: UUID,
        *,
        reason: str,
        cost: Decimal | None = None,
        tokens_in: int | None = None,
        tokens_out: int | None = None,
    ) -> UUID:
        """Books a correction of an attempt; the attempt's own row stays as it is.

        Args:
            cost: in USD, what it really cost; none for a message of the plan. A figure that is not given stays.

        Returns:
            The correction's id.

        Raises:
            NotAllowedError: somebody who is signed in asks.
            InvalidInputError: a figure or the reason cannot be used, or nothing would change.
            NotFoundError: the company has no such attempt.
        """
        if actor.person_id is not None:
            raise NotAllowedError("Only the operator corrects what was booked.")
        reason = " ".join(reason.split())
        if not reason or len(reason) > LONGEST_REASON:
            raise InvalidInputError(f"A reason has 1 to {LONGEST_REASON} characters.", field="reason")
        for name, tokens in (("tokens_in", tokens_in), ("tokens_out", tokens_out)):
            if tokens is not None and not 0 <= tokens < 2**31:
                raise InvalidInputError(f"{tokens} is no number of tokens.", field=name)
        if cost is not None and not (cost.is_finite() and 0 <= cost <= MOST_USD):
            raise InvalidInputError(f"A cost must be a number of USD from 0 to {MOST_USD:,}.", field="cost")
        pico = None if cost is None else int(cost.scaleb(12).to_integral_value(ROUND_HALF_EVEN))
        with self._db.write_core() as connection:
            grant = admit(connection, actor, self._plans)
            wanted = Correction(tokens_in=tokens_in, tokens_out=tokens_out, cost_pico=pico)
            its: dict[str, Any] = {"company_id": grant.company.id, "reason": reason, "made_by": "", "at": self._clock()}
            made = adjust(connection, attempt_id, wanted, **its)
            figures = {"cost in USD": cost, "tokens in": tokens_in, "tokens out": tokens_out}
            detail = ", ".join(f"{name}: {value}" for name, value in figures.items() if value is not None)
            self._record.add(connection, actor, grant, "usage.corrected", subject=f"{attempt_id}", detail=detail)
            return made

    def verify(self, company_id: UUID | None = None) -> Verified:
        """Adds the rows up anew and compares them with the days, to the last digit; of one company, or of all."""
        found: list[Difference] = []
        attempts = 0
        # One snapshot: what is settled meanwhile is in the rows and in the days, or in neither.
        level = {} if self._db.is_sqlite else {"isolation_level": "REPEATABLE READ"}
        with self._db.engine.connect().execution_options(**level) as connection, connection.begin():
            companies = self._companies(connection, company_id)
            for one in companies:
                found += differences(connection, company_id=one)
                settled = (ATTEMPTS.c.company_id == one) & ~OPEN
                attempts += connection.execute(sa.select(sa.func.count()).where(settled)).scalar_one()
        return Verified(len(companies), attempts, tuple(found))

    def rebuild(self, company_id: UUID | None = None) -> int:
        """Adds the days up anew from the rows; of one company, or of all, each in a transaction of its own.

        Answers may end meanwhile, and wait while a company is added up. On SQLite, which has one writer, all else that
        is written waits too, and fails where one company takes longer than `Database` is patient.

        Returns:
            How many companies.
        """
        with self._db.read() as session:
            companies = self._companies(session.connection(), company_id)
        for one in companies:
            with self._db.write_core() as connection:
                if not self._db.is_sqlite:
                    connection.execute(sa.text("LOCK TABLE usage_day, usage_detail IN EXCLUSIVE MODE"))
                rebuild(connection, company_id=one)
        return len(companies)

    @staticmethod
    def _companies(connection: sa.Connection, company_id: UUID | None) -> list[UUID]:
        query = sa.select(COMPANIES.c.id).order_by(COMPANIES.c.slug)
        return list(
            connection.execute(query if company_id is None else query.where(COMPANIES.c.id == company_id)).scalars()
        )
