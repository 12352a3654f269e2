"""Mistral: a strict schema that even forbids stream_options, errors as `detail`, content as a list of parts."""

from __future__ import annotations

from typing import Any

from tests.providers.answers import Answer, Request, chunk, said, tokens
from tests.providers.behaviour import MODEL, TEXT, Behaviour


class Mistral(Behaviour):
    id = "mistral"
    id_header = "mistral_correlation_id"
    fields = frozenset(
        {"model", "messages", "stream", "max_tokens", "temperature", "top_p", "stop", "random_seed", "safe_prompt"}
    )

    def model(self, name: str) -> dict[str, Any]:
        can = {"completion_chat": name not in self.not_chat(), "vision": False}
        dates = {"deprecation": "2027-03-01T12:00:00Z" if name == "m-small" else None}
        return {**super().model(name), "name": name, "max_context_length": 131072, "capabilities": can, **dates}

    def not_chat(self) -> tuple[str, ...]:
        return ("mistral-embed", "mistral-ocr-latest")

    def chunks(self) -> tuple[object, ...]:
        thinking = [{"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]}]
        parts = [{"type": "text", "text": TEXT[0]}]
        plain = [chunk(one, model=MODEL) for one in TEXT[1:]]
        return (
            chunk(thinking, model=MODEL),
            chunk(parts, model=MODEL),
            *plain,
            chunk("", finish="stop", model=MODEL, usage=tokens()),
        )

    def error(self, status: int, message: str, *, code: str | None = None, kind: str = "", **headers: str) -> Answer:
        body = {
            "object": "error",
            "message": message,
            "type": kind or "error",
            "param": None,
            "code": code or str(status),
        }
        return said(status, body, mistral_correlation_id="req-error", **headers)

    def wrong_key(self, _request: Request) -> Answer:
        return said(401, {"detail": "Unauthorized"}, mistral_correlation_id="req-error")

    def strange_fields(self, names: list[str]) -> Answer:
        detail = [
            {"type": "extra_forbidden", "loc": ["body", name], "msg": "Extra inputs are not permitted"}
            for name in names
        ]
        return said(422, {"object": "error", "message": {"detail": detail}, "type": "invalid_request_error"})

    def in_restricted_key(self, _request: Request) -> Answer | None:
        return self.error(403, "This model is not allowed for your workspace.", kind="forbidden")

    def in_too_long(self, request: Request) -> Answer | None:
        words = "Prompt contains too many tokens."
        return self.error(400, words, code="3051") if self.is_chat(request) else None

    def stream_error(self) -> tuple[object, ...]:
        return (chunk(finish="error", model=MODEL),)
