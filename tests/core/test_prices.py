"""Prices: the provider's own figure first, then the list; what is unknown stays unknown."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from importlib.metadata import version

import pytest

from byok.core.prices import Price, context_window, price
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


@pytest.mark.parametrize(
    ("cached", "written", "pico"),
    [
        (None, 0, 350_000_000),
        (None, 1000, 375_000_000),  # what is put into the cache costs a quarter more
        (400, 600, 329_000_000),
        (None, 1001, 350_000_000),
        (400, 601, 314_000_000),  # more than there can be: not believed
    ],
)
def test_tokens_that_are_put_into_the_cache_are_dearer(cached: int | None, written: int, pico: int) -> None:
    usage = Usage(tokens_in=1000, tokens_out=500, tokens_cached=cached, tokens_cache_write=written)
    found = price(CATALOGUE.get("openai"), model="gpt-6-luna", usage=usage, at=AT)
    assert getattr(found, "cost_pico", None) == pico


@pytest.mark.parametrize(
    ("provider_id", "model"),
    [("openai", "gpt-5.4-nano"), ("groq", "openai/gpt-oss-120b"), ("gemini", "gemini-3.5-flash-lite")],
)
def test_where_the_list_has_no_price_for_putting_into_the_cache_it_costs_what_any_token_does(
    provider_id: str, model: str
) -> None:
    plain, written = (
        price(CATALOGUE.get(provider_id), model=model, usage=replace(COUNTED, tokens_cache_write=some), at=AT)
        for some in (None, 1000)
    )
    assert written == plain is not None


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


def test_what_a_million_tokens_came_to_is_told_only_of_tokens_that_there_were() -> None:
    found = price(CATALOGUE.get("openai"), model="gpt-5.4-nano", usage=Usage(tokens_in=1000, tokens_out=0), at=AT)
    assert found is not None
    assert (found.in_pico, found.out_pico) == (found.cost_pico * 1000, None)


def test_a_price_in_for_cached_tokens_is_what_they_came_to_together() -> None:
    openai, usage = CATALOGUE.get("openai"), Usage(tokens_in=1000, tokens_out=500)
    plain = price(openai, model="gpt-5.4-nano", usage=usage, at=AT)
    cached = price(openai, model="gpt-5.4-nano", usage=replace(usage, tokens_cached=400), at=AT)
    assert plain is not None
    assert cached is not None
    assert plain.in_pico is not None
    assert cached.in_pico is not None
    assert (cached.out_pico, cached.in_pico < plain.in_pico) == (plain.out_pico, True)
    assert plain.cost_pico - cached.cost_pico == (plain.in_pico - cached.in_pico) // 1000


def test_the_bundled_list_says_how_much_a_model_holds() -> None:
    found = context_window(CATALOGUE.get("openai"), "gpt-5.4-mini")
    assert found is not None
    assert found >= 100_000
    gemini = CATALOGUE.get("gemini")
    bare = context_window(gemini, "gemini-3.5-flash-lite")
    assert context_window(gemini, "models/gemini-3.5-flash-lite") == bare is not None


@pytest.mark.parametrize(("provider_id", "model"), [("openai", "gpt-unheard-of"), ("local", "smollm2-135m-instruct")])
def test_how_much_an_unlisted_model_holds_is_not_known(provider_id: str, model: str) -> None:
    assert context_window(CATALOGUE.get(provider_id), model) is None
