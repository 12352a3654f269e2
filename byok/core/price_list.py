"""Which chat models the bundled price list has a price of, by provider. Refuses the deprecated, and what is no chat.

What tokens come to is `core.prices`' to say.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from byok.core.provider import Provider


def version() -> str:
    """The list and its version, e.g. `genai-prices 0.2.3`."""
    import genai_prices

    return f"genai-prices {genai_prices.__version__}"


def listed(provider: Provider, *, at: datetime) -> list[str]:
    """The ids of a provider's chat models that have a price for what goes in and for what comes out.

    Args:
        at: as of when, aware.
    """
    found = _provider(provider)
    if found is None:
        return []
    deny = re.compile(provider.chat_deny, re.IGNORECASE) if provider.chat_deny else None
    return sorted(
        model.id for model in found.models if _priced(model, at) and not (deny is not None and deny.search(model.id))
    )


def listed_as(provider: Provider, model: str) -> str | None:
    """The id under which the list has a model, e.g. without its date; None where it has none."""
    found = _provider(provider)
    named = None if found is None else found.find_model(model.removeprefix("models/"))
    return None if named is None else str(named.id)


def _provider(provider: Provider) -> Any:
    if provider.genai_prices_id is None:
        return None
    from genai_prices.data_snapshot import find_provider_by_id, get_snapshot

    return find_provider_by_id(get_snapshot().providers, provider.genai_prices_id)


def _priced(model: Any, at: datetime) -> bool:
    if model.deprecated or not model.is_match(model.id):  # some stand for names that none of theirs is
        return False
    prices = model.get_prices(at.astimezone(UTC)).__dict__
    return prices.get("input_mtok") is not None and prices.get("output_mtok") is not None
