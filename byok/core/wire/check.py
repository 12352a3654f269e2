"""Tests a key by the call that proves it with that provider, and says what was and was not proven.

Refuses to call a key accepted for less than the answer that proves it, or rejected for less than a definite sign.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from byok.core.provider import Provider
from byok.core.wire.http import Reply, address, fetch
from byok.core.wire.lists import chat_models, fetch_models, rows_of
from byok.core.wire.refusals import judge, parse_json, read_error_in_stream, read_refusal, request_id_of, to_error
from byok.core.wire.request import one_token_body
from byok.core.wire.shapes import Finding, ModelInfo, Verdict
from byok.core.wire.usage import amount
from byok.core.wire.verdicts import VERDICTS, left_open, link, next_step
from byok.ground.clock import utc_now
from byok.ground.errors import KeyUnreadableError, PrivateAddressError, ProviderError

if TYPE_CHECKING:
    import httpx

MENU_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class _Seen:
    """What one call showed. `go_on`: another model may still prove the key. `next_step`: instead of the verdict's."""

    verdict: Verdict
    detail: str
    proof: str
    request_id: str | None = None
    models: tuple[ModelInfo, ...] | None = None
    go_on: bool = False
    next_step: str = ""


async def check_key(http: httpx.AsyncClient, provider: Provider, *, base_url: str, auth: httpx.Auth) -> Finding:
    """Tests a key; whatever the provider does becomes a verdict. `auth` is made for `provider.auth`."""
    began = time.perf_counter()
    try:
        seen = await (_one_token if provider.check == "one_token" else _get)(http, provider, base_url, auth)
        elapsed_ms = round((time.perf_counter() - began) * 1000)
        models = seen.models
        if seen.verdict == "accepted" and models is None:
            models = await _menu(http, provider, base_url, auth)
    except KeyUnreadableError as error:
        seen, models, elapsed_ms = _Seen("unreadable", error.message, "nothing was sent"), None, 0
    return Finding(
        verdict=seen.verdict,
        detail=seen.detail,
        proof=seen.proof,
        not_proven=provider.not_proven if seen.verdict == "accepted" else left_open(seen.verdict),
        next_step=seen.next_step or next_step(provider, seen.verdict),
        link=link(provider, seen.verdict),
        request_id=seen.request_id,
        elapsed_ms=elapsed_ms,
        models=models,
    )


async def _get(http: httpx.AsyncClient, provider: Provider, base_url: str, auth: httpx.Auth) -> _Seen:
    proof = f"GET {_shown(provider.key_test_path)}"
    try:
        reply = await fetch(
            http,
            provider,
            method="GET",
            url=address(base_url, provider.key_test_path),
            auth=auth,
            seconds=provider.check_timeout,
            auth_name=provider.native_auth,
        )
    except ProviderError as error:
        return _unanswered(error, proof)
    proof = f"{proof} {reply.status}"
    if reply.status != 200:
        return _refused(provider, reply, proof)
    return _PROOFS[provider.check](provider, parse_json(reply.body), proof, reply) or _odd(provider, reply, proof)


async def _one_token(http: httpx.AsyncClient, provider: Provider, base_url: str, auth: httpx.Auth) -> _Seen:
    """Asks model after model: accounts differ in what they are granted, and a busy model may hang."""
    best: _Seen | None = None
    for model in provider.check_models:
        proof = f"POST {_shown(provider.key_test_path)}"
        try:
            reply = await fetch(
                http,
                provider,
                method="POST",
                url=address(base_url, provider.key_test_path),
                auth=auth,
                seconds=provider.check_timeout,
                body=one_token_body(provider, model),
            )
        except ProviderError as error:
            seen = _unanswered(error, proof)
        else:
            proof = f"{proof} {reply.status}"
            if reply.status == 200:
                seen = _completed(provider, parse_json(reply.body), proof, reply) or _odd(provider, reply, proof)
            else:
                seen = _refused(provider, reply, proof)
        if not seen.go_on:
            return seen
        if best is None or (best.verdict == "unreachable" and seen.verdict != "unreachable"):
            best = seen
    if best is None:
        return _Seen("unreachable", f"No model is named to test a key of {provider.name} with.", "nothing was sent")
    return best


