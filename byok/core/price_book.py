"""What an answer cost, for a company's own key: the provider's own figure, else the company's own price, else a list's.

Refuses a price without token counts, as `core.prices` does, to which the bundled list is left.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa

from byok.core.prices import Price, Quote, quote
from byok.core.provider import Provider
from byok.core.wire.shapes import ModelInfo, Usage
from byok.ground.db import Database
from byok.ground.prepared import Prepared
from byok.ground.tables.types import metadata

MENUS = metadata.tables["model_menu"]
OWN_PRICES = metadata.tables["own_price"]
MILLION: Final = Decimal(1_000_000)
ORIGIN: Final = "provider's list"
OWN: Final = "your price"

_o = OWN_PRICES.c
_OWN = Prepared(
    sa.select(_o.model, _o.multiplier_ppm, _o.price_in_pico, _o.price_out_pico, _o.updated_at).where(
        _o.company_id == sa.bindparam("whose"),
        _o.provider_id == sa.bindparam("of"),
        sa.or_(_o.model == "", _o.model == sa.bindparam("answered"), _o.model == sa.bindparam("asked")),
    )
)


class PriceBook:
    """Prices answers; reads the company's own prices and the key's list, which are in the database anyway."""

    def __init__(self, *, db: Database) -> None:
        self._db = db

    def __call__(
        self,
        provider: Provider,
        *,
        model: str,
        usage: Usage,
        at: datetime,
        key_id: UUID | None = None,
        company_id: UUID | None = None,
        asked: str | None = None,
        connection: sa.Connection | None = None,
    ) -> Price | None:
        """The cost of one answer; None where tokens or price are not known. See `core.prices.quote`.

        Args:
            key_id: the company's key that was used.
            company_id: whose own prices hold; None for none.
            asked: the model that was asked for, where `model` is what the answer called itself: its prices hold where
                `model` has none.
            connection: what the caller holds; without it one of the pool is used.
        """
        models = tuple(dict.fromkeys((model, asked or model)))
        if usage.cost is not None or usage.tokens_in is None or usage.tokens_out is None:
            found = quote(provider, model=model, usage=usage, at=at)
            return found.rounded() if found else None
        with self._reading(connection) as reads:
            own = _own(reads, company_id, provider, models) if company_id else None
            if own is not None and own.multiplier_ppm is None:
                unit = (Decimal(own.price_in_pico).scaleb(-12), Decimal(own.price_out_pico).scaleb(-12))
                return _by_unit(usage, unit, OWN, own.updated_at).rounded()
            found = None
            for one in () if any(map(provider.searches_by_itself, models)) else models:
                if provider.model_prices != "none" and key_id is not None:
                    found = found or _listed(reads, key_id, one, usage)
                found = found or quote(provider, model=one, usage=usage, at=at)
        if found is not None and own is not None:
            found = found.times(Decimal(own.multiplier_ppm) / MILLION)
        return found.rounded() if found else None

    @contextmanager
    def _reading(self, connection: sa.Connection | None) -> Iterator[sa.Connection]:
        if connection is not None:
            yield connection
            return
        with self._db.read() as session:
            yield session.connection()


def _own(connection: sa.Connection, company_id: UUID, provider: Provider, models: tuple[str, ...]) -> Any:
    """The company's row for the first of these models that has one, else for all models of the provider, else None."""
    values = {"whose": company_id, "of": provider.id, "answered": models[0], "asked": models[-1]}
    rows = {row.model: row for row in _OWN.run(connection, values)}
    return next((rows[one] for one in (*models, "") if one in rows), None)


def _listed(connection: sa.Connection, key_id: UUID, model: str, usage: Usage) -> Quote | None:
    wanted = sa.select(MENUS.c.models, MENUS.c.fetched_at).where(MENUS.c.key_id == key_id)
    menu = connection.execute(wanted).one_or_none()
    row = next((row for row in menu.models if row["id"] == model), None) if menu is not None else None
    info = ModelInfo.from_json(row) if row is not None else None
    price_in, price_out = info.prices_at(usage.tokens_in or 0) if info is not None else (None, None)
    if menu is None or info is None or price_in is None or price_out is None:
        return None
    return _by_unit(usage, (price_in, price_out), ORIGIN, menu.fetched_at, request=info.price_request or Decimal(0))


def _by_unit(
    usage: Usage, unit: tuple[Decimal, Decimal], origin: str, of: datetime, *, request: Decimal = Decimal(0)
) -> Quote:
    """So many tokens, at prices in USD for a million of them, and what each request costs beside them."""
    tokens = ((usage.tokens_in or 0) * unit[0] + (usage.tokens_out or 0) * unit[1]) / MILLION
    return Quote(tokens + request, origin, f"{of.astimezone(UTC):%Y-%m-%d}", unit)
