"""Reads what a provider says when it says no, in any of its shapes, and judges what that means.

Refuses to guess: what is not a definite sign against a key never becomes a rejection.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from byok.core.provider import Meaning, Provider
from byok.core.wire.http import Reply
from byok.core.wire.retry_after import retry_after
from byok.core.wire.scrub import holds, scrub
from byok.ground.errors import (
    BadAnswerError,
    KeyLimitedError,
    KeyRejectedError,
    NoCreditError,
    ProviderDownError,
    ProviderError,
    RateLimitedError,
    RefusedRequestError,
)

_REQUEST_IDS = ("x-request-id", "request-id", "x-generation-id", "nvcf-reqid", "mistral-correlation-id")
_PLACES = ("code", "type", "status", "reason", "title", "error_type")
_TEXTS = ("message", "detail", "msg", "error", "title", "raw")
_OF_ANOTHER = ("raw", "provider_name")  # whose key and account are not the company's: for words alone
# OpenRouter's words for what another said, which stands in `raw`.
_PASSED_ON = re.compile(r"provider returned error\.?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A provider's no. `words` are scrubbed; `signs` is everything that `Sign.says` is searched in, never shown."""

    status: int | None
    words: str
    signs: str
    json: bool
    html: bool
    param: str | None
    request_id: str | None
    retry_after: float | None
    hopeless: bool

    def __repr__(self) -> str:
        return f"Refusal(status={self.status}, words={self.words!r})"


def read_refusal(reply: Reply) -> Refusal:
    """What an answer with an error status says: an object, an array of one, plain text or a gateway's page."""
    text = reply.body[:65536].decode("utf-8", "replace").strip()
    parsed = parse_json(reply.body) if text[:1] in "{[" and text else None
    html = text[:1] == "<" or "html" in reply.headers.get("content-type", "")
    found = [] if html else list(_fields(parsed)) if parsed is not None else [("message", text)]
    return _refusal(
        found,
        status=reply.status,
        parsed=parsed is not None and bool(found),
        body=parsed,
        html=html,
        headers=reply.headers,
        secrets=reply.secrets,
    )


def read_error_in_stream(error: Any, *, headers: Mapping[str, str], secrets: tuple[str, ...]) -> Refusal:
    """What an error object inside an answer with status 200 says; its `code` may be an HTTP status."""
    found = list(_fields(error)) or [("message", error if isinstance(error, str) else "")]
    codes = (value for name, value in found if name in ("code", "status"))
    status = next((int(code) for code in codes if re.fullmatch("[45][0-9]{2}", code)), None)
    return _refusal(found, status=status, parsed=True, body=error, html=False, headers=headers, secrets=secrets)


def judge(provider: Provider, refusal: Refusal) -> Meaning:
    """What it means, by the provider's own signs and then by the rules common to all."""
    status = refusal.status
    if refusal.html:
        # A gateway's page speaks for the gateway: not even its 401 is about the key.
        return "rate_limited" if status == 429 else "down"
    for sign in provider.signs:
        if sign.means == "rejected" and not refusal.json:
            continue
        if sign.status in (None, status) and re.search(sign.says, refusal.signs, re.IGNORECASE):
            return sign.means
    if status is None:
        return _judge_by_words(refusal.signs)
    if status in (401, 403):
        if not refusal.json:
            return "unsure"
        return "rejected" if status == 401 else "limited"
    common: Mapping[int, Meaning] = MappingProxyType({402: "no_credit", 408: "down", 429: "rate_limited"})
    return common.get(status, "down" if status >= 500 else "refused" if status >= 400 else "unsure")


def to_error(provider: Provider, refusal: Refusal) -> ProviderError:
    """The error of the tree that fits, with the provider's own words."""
    kind, said = _ERRORS[judge(provider, refusal)]
    message = f"{provider.name} {said}"
    if refusal.words:
        message += f": {refusal.words.rstrip('.')}"
    elif refusal.status is not None:
        message += f" (status {refusal.status})"
    return kind(
        f"{message}.",
        provider=provider.name,
        status=refusal.status,
        request_id=refusal.request_id,
        retry_after=refusal.retry_after,
        words=refusal.words,
        hopeless=refusal.hopeless,
        next_step=_come_back(refusal.retry_after) if kind in (RateLimitedError, ProviderDownError) else "",
    )


