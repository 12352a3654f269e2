"""What a company sets for own keys: monthly budgets, and prices of its own. Amounts in pico-dollars (10^-12 USD)."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field

from byok.ground.tables.types import Row, belongs_to, moment, primary_key


class Budget(Row, table=True):
    """The most that own keys may cost in a calendar month (UTC), for one provider or, with an empty id, for all.

    Calls without a price cannot be held against an amount: `unpriced_calls` is how many of them a month may have.
    """

    __tablename__ = "budget"
    __table_args__ = (sa.UniqueConstraint("company_id", "provider_id", name="uq_budget_company_id_provider_id"),)

    id: UUID = primary_key()
    company_id: UUID = belongs_to("company.id", index=False)
    provider_id: str = ""
    limit_pico: int = Field(sa_type=sa.BigInteger)
    unpriced_calls: int
    updated_at: datetime = moment()


class OwnPrice(Row, table=True):
    """What a provider asks of this company: a multiplier on list prices, or prices for a million tokens.

    With an empty `model` it holds for all models of the provider that have no row of their own. `multiplier_ppm` is in
    millionths; either it is set or both prices are.
    """

    __tablename__ = "own_price"
    __table_args__ = (
        sa.UniqueConstraint("company_id", "provider_id", "model", name="uq_own_price_company_id_provider_id_model"),
    )

    id: UUID = primary_key()
    company_id: UUID = belongs_to("company.id", index=False)
    provider_id: str
    model: str = ""
    multiplier_ppm: int | None = Field(default=None, sa_type=sa.BigInteger)
    price_in_pico: int | None = Field(default=None, sa_type=sa.BigInteger)
    price_out_pico: int | None = Field(default=None, sa_type=sa.BigInteger)
    updated_at: datetime = moment()
