"""Prices for a company's own key: the provider's own figure, its list, then the bundled one."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from importlib.metadata import version
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from byok.core.price_book import PriceBook
from byok.core.prices import Price
from byok.core.wire import Usage
from byok.ground.db import Database
from byok.ground.tables import ApiKey, ModelMenu, OwnPrice
from tests.ground.test_db import save_key
from tests.wire_tools import CATALOGUE

AT = datetime(2026, 11, 24, 9, tzinfo=UTC)
COUNTED = Usage(tokens_in=1000, tokens_out=500)
ROWS: list[dict[str, Any]] = [
    {"id": "deepseek/new", "name": "New", "price_in": "0.6", "price_out": "1.8"},
    {"id": "some/router", "name": "Router"},
    {"id": "a/fee", "name": "Fee", "price_in": "0.6", "price_out": "1.8", "price_request": "0.005"},
    {"id": "a/tier", "name": "T", "price_in": "1", "price_out": "2", "tiers": [[2000, "3", "4"]]},
    {"id": "perplexity/sonar", "name": "Sonar", "price_in": "1", "price_out": "1"},
]


@pytest.fixture
def key_id(any_db: Database) -> UUID:
    key = save_key(any_db)
    with any_db.write() as session:
        session.add(ModelMenu(key_id=key.id, models=ROWS, fetched_at=datetime(2026, 11, 23, 23, tzinfo=UTC)))
    return key.id


def cost(
    db: Database, key_id: UUID | None, *, model: str = "deepseek/new", usage: Usage = COUNTED, **more: Any
) -> Price | None:
    return PriceBook(db=db)(CATALOGUE.get("openrouter"), model=model, usage=usage, at=AT, key_id=key_id, **more)


def test_a_price_of_the_providers_list_comes_before_the_bundled_one(any_db: Database, key_id: UUID) -> None:
    assert cost(any_db, key_id) == Price(
        1_500_000_000, "provider's list", "2026-11-23", in_pico=600_000_000_000, out_pico=1_800_000_000_000
    )


def test_what_a_request_costs_is_added_to_its_tokens(any_db: Database, key_id: UUID) -> None:
    found = cost(any_db, key_id, model="a/fee")
    assert found == Price(
        6_500_000_000, "provider's list", "2026-11-23", in_pico=600_000_000_000, out_pico=1_800_000_000_000
    )
    whose = agree(any_db, key_id, multiplier_ppm=500_000)
    assert getattr(cost(any_db, key_id, model="a/fee", company_id=whose), "cost_pico", None) == 3_250_000_000


@pytest.mark.parametrize(("tokens_in", "cost_pico"), [(1999, 2_999_000_000), (2000, 8_000_000_000)])
def test_a_long_question_has_the_price_of_long_ones(
    any_db: Database, key_id: UUID, tokens_in: int, cost_pico: int
) -> None:
    found = cost(any_db, key_id, model="a/tier", usage=Usage(tokens_in=tokens_in, tokens_out=500))
    assert getattr(found, "cost_pico", None) == cost_pico


@pytest.mark.parametrize("model", ["perplexity/sonar", "openai/gpt-4o-search-preview", "deepseek/new:online"])
def test_a_model_that_searches_by_itself_has_no_price_but_its_own_figure_and_the_companys(
    any_db: Database, key_id: UUID, model: str
) -> None:
    assert cost(any_db, key_id, model=model) is None
    whose = agree(any_db, key_id, multiplier_ppm=500_000)
    assert cost(any_db, key_id, model=model, company_id=whose) is None
    agree(any_db, key_id, model=model, **AGREED)
    assert getattr(cost(any_db, key_id, model=model, company_id=whose), "origin", None) == "your price"
    paid = replace(COUNTED, cost=Decimal("0.5"))
    assert getattr(cost(any_db, key_id, model=model, usage=paid), "origin", None) == "provider"


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


def company_of(db: Database, key_id: UUID) -> UUID:
    with db.read() as session:
        company_id: UUID = session.get_one(ApiKey, key_id).company_id
    return company_id


def agree(db: Database, key_id: UUID, *, provider_id: str = "openrouter", model: str = "", **fields: Any) -> UUID:
    """A price of the key's company; its id."""
    company_id = company_of(db, key_id)
    agreed = datetime(2026, 11, 3, 23, tzinfo=UTC)
    row = OwnPrice(company_id=company_id, provider_id=provider_id, model=model, updated_at=agreed, **fields)
    with db.write() as session:
        session.add(row)
    return company_id