async def _menu(
    http: httpx.AsyncClient, provider: Provider, base_url: str, auth: httpx.Auth
) -> tuple[ModelInfo, ...] | None:
    """The models that the key opens, as an extra: without them the verdict still stands."""
    try:
        return await fetch_models(http, provider, base_url=base_url, auth=auth, seconds=MENU_SECONDS)
    except ProviderError:
        return None


def _listed(provider: Provider, parsed: Any, proof: str, reply: Reply) -> _Seen | None:
    rows = rows_of(provider, parsed)
    if rows is None:
        return None
    whole = provider.key_test_path == provider.models_path and provider.models_pages == "none"
    models = chat_models(provider, rows, secrets=reply.secrets) if whole else None
    return _accepted(provider, proof, reply, models=models)


def _identified(provider: Provider, parsed: Any, proof: str, reply: Reply) -> _Seen | None:
    if isinstance(parsed, dict) and any(parsed.get(n) for n in ("api_key_id", "organization_id", "project_id")):
        return _accepted(provider, proof, reply)
    return None


def _read_card(provider: Provider, parsed: Any, proof: str, reply: Reply) -> _Seen | None:
    card = parsed.get("data") if isinstance(parsed, dict) else None
    if not isinstance(card, dict) or not card.keys() & {"label", "limit", "usage", "is_free_tier"}:
        return None
    request_id = request_id_of(reply.headers, secrets=reply.secrets)
    if card.get("is_management_key") is True or card.get("is_provisioning_key") is True:
        return _Seen("limited", "This is a management key: it cannot ask models.", proof, request_id)
    if _is_past(card.get("expires_at")):
        return _Seen("limited", f"{provider.name} says that this key has expired.", proof, request_id)
    left = card.get("limit_remaining")
    if isinstance(left, int | float) and not isinstance(left, bool) and (amount(left) or 0) <= 0:
        return _Seen("no_credit", "This key's own spending limit is used up.", proof, request_id)
    return _accepted(provider, proof, reply)


def _completed(provider: Provider, parsed: Any, proof: str, reply: Reply) -> _Seen | None:
    if not isinstance(parsed, dict):
        return None
    if parsed.get("error"):
        refusal = read_error_in_stream(parsed["error"], headers=reply.headers, secrets=reply.secrets)
        verdict = VERDICTS[judge(provider, refusal)]
        return _Seen(verdict, to_error(provider, refusal).message, proof, refusal.request_id)
    return _accepted(provider, proof, reply) if isinstance(parsed.get("choices"), list) else None


_PROOFS: Mapping[str, Callable[[Provider, Any, str, Reply], _Seen | None]] = MappingProxyType(
    {"list": _listed, "identity": _identified, "key_card": _read_card}
)


def _accepted(provider: Provider, proof: str, reply: Reply, *, models: tuple[ModelInfo, ...] | None = None) -> _Seen:
    request_id = request_id_of(reply.headers, secrets=reply.secrets)
    return _Seen("accepted", f"{provider.name} accepted the key.", proof, request_id, models)


def _refused(provider: Provider, reply: Reply, proof: str) -> _Seen:
    refusal = read_refusal(reply)
    meaning = judge(provider, refusal)
    return _Seen(
        VERDICTS[meaning],
        to_error(provider, refusal).message,
        proof,
        refusal.request_id,
        go_on=meaning in ("refused", "down", "unsure") or (meaning == "limited" and reply.status == 404),
    )


def _unanswered(error: ProviderError, proof: str) -> _Seen:
    if isinstance(error, PrivateAddressError):
        return _Seen("unreachable", error.message, "nothing was sent", next_step=error.next_step)
    return _Seen("unreachable", error.message, f"{proof}: no answer", go_on=True)


def _odd(provider: Provider, reply: Reply, proof: str) -> _Seen:
    detail = f"{provider.name} answered, but not with what proves a key."
    return _Seen("unreachable", detail, proof, request_id_of(reply.headers, secrets=reply.secrets))


def _is_past(value: object) -> bool:
    try:
        moment = datetime.fromisoformat(value if isinstance(value, str) else "")
    except ValueError:
        return False
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) < utc_now()


def _shown(path: str) -> str:
    return "/" + path.replace("../", "").partition("?")[0]