def request_id_of(headers: Mapping[str, str], *, secrets: tuple[str, ...] = ()) -> str | None:
    """The provider's own id of the request, from whichever header it uses."""
    value = next((headers[name] for name in _REQUEST_IDS if headers.get(name)), None)
    return None if value is None else _shown_id(value, secrets)


def parse_json(body: bytes) -> Any | None:
    """The parsed JSON; None where it is none."""
    try:
        return json.loads(body.decode("utf-8-sig", "replace"))
    except (ValueError, RecursionError):
        return None


_ERRORS: Mapping[Meaning, tuple[type[ProviderError], str]] = MappingProxyType(
    {
        "rejected": (KeyRejectedError, "rejected the key"),
        "limited": (KeyLimitedError, "knows the key, but does not allow this"),
        "no_credit": (NoCreditError, "says the account has no credit or reached a limit"),
        "rate_limited": (RateLimitedError, "was asked too often"),
        "refused": (RefusedRequestError, "refused the request"),
        "down": (ProviderDownError, "has trouble or cannot be reached through a gateway"),
        "unsure": (BadAnswerError, "answered in a way that says nothing for sure"),
    }
)


def _judge_by_words(signs: str) -> Meaning:
    if re.search(r"insufficient_quota|insufficient credits|credit_balance", signs, re.IGNORECASE):
        return "no_credit"
    if re.search(r"rate_?limit", signs, re.IGNORECASE):
        return "rate_limited"
    if re.search(r"invalid_request|context_length|content_filter|moderation", signs, re.IGNORECASE):
        return "refused"
    return "down"


def _refusal(
    found: list[tuple[str, str]],
    *,
    status: int | None,
    parsed: bool,
    body: Any,
    html: bool,
    headers: Mapping[str, str],
    secrets: tuple[str, ...],
) -> Refusal:
    texts = [value for wanted in _TEXTS for name, value in found if name == wanted]
    text = next(iter(texts), "")
    if _PASSED_ON.fullmatch(text):
        text = next((one for one in texts if not _PASSED_ON.fullmatch(one)), text)
        whose = next((value for name, value in found if name == "provider_name"), "")
        text = f"{whose}: {text}" if whose else text
    return Refusal(
        status=status,
        words=scrub(text, secrets=secrets),
        signs=" ".join(value for name, value in found if name not in _OF_ANOTHER)[:10_000],
        json=parsed,
        html=html,
        param=next((value for name, value in found if name == "param"), None),
        request_id=request_id_of(headers, secrets=secrets)
        or next((_shown_id(value, secrets) for name, value in found if name == "request_id" and value.isalnum()), None),
        retry_after=retry_after(headers, status=status, body=body),
        hopeless=headers.get("x-should-retry", "").lower() == "false",
    )


def _shown_id(value: str, secrets: tuple[str, ...]) -> str | None:
    """An id as it may be shown and kept: None where it could break a line, or where it repeats the key."""
    if not value.isascii() or not value.isprintable() or holds(value, secrets):
        return None
    return value[:128]


def _fields(value: Any, *, name: str = "", depth: int = 0) -> Iterator[tuple[str, str]]:
    """Every text that can tell something, with the name it stood under, outermost first."""
    if depth > 6:
        return
    if isinstance(value, str):
        if name == "raw" and value[:1] in ("{", "["):
            inner = parse_json(value.encode("utf-8", "replace"))
            value = next((text for one, text in _fields(inner, depth=depth + 1) if one in _TEXTS), value)
        if value and name in {*_PLACES, *_TEXTS, "param", "request_id", "provider_name"}:
            yield name, value
    elif isinstance(value, bool):
        return
    elif isinstance(value, int):
        if name in ("code", "status"):
            yield name, str(value)
    elif isinstance(value, dict):
        for key, inner in list(value.items())[:50]:
            if inner is not value:
                yield from _fields(inner, name=str(key), depth=depth + 1)
    elif isinstance(value, list):
        for inner in value[:20]:
            yield from _fields(inner, name=name, depth=depth + 1)


def _come_back(seconds: float | None) -> str:
    """When the provider wants to be asked again; empty where it did not say."""
    if not seconds or seconds < 1:
        return ""
    if seconds < 120:
        return f"Try again in {math.ceil(seconds)} seconds."
    return f"Try again in {math.ceil(seconds / 60):,} minutes, or choose another model."
