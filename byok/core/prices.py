"""Estimates what an answer cost. Prefers the provider's own figure, then the bundled price list; never makes one up."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal

from byok.core import price_list
from byok.core.provider import Provider
from byok.core.wire.shapes import Usage

PICO = Decimal(10) ** 12
LARGEST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Price:
    """A cost in pico-dollars (10^-12 USD), where it comes from, and the day (UTC) whose prices it uses.

    `origin` is "provider", "your price", "provider's list", the name and version of the price list, e.g. "genai-prices
    0.2.3", or "your multiplier 0.85 of" one of these lists.
    `in_pico` and `out_pico` are what a million tokens came to, in pico-dollars; None where only a sum is known.
    """

    cost_pico: int
    origin: str
    date: str
    in_pico: int | None = None
    out_pico: int | None = None


@dataclass(frozen=True, slots=True)
class Quote:
    """What a list says that an answer costs, in USD and not rounded yet; otherwise as `Price`. `unit` is in and out."""

    cost: Decimal
    origin: str
    date: str
    unit: tuple[Decimal | None, Decimal | None] = (None, None)

    def times(self, factor: Decimal) -> Quote:
        """The same where a company pays so many times what the list says."""
        unit_in, unit_out = (None if one is None else one * factor for one in self.unit)
        of = f"your multiplier {plain(factor)} of {self.origin}"
        return Quote(self.cost * factor, of, self.date, (unit_in, unit_out))

    def rounded(self) -> Price | None:
        """The price, rounded once; None where it is none that a table could keep."""
        pico = _pico(self.cost)
        unit = [None if one is None else _pico(one) for one in self.unit]
        return None if pico is None else Price(pico, self.origin, self.date, *unit)


def quote(provider: Provider, *, model: str, usage: Usage, at: datetime) -> Quote | None:
    """The cost of one answer by the provider's own figure or the bundled list; None where it is not known.

    Args:
        model: as the answer named it, else as it was asked for.
        usage: as the provider counted it.
        at: when it was asked, aware; prices change.
    """
    day = f"{at.astimezone(UTC):%Y-%m-%d}"
    if usage.cost is not None:
        return Quote(usage.cost, "provider", day)
    if provider.genai_prices_id is None or usage.tokens_in is None or usage.tokens_out is None:
        return None
    # Loaded late: half a second, for nothing where nothing is priced.
    import genai_prices

    # Parts of what went in: the list refuses more than there was, so that is not believed.
    read = _at_most(usage.tokens_cached, usage.tokens_in)
    written = _at_most(usage.tokens_cache_write, usage.tokens_in - (read or 0))
    counts = {"input_tokens": usage.tokens_in, "output_tokens": usage.tokens_out}
    try:
        found = genai_prices.calc_price(
            genai_prices.Usage(**counts, cache_read_tokens=read, cache_write_tokens=written),
            model.removeprefix("models/"),
            provider_id=provider.genai_prices_id,
            genai_request_timestamp=at.astimezone(UTC),
        )
    except (LookupError, ValueError):
        return None
    unit = (_each(found.input_price, usage.tokens_in), _each(found.output_price, usage.tokens_out))
    return Quote(found.total_price, price_list.version(), day, unit)


def price(provider: Provider, *, model: str, usage: Usage, at: datetime) -> Price | None:
    """The same as `quote`, rounded once, as a table keeps it."""
    found = quote(provider, model=model, usage=usage, at=at)
    return found.rounded() if found else None


def plain(number: Decimal) -> str:
    """A number as people write it: `0.85`, `10`."""
    return f"{number.normalize():f}"


def _at_most(tokens: int | None, most: int) -> int | None:
    return tokens if tokens and tokens <= most else None


def _each(cost: Decimal, tokens: int) -> Decimal | None:
    """What a million of them came to: prices may grow with the length, or be lower for what was cached."""
    return cost * 1_000_000 / tokens if tokens else None


def _pico(dollars: Decimal) -> int | None:
    pico = int((dollars * PICO).to_integral_value(ROUND_HALF_EVEN))
    return pico if 0 <= pico <= LARGEST else None


def context_window(provider: Provider, model: str) -> int | None:
    """How many tokens the model holds, question and answer together, by the bundled list; None where unknown."""
    if provider.genai_prices_id is None:
        return None
    import genai_prices

    try:
        found = genai_prices.calc_price(
            genai_prices.Usage(), model.removeprefix("models/"), provider_id=provider.genai_prices_id
        )
    except (LookupError, ValueError):
        return None
    return found.model.context_window
