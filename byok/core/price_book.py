"""What an answer cost, for a company's own key: by the price in that key's list where the provider has one there.

Refuses a price without token counts, as `core.prices` does, to which everything else is left.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import sqlalchemy as sa

from byok.core.prices import Price, price, rounded
from byok.core.provider import Provider
from byok.core.wire.shapes import ModelInfo, Usage
from byok.ground.db import Database
from byok.ground.tables.types import metadata

MENUS = metadata.tables["model_menu"]
MILLION = Decimal(1_000_000)
ORIGIN = "provider's list"


class PriceBook:
    """Prices answers; reads the key's list, which is in the database anyway."""

    def __init__(self, *, db: Database) -> None:
        self._db = db

    def __call__(
        self, provider: Provider, *, model: str, usage: Usage, at: datetime, key_id: UUID | None = None
    ) -> Price | None:
        """The cost of one answer; None where tokens or price are not known. See `core.prices.price`.

        Args:
            key_id: the company's key that was used.
        """
        if usage.cost is None and provider.model_prices != "none" and key_id is not None:
            found = self._listed(key_id, model, usage)
            if found is not None:
                return found
        return price(provider, model=model, usage=usage, at=at)

    def _listed(self, key_id: UUID, model: str, usage: Usage) -> Price | None:
        if usage.tokens_in is None or usage.tokens_out is None:
            return None
        wanted = sa.select(MENUS.c.models, MENUS.c.fetched_at).where(MENUS.c.key_id == key_id)
        with self._db.read() as session:
            menu = session.connection().execute(wanted).one_or_none()
        row = next((row for row in menu.models if row["id"] == model), None) if menu is not None else None
        info = ModelInfo.from_json(row) if row is not None else None
        if menu is None or info is None or info.price_in is None or info.price_out is None:
            return None
        cost = (usage.tokens_in * info.price_in + usage.tokens_out * info.price_out) / MILLION
        day = f"{menu.fetched_at.astimezone(UTC):%Y-%m-%d}"
        return rounded(cost, ORIGIN, day, unit=(info.price_in, info.price_out))
