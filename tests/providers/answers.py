"""What a provider's server hears and says: one request, one answer, as plain values."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any


@dataclass(frozen=True)
class Request:
    """What arrived. Header names are in small letters; `body` is the parsed JSON of a POST, else empty."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Mapping[str, Any]


@dataclass(frozen=True)
class Answer:
    """What is said back."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


def said(status: int, value: object, **headers: str) -> Answer:
    """JSON."""
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return Answer(status, json.dumps(value).encode(), {"content-type": "application/json", **named})


def page(status: int, title: str) -> Answer:
    """A page of a gateway in front of the provider."""
    words = f"<!DOCTYPE html><html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>"
    return Answer(status, words.encode(), {"content-type": "text/html; charset=UTF-8"})


def streamed(*chunks: object, done: bool = True, headers: Mapping[str, str] = MappingProxyType({})) -> Answer:
    """Server-sent events: a text stands as it is (a comment, say), anything else becomes the data of an event."""
    parts = [one if isinstance(one, str) else f"data: {json.dumps(one, ensure_ascii=False)}\n\n" for one in chunks]
    whole = "".join([*parts, "data: [DONE]\n\n" if done else ""])
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return Answer(200, whole.encode(), {"content-type": "text/event-stream", **named})


def chunk(content: object = None, *, finish: str | None = None, **more: Any) -> dict[str, Any]:
    """One chunk of a chat completion."""
    delta = {} if content is None else {"content": content}
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {"id": "c-1", "object": "chat.completion.chunk", "created": 1, "choices": [choice], **more}


def tokens(tokens_in: int = 9, tokens_out: int = 12) -> dict[str, int]:
    """The usage that every provider here counts."""
    return {"prompt_tokens": tokens_in, "completion_tokens": tokens_out, "total_tokens": tokens_in + tokens_out}
