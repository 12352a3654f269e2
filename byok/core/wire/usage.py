"""Reads the tokens and the cost that a provider counted, from where its habit puts them. Never makes up a count."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from byok.core.provider import Provider
from byok.core.wire.shapes import Usage

MOST_TOKENS = 2**31  # the ledger holds no more; PostgreSQL would refuse the whole row, and with it the answer


def find_usage(provider: Provider, chunk: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The usage object of a chunk or of a whole answer, or None. Where several come, the last one counts."""
    found = chunk.get("usage")
    if provider.usage_at == "x_groq":
        inner = chunk.get("x_groq")
        found = (inner.get("usage") if isinstance(inner, dict) else None) or found
    return found if isinstance(found, dict) and found else None


def read_usage(provider: Provider, found: Mapping[str, Any]) -> Usage | None:
    """Tokens and cost; None where nothing in it can be read."""
    tokens_in, tokens_out = _count(found.get("prompt_tokens")), _count(found.get("completion_tokens"))
    reasoning = _count(_inside(found, "completion_tokens_details", "reasoning_tokens"))
    if provider.tokens_out_at == "rest_of_total":
        tokens_out, reasoning = _with_thoughts(tokens_in, tokens_out, reasoning, _count(found.get("total_tokens")))
    usage = Usage(
        tokens_in=tokens_in,
        tokens_out=tokens_out,
        tokens_cached=_count(_inside(found, "prompt_tokens_details", "cached_tokens")),
        tokens_reasoning=reasoning,
        tokens_cache_write=_count(_inside(found, "prompt_tokens_details", "cache_write_tokens")),
        cost=_spent(found) if provider.cost_at == "usage_or_upstream" else None,
    )
    return None if usage == Usage() else usage


def amount(value: object) -> Decimal | None:
    """A sum of money as sent, number or text; None where it is none, negative, or not finite."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        sum_ = Decimal(str(value))
    except InvalidOperation:
        return None
    return sum_ if sum_.is_finite() and 0 <= sum_ < 10**9 else None


def _with_thoughts(
    tokens_in: int | None, tokens_out: int | None, reasoning: int | None, total: int | None
) -> tuple[int | None, int | None]:
    """What came out, thoughts and all, and how much of it was thought, where only the total counts the thoughts."""
    if tokens_in is None or total is None or total <= tokens_in + (tokens_out or 0):
        return tokens_out, reasoning
    thought = total - tokens_in - (tokens_out or 0)  # nothing but thoughts: then what was written is left out
    return total - tokens_in, thought if reasoning is None else reasoning


def _spent(found: Mapping[str, Any]) -> Decimal | None:
    # With a key of the account's own behind it, `cost` is OpenRouter's fee alone and the spend stands elsewhere,
    # a field that is also filled without such a key.
    if found.get("is_byok") is True:
        return amount(_inside(found, "cost_details", "upstream_inference_cost"))
    return amount(found.get("cost"))


def _inside(found: Mapping[str, Any], outer: str, inner: str) -> object:
    holder = found.get(outer)
    return holder.get(inner) if isinstance(holder, dict) else None


def _count(value: object) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < MOST_TOKENS:
        return value
    return None
