"""Fetches a provider's list of models, however it is wrapped and paged, and keeps those that chat.

Refuses rows without an id; a field that cannot be read is unknown.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from byok.core.provider import Provider
from byok.core.wire.http import address, fetch
from byok.core.wire.list_prices import read_prices
from byok.core.wire.refusals import parse_json, read_refusal, request_id_of, to_error
from byok.core.wire.scrub import holds
from byok.core.wire.shapes import ModelInfo
from byok.ground.errors import BadAnswerError

if TYPE_CHECKING:
    import httpx

LIST_SECONDS = 20.0
LONGEST_TOKEN = 2_000
MOST_PAGES = 20
Row = Mapping[str, Any]


async def fetch_models(
    http: httpx.AsyncClient,
    provider: Provider,
    *,
    base_url: str,
    auth: httpx.Auth,
    seconds: float = LIST_SECONDS,
) -> tuple[ModelInfo, ...]:
    """Every page of the list, filtered; the whole within `seconds`.

    Raises:
        ProviderError: the provider said no, or nothing that can be read.
        KeyUnreadableError: the sealed key does not open.
    """
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    rows: list[Row] = []
    path, seen = provider.models_path, {provider.models_path}
    for _ in range(MOST_PAGES):
        reply = await fetch(
            http,
            provider,
            method="GET",
            url=address(base_url, path),
            auth=auth,
            seconds=until - loop.time(),
            auth_name=provider.native_auth,
        )
        if reply.status != 200:
            raise to_error(provider, read_refusal(reply))
        parsed = parse_json(reply.body)
        page = rows_of(provider, parsed)
        if page is None:
            raise BadAnswerError(
                f"{provider.name} sent a list of models that cannot be read.",
                provider=provider.name,
                request_id=request_id_of(reply.headers, secrets=reply.secrets),
            )
        rows += page
        following = _PAGES[provider.models_pages](provider.models_path, parsed)
        if following is None:
            return chat_models(provider, rows, secrets=reply.secrets)
        if following in seen:
            break
        path = following
        seen.add(path)
    # Cut off, it would pass for a whole list, and all models behind the cut for gone.
    raise BadAnswerError(f"{provider.name}'s list of models did not come to an end.", provider=provider.name)


def rows_of(provider: Provider, parsed: object) -> list[Row] | None:
    """The rows in a list's wrapper; None where the answer is no such list."""
    if provider.models_wrapper == "array":
        found = parsed
    else:
        found = parsed.get(provider.models_wrapper) if isinstance(parsed, dict) else None
    return [row for row in found if isinstance(row, dict)] if isinstance(found, list) else None


def chat_models(provider: Provider, rows: list[Row], *, secrets: tuple[str, ...] = ()) -> tuple[ModelInfo, ...]:
    """The rows that are chat models, each id once, in the provider's order; none that repeats the key it came for."""
    chats = _CHATS[provider.chat_filter]
    found: dict[str, ModelInfo] = {}
    for row in rows:
        model = _read_row(provider, row)
        if model is None or model.id in found or not chats(row) or holds(f"{model.id} {model.name}", secrets):
            continue
        if provider.chat_deny and re.search(provider.chat_deny, _base(model.id), re.IGNORECASE):
            continue
        found[model.id] = model
    return tuple(found.values())


def _base(model_id: str) -> str:
    """The model that a customer's own was made of, as in `ft:BASE:company:name:1`; else the model itself."""
    return model_id.split(":")[1] if model_id.startswith("ft:") else model_id


def _read_row(provider: Provider, row: Row) -> ModelInfo | None:
    model_id = row.get(provider.model_id)
    if not isinstance(model_id, str):
        return None
    model_id = model_id.removeprefix("models/")
    if not model_id or len(model_id) > 200 or not model_id.isprintable():
        return None
    name = row.get(provider.model_name) if provider.model_name else None
    context = row.get(provider.model_context) if provider.model_context else None
    prices = read_prices(provider, row.get("pricing"))
    return ModelInfo(
        id=model_id,
        name=" ".join(name.split())[:200] or model_id if isinstance(name, str) and name.isprintable() else model_id,
        context=context if isinstance(context, int) and not isinstance(context, bool) and context > 0 else None,
        price_in=prices.price_in,
        price_out=prices.price_out,
        retires=_day(row.get(provider.model_retires)) if provider.model_retires else None,
        price_request=prices.request,
        tiers=prices.tiers,
    )


def _day(value: object) -> date | None:
    try:
        if isinstance(value, str):
            return datetime.fromisoformat(value).date()
        if isinstance(value, int | float) and value > 0:
            return datetime.fromtimestamp(value, UTC).date()
    except (ValueError, OverflowError, OSError):
        return None
    return None


def _after_id(path: str, parsed: Any) -> str | None:
    if parsed.get("has_more") is True and isinstance(parsed.get("last_id"), str):
        return _following(path, "after_id", parsed["last_id"])
    return None


def _page_token(path: str, parsed: Any) -> str | None:
    token = parsed.get("nextPageToken")
    return _following(path, "pageToken", token) if isinstance(token, str) and token else None


def _following(path: str, name: str, token: str) -> str:
    """The next page's path; the first one's again where the token could not be sent: that list has no end."""
    sendable = token.isprintable() and len(token) <= LONGEST_TOKEN
    return f"{path}{'&' if '?' in path else '?'}{name}={quote(token, safe='')}" if sendable else path


def _lists(row: Row, outer: str, inner: str) -> list[Any]:
    holder = row.get(outer)
    found = holder.get(inner) if isinstance(holder, dict) else None
    return found if isinstance(found, list) else []


def _completes_chats(row: Row) -> bool:
    can = row.get("capabilities")
    return isinstance(can, dict) and can.get("completion_chat") is True and row.get("archived") is not True


def _generates_content(row: Row) -> bool:
    methods = row.get("supportedGenerationMethods")
    return isinstance(methods, list) and "generateContent" in methods


_PAGES: Mapping[str, Callable[[str, Any], str | None]] = MappingProxyType(
    {"none": lambda _path, _parsed: None, "after_id": _after_id, "page_token": _page_token}
)
_CHATS: Mapping[str, Callable[[Row], bool]] = MappingProxyType(
    {
        "all": lambda _row: True,
        "active": lambda row: row.get("active") is not False,
        "completion_chat": _completes_chats,
        "generate_content": _generates_content,
        "text_output": lambda row: "text" in _lists(row, "architecture", "output_modalities"),
        "type_chat": lambda row: row.get("type") == "chat",
    }
)
