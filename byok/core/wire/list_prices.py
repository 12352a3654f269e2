"""Reads what a provider's list says that a model costs. Refuses a price of which a part cannot be read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Any, NamedTuple

from byok.core.provider import Provider
from byok.core.wire.shapes import Tier
from byok.core.wire.usage import amount

MILLION = 1_000_000


class Prices(NamedTuple):
    """In USD: for a million tokens in, for as many out, for each request; and what holds for long questions."""

    price_in: Decimal | None = None
    price_out: Decimal | None = None
    request: Decimal | None = None
    tiers: tuple[Tier, ...] = ()


NO_PRICES = Prices()


def read_prices(provider: Provider, pricing: object) -> Prices:
    """What a row's `pricing` says, by the provider's habit; nothing where it is not known."""
    return _PRICES[provider.model_prices](pricing) if isinstance(pricing, dict) else NO_PRICES


def _per_million(pricing: Mapping[str, Any]) -> Prices:
    price_in, price_out = amount(pricing.get("input")), amount(pricing.get("output"))
    if not price_in and not price_out:
        return NO_PRICES  # such a model wants an endpoint of its own, which is paid by the hour
    return Prices(price_in, price_out)


def _per_token(pricing: Mapping[str, Any]) -> Prices:
    request = amount(pricing.get("request", 0))
    if request is None:
        return NO_PRICES
    price_in, price_out = _for_a_million(pricing.get("prompt")), _for_a_million(pricing.get("completion"))
    overrides = pricing.get("overrides")
    tiers = list(_tiers(overrides if isinstance(overrides, list) else [], price_in, price_out))
    if None in tiers:
        return NO_PRICES
    return Prices(price_in, price_out, request or None, tuple(sorted(filter(None, tiers))))


def _tiers(rows: list[Any], price_in: Decimal | None, price_out: Decimal | None) -> Iterator[Tier | None]:
    """What holds from so many tokens in; where a row is silent, what holds below. None where a row cannot be read."""
    for row in rows[:20]:
        least = row.get("min_prompt_tokens") if isinstance(row, dict) else None
        if least is None:
            continue  # other overrides are for an hour of the day, or for what is not sent here
        dear_in = _for_a_million(row["prompt"]) if "prompt" in row else price_in
        dear_out = _for_a_million(row["completion"]) if "completion" in row else price_out
        readable = isinstance(least, int) and not isinstance(least, bool) and least >= 0
        if not readable or dear_in is None or dear_out is None:
            yield None
        else:
            yield Tier(least, dear_in, dear_out)


def _for_a_million(price: object) -> Decimal | None:
    one = amount(price)
    return None if one is None else (one * MILLION).normalize()


_PRICES: Mapping[str, Callable[[Mapping[str, Any]], Prices]] = MappingProxyType(
    {"none": lambda _pricing: NO_PRICES, "per_token": _per_token, "per_million": _per_million}
)