AGREED: dict[str, Any] = {"price_in_pico": 250_000_000_000, "price_out_pico": 2_000_000_000_000}


def test_the_companys_own_price_comes_before_the_lists(any_db: Database, key_id: UUID) -> None:
    whose = agree(any_db, key_id, model="deepseek/new", **AGREED)
    found = cost(any_db, key_id, company_id=whose)
    assert found == Price(1_250_000_000, "your price", "2026-11-03", AGREED["price_in_pico"], AGREED["price_out_pico"])
    assert cost(any_db, key_id) != found  # of nobody's prices


def test_the_providers_own_figure_comes_before_the_companys_price(any_db: Database, key_id: UUID) -> None:
    whose = agree(any_db, key_id, **AGREED)
    found = cost(any_db, key_id, company_id=whose, usage=replace(COUNTED, cost=Decimal("0.5")))
    assert found == Price(500_000_000_000, "provider", "2026-11-24")


def test_a_multiplier_takes_its_part_of_the_providers_list(any_db: Database, key_id: UUID) -> None:
    whose = agree(any_db, key_id, multiplier_ppm=850_000)
    assert cost(any_db, key_id, company_id=whose) == Price(
        1_275_000_000, "your multiplier 0.85 of provider's list", "2026-11-23", 510_000_000_000, 1_530_000_000_000
    )


def test_a_multiplier_takes_its_part_of_the_bundled_list(any_db: Database, key_id: UUID) -> None:
    whose = agree(any_db, key_id, provider_id="openai", multiplier_ppm=850_000)
    more: dict[str, Any] = {"model": "gpt-6-luna", "usage": COUNTED, "at": AT, "key_id": key_id}
    listed = PriceBook(db=any_db)(CATALOGUE.get("openai"), **more)
    found = PriceBook(db=any_db)(CATALOGUE.get("openai"), **more, company_id=whose)
    assert listed is not None
    assert found is not None
    assert found.cost_pico == listed.cost_pico * 85 // 100
    assert found.origin == f"your multiplier 0.85 of genai-prices {version('genai-prices')}"
    assert found.date == "2026-11-24"


def test_a_multiplier_of_an_unknown_price_is_unknown(any_db: Database, key_id: UUID) -> None:
    whose = agree(any_db, key_id, multiplier_ppm=850_000)
    assert cost(any_db, key_id, model="some/router", company_id=whose) is None


def test_a_price_for_a_model_comes_before_one_for_all_of_the_provider(any_db: Database, key_id: UUID) -> None:
    whose = agree(any_db, key_id, multiplier_ppm=500_000)
    agree(any_db, key_id, model="deepseek/new", **AGREED)
    assert getattr(cost(any_db, key_id, company_id=whose), "origin", None) == "your price"


def test_the_price_of_the_model_asked_for_holds_where_the_answer_calls_itself_otherwise(
    any_db: Database, key_id: UUID
) -> None:
    whose = agree(any_db, key_id, model="deepseek/new", **AGREED)
    found = cost(any_db, key_id, model="deepseek/new-2026-11-01", asked="deepseek/new", company_id=whose)
    assert getattr(found, "origin", None) == "your price"
    agree(any_db, key_id, model="deepseek/new-2026-11-01", price_in_pico=0, price_out_pico=0)
    found = cost(any_db, key_id, model="deepseek/new-2026-11-01", asked="deepseek/new", company_id=whose)
    assert getattr(found, "cost_pico", None) == 0  # the answer's own name comes first


def test_prices_are_read_on_the_connection_that_the_caller_holds(any_db: Database, key_id: UUID) -> None:
    whose = agree(any_db, key_id, **AGREED)
    with any_db.write() as session:
        session.exec(sa.update(OwnPrice).values(price_out_pico=4_000_000_000_000))
        inside = cost(any_db, key_id, company_id=whose, connection=session.connection())
        outside = cost(any_db, key_id, company_id=whose)  # does not see what is not committed yet
    assert inside is not None
    assert outside is not None
    assert (inside.cost_pico, outside.cost_pico) == (2_250_000_000, 1_250_000_000)
