"""Prices: the provider's own figure first, then the list; what is unknown stays unknown."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from importlib.metadata import version

import pytest

from byok.core.prices import Price, price
from byok.core.wire import Usage
from tests.wire_tools import CATALOGUE

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
LIST = f"genai-prices {version('genai-prices')}"
COUNTED = Usage(tokens_in=1000, tokens_out=500)


@pytest.mark.parametrize(
    ("provider_id", "model", "usd"),
    [
        ("openai", "gpt-6-luna", "0.00035"),
        ("gemini", "models/gemini-3.8-flash", "0.002625"),
        ("groq", "openai/gpt-oss-120b", "0.00045"),
        ("together", "moonshotai/Kimi-K3", "0.0105"),
        ("openrouter", "deepseek/deepseek-chat:free", "0"),
    ],
)
def test_an_answer_is_priced_from_the_list(provider_id: str, model: str, usd: str) -> None:
    found = price(CATALOGUE.get(provider_id), model=model, usage=COUNTED, at=AT)
    assert found is not None
    assert (found.cost_pico, found.origin, found.date) == (int(Decimal(usd) * 10**12), LIST, "2026-11-20")
    # What a million tokens came to gives the same sum again: 1,000 tokens in and 500 out.
    assert found.in_pico is not None
    assert found.out_pico is not None
    assert found.in_pico // 1000 + found.out_pico // 2000 == found.cost_pico


def test_cached_tokens_are_cheaper_and_a_count_above_the_input_is_ignored() -> None:
    openai = CATALOGUE.get("openai")
    costs = []
    for cached in (None, 400, 5000):
        usage = Usage(tokens_in=1000, tokens_out=500, tokens_cached=cached)
        found = price(openai, model="gpt-5.4-nano", usage=usage, at=AT)
        assert found is not None
        costs.append(found.cost_pico)
    assert costs[1] < costs[0] == costs[2]


def test_the_providers_own_figure_wins_and_is_rounded_once() -> None:
    usage = Usage(tokens_in=1000, tokens_out=500, cost=Decimal("0.0000001234565"))
    found = price(CATALOGUE.get("openrouter"), model="x", usage=usage, at=AT)
    assert found == Price(123456, "provider", "2026-11-20")


@pytest.mark.parametrize(
    ("provider_id", "model", "usage"),
    [
        ("openai", "gpt-unheard-of", COUNTED),
        ("nvidia", "meta/llama-3.1-8b-instruct", COUNTED),
        ("local", "smollm2-135m-instruct", COUNTED),
        ("openai", "gpt-6-luna", Usage()),
        ("openai", "gpt-6-luna", Usage(tokens_in=5)),
        ("openrouter", "x", Usage(cost=Decimal(10) ** 8)),
    ],
)
def test_what_is_not_known_has_no_price(provider_id: str, model: str, usage: Usage) -> None:
    assert price(CATALOGUE.get(provider_id), model=model, usage=usage, at=AT) is None
