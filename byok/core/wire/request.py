"""Builds the body of a chat request by the provider's habits. Sends no field that the provider did not ask for."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from byok.core.provider import Provider
from byok.core.wire.shapes import ChatCall

_STREAM_OPTIONS: Mapping[str, dict[str, bool] | None] = {
    "unasked": None,
    "include_usage": {"include_usage": True},
    "include_usage_unpadded": {"include_usage": True, "include_obfuscation": False},
}


def chat_body(call: ChatCall, *, stream: bool = True) -> bytes:
    """The JSON of a chat completion: model, messages, and only what was set.

    Messages without text are left out: some providers refuse them, and none has a use for them.
    """
    provider = call.provider
    body: dict[str, Any] = {"model": call.model, "messages": _plain(call.messages)}
    if stream:
        body["stream"] = True
        options = _STREAM_OPTIONS[provider.stream_usage]
        if options is not None:
            body["stream_options"] = options
    if call.max_tokens is not None:
        body[provider.token_field] = call.max_tokens
    if call.temperature is not None:
        body["temperature"] = call.temperature
    if call.top_p is not None:
        body["top_p"] = call.top_p
    if call.seed is not None:
        body[provider.seed_field] = call.seed
    if call.stop:
        body["stop"] = list(call.stop)
    return _encode(body)


def one_token_body(provider: Provider, model: str) -> bytes:
    """The JSON of the smallest completion there is: it proves a key where nothing free does."""
    return _encode({"model": model, "messages": [{"role": "user", "content": "hi"}], provider.token_field: 1})


def _plain(messages: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
    return [{"role": m["role"], "content": m["content"]} for m in messages if m["content"]]


def _encode(body: Mapping[str, Any]) -> bytes:
    # A lone surrogate cannot be written as UTF-8: it is replaced rather than failing the whole question.
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
