"""A company's own prices: who may set them, what they can be, and that a settled attempt keeps the one it had."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from byok.core.price_book import PriceBook
from byok.core.wire import Usage
from byok.ground.db import Database
from byok.ground.errors import InvalidInputError, NotAllowedError, NotFoundError, ProPlanNeededError
from byok.services.access import Actor
from byok.services.own_prices import OwnPrices
from tests.run_world import NOVEMBER, Author, rows
from tests.services.talk_world import PLANS, TalkWorld, talk_world


@pytest.fixture
def one(any_db: Database) -> Iterator[TalkWorld]:
    with talk_world(any_db, price=PriceBook(db=any_db)) as made:
        yield made


def own_prices(one: TalkWorld) -> OwnPrices:
    return OwnPrices(db=one.db, plans=PLANS, catalogue=one.catalogue, chains=one.chains)


UNIT: dict[str, Any] = {"price_in": Decimal("0.25"), "price_out": Decimal("2.00")}


def test_prices_are_set_changed_listed_and_cleared(one: TalkWorld) -> None:
    prices = own_prices(one)
    prices.set(one.ada, "fake", "fake-1", **UNIT)
    prices.set(one.ada, "fake", multiplier=Decimal("0.85"))
    listed = [(view.provider, view.model, view.multiplier, view.price_in) for view in prices.list(one.ada)]
    assert listed == [("Fake AI", "", Decimal("0.85"), None), ("Fake AI", "fake-1", None, Decimal("0.25"))]
    prices.set(one.ada, "fake", "fake-1", multiplier=Decimal(2))
    changed = prices.list(one.ada)[1]
    assert (changed.multiplier, changed.price_in, changed.price_out) == (Decimal(2), None, None)
    prices.clear(one.ada, "fake")
    assert [view.model for view in prices.list(one.ada)] == ["fake-1"]
    with pytest.raises(NotFoundError):
        prices.clear(one.ada, "fake")


def test_each_attempt_keeps_the_price_that_it_was_settled_with(one: TalkWorld) -> None:
    prices = own_prices(one)
    one.ask()
    prices.set(one.ada, "fake", "fake-1", **UNIT)
    one.ask()
    prices.set(one.ada, "fake", "fake-1", price_in=Decimal(1), price_out=Decimal(1))
    one.ask()
    prices.clear(one.ada, "fake", "fake-1")
    one.ask()
    # 11 tokens in and 7 out each; the model calls itself fake-1-2026.
    found = [(row["cost_pico"], row["price_origin"], row["price_in_pico"]) for row in rows(one.db, "attempt")]
    assert found == [
        (None, None, None),
        (16_750_000, "your price", 250_000_000_000),
        (18_000_000, "your price", 1_000_000_000_000),
        (None, None, None),
    ]


def test_a_price_holds_for_its_company_alone(one: TalkWorld) -> None:
    own_prices(one).set(one.ada, "fake", **UNIT)
    rival = Author(one.db, slug="rival")
    assert own_prices(one).list(Actor(rival.company_id)) == []
    more: dict[str, Any] = {"model": "fake-1", "usage": Usage(tokens_in=1, tokens_out=1), "at": NOVEMBER}
    assert PriceBook(db=one.db)(one.fake.provider, company_id=rival.company_id, **more) is None
    assert PriceBook(db=one.db)(one.fake.provider, company_id=one.author.company_id, **more) is not None


def test_a_price_for_an_unknown_provider_is_refused(one: TalkWorld) -> None:
    with pytest.raises(NotFoundError):
        own_prices(one).set(one.ada, "nobody", **UNIT)


def test_members_neither_see_nor_set_prices(one: TalkWorld) -> None:
    prices = own_prices(one)
    for call in (lambda: prices.list(one.max), lambda: prices.set(one.max, "fake", **UNIT)):
        with pytest.raises(NotAllowedError):
            call()
    with pytest.raises(NotAllowedError):
        prices.clear(one.max, "fake")


def test_setting_a_price_needs_a_plan_with_own_keys(db: Database) -> None:
    with talk_world(db, plan="basic") as one, pytest.raises(ProPlanNeededError):
        own_prices(one).set(one.ada, "fake", **UNIT)


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({}, "multiplier"),
        ({"price_in": Decimal(1)}, "multiplier"),
        ({"multiplier": Decimal(1), **UNIT}, "multiplier"),
        ({"multiplier": Decimal("-0.1")}, "multiplier"),
        ({"multiplier": Decimal("NaN")}, "multiplier"),
        ({"multiplier": Decimal("0.8500001")}, "multiplier"),
        ({"price_in": Decimal(1), "price_out": Decimal("Infinity")}, "price_out"),
        ({"price_in": Decimal(2_000_000), "price_out": Decimal(1)}, "price_in"),
    ],
)
def test_a_price_that_cannot_be_kept_exactly_is_refused(one: TalkWorld, given: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        own_prices(one).set(one.ada, "fake", **given)
    assert refused.value.field == field
    assert own_prices(one).list(one.ada) == []
