"""Prices for a company's own key: the provider's own figure, its list, then the bundled one."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import pytest

from byok.core.price_book import PriceBook
from byok.core.prices import Price
from byok.core.wire import Usage
from byok.ground.db import Database
from byok.ground.tables import ModelMenu
from tests.ground.test_db import save_key
from tests.wire_tools import CATALOGUE

AT = datetime(2026, 11, 24, 9, tzinfo=UTC)
COUNTED = Usage(tokens_in=1000, tokens_out=500)
ROWS = [
    {"id": "deepseek/new", "name": "New", "price_in": "0.6", "price_out": "1.8"},
    {"id": "some/router", "name": "Router"},
]


@pytest.fixture
def key_id(any_db: Database) -> UUID:
    key = save_key(any_db)
    with any_db.write() as session:
        session.add(ModelMenu(key_id=key.id, models=ROWS, fetched_at=datetime(2026, 11, 23, 23, tzinfo=UTC)))
    return key.id


def cost(db: Database, key_id: UUID | None, *, model: str = "deepseek/new", usage: Usage = COUNTED) -> Price | None:
    return PriceBook(db=db)(CATALOGUE.get("openrouter"), model=model, usage=usage, at=AT, key_id=key_id)


def test_a_price_of_the_providers_list_comes_before_the_bundled_one(any_db: Database, key_id: UUID) -> None:
    assert cost(any_db, key_id) == Price(
        1_500_000_000, "provider's list", "2026-11-23", in_pico=600_000_000_000, out_pico=1_800_000_000_000
    )


def test_the_providers_own_figure_comes_before_its_list(any_db: Database, key_id: UUID) -> None:
    paid = replace(COUNTED, cost=Decimal("0.5"))
    assert cost(any_db, key_id, usage=paid) == Price(500_000_000_000, "provider", "2026-11-24")


@pytest.mark.parametrize("model", ["some/router", "never/heard-of"])
def test_a_model_without_a_price_anywhere_has_none(any_db: Database, key_id: UUID, model: str) -> None:
    assert cost(any_db, key_id, model=model) is None


@pytest.mark.parametrize("usage", [Usage(), Usage(tokens_in=5), Usage(tokens_out=5)])
def test_without_counts_there_is_no_price(any_db: Database, key_id: UUID, usage: Usage) -> None:
    assert cost(any_db, key_id, usage=usage) is None


def test_a_list_is_only_read_for_its_own_key_and_where_the_provider_names_prices(
    any_db: Database, key_id: UUID
) -> None:
    assert cost(any_db, None) is None
    other = PriceBook(db=any_db)(CATALOGUE.get("nvidia"), model="deepseek/new", usage=COUNTED, at=AT, key_id=key_id)
    assert other is None
