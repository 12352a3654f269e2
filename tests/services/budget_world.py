"""A talking company with budgets: what they allow is told in calls of the longest answer."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from byok.core.prices import Price
from byok.core.provider import Provider
from byok.core.wire import Usage
from byok.services.budgets import Budgets, BudgetView
from byok.services.forecasts import Forecasts
from byok.services.holds import ANSWER_TOKENS
from tests.fake_provider import Exchange, Script
from tests.run_world import rows
from tests.services.talk_world import PLANS, TalkWorld

CALL = ANSWER_TOKENS * 1000
"""What a call of no set length holds at the price that `run_world.cheap` makes, in pico-dollars."""


def usd(pico: int) -> Decimal:
    return Decimal(pico).scaleb(-12)


def budgets(one: TalkWorld) -> Budgets:
    return Budgets(db=one.db, plans=PLANS, catalogue=one.catalogue, chains=one.chains)


def allow(one: TalkWorld, pico: int, *, provider_id: str = "fake", unpriced_calls: int = 100) -> BudgetView:
    """Sets a budget, by its admin."""
    return budgets(one).set(one.ada, provider_id, usd(pico), unpriced_calls)


def forecasts(one: TalkWorld) -> Forecasts:
    return Forecasts(db=one.db, plans=PLANS, catalogue=one.catalogue, routes=one.routes, price=one.process.price)


def both_ways(provider: Provider, *, model: str, usage: Usage, at: datetime, **more: Any) -> Price | None:
    """A thousand pico-dollars for each token, in and out."""
    if usage.tokens_in is None or usage.tokens_out is None:
        return None
    return Price((usage.tokens_in + usage.tokens_out) * 1000, "test list", "2026-11-01")


def unpriced(provider: Provider, **more: Any) -> None:
    """No price for anything."""


def told_later(provider: Provider, *, usage: Usage, **more: Any) -> Price | None:
    """A price for nothing, but for what the provider itself says that an answer did cost."""
    return None if usage.cost is None else Price(int(usage.cost.scaleb(12)), "provider", "2026-11-01")


def reserved(one: TalkWorld) -> list[int | None]:
    """What each attempt held, in the order in which they were made."""
    return [row["reserved_pico"] for row in rows(one.db, "attempt")]


def says(text: str, *, tokens: tuple[int, int] | None) -> Script:
    """A script that answers so, and counts so."""

    def script(exchange: Any) -> None:
        exchange.text(text)
        exchange.finish(tokens=tokens)

    return script


def costs(usd: float) -> Script:
    """A script whose answers cost so much, as they say themselves."""

    def script(exchange: Exchange) -> None:
        exchange.text("Hello.")
        exchange.chunk({"choices": [], "usage": {"prompt_tokens": 11, "completion_tokens": 7, "cost": usd}})
        exchange.finish(tokens=None)

    return script
