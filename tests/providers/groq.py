"""Groq: usage under x_groq, a 413 that is a rate limit, restricted accounts as 400, an edge that blocks programs."""

from __future__ import annotations

from typing import Any

from tests.providers.answers import Answer, Request, chunk, tokens
from tests.providers.behaviour import MODEL, TEXT, Behaviour


class Groq(Behaviour):
    id = "groq"
    base = "/openai/v1"
    fields = frozenset(
        {
            "model",
            "messages",
            "stream",
            "max_completion_tokens",
            "max_tokens",
            "temperature",
            "top_p",
            "stop",
            "seed",
            "n",
        }
    )

    def model(self, name: str) -> dict[str, Any]:
        return {
            **super().model(name),
            "active": name != "m-retired",
            "context_window": 131072,
            "max_completion_tokens": 65536,
        }

    def not_chat(self) -> tuple[str, ...]:
        return ("whisper-large-v3", "llama-guard-4-12b", "m-retired")

    def chunks(self) -> tuple[object, ...]:
        first = chunk("", model=MODEL, x_groq={"id": "req-1"})
        first["choices"][0]["delta"] = {"role": "assistant", "reasoning": "Hm."}
        texts = [chunk(one, model=MODEL) for one in TEXT]
        timed = {**tokens(), "queue_time": 0.01, "total_time": 0.2}
        return (first, *texts, chunk(finish="stop", model=MODEL, x_groq={"id": "req-1", "usage": timed}))

    def wrong_key(self, _request: Request) -> Answer:
        return self.error(401, "Invalid API Key", code="invalid_api_key")

    def in_restricted_key(self, _request: Request) -> Answer | None:
        return self.error(400, "Organization has been restricted.", code="organization_restricted")

    def in_blocked_by_the_edge(self, _request: Request) -> Answer | None:
        return Answer(403, b"error code: 1010", {"content-type": "text/plain; charset=UTF-8"})

    def in_tokens_a_minute(self, request: Request) -> Answer | None:
        if not self.is_chat(request):
            return None
        return self.error(413, "Request too large: tokens per minute.", code="rate_limit_exceeded", kind="tokens")

    def in_too_long(self, request: Request) -> Answer | None:
        words = "Please reduce the length of the messages."
        return self.error(400, words, code="context_length_exceeded") if self.is_chat(request) else None

    def stream_error(self) -> tuple[object, ...]:
        return (chunk(model=MODEL, x_groq={"id": "req-1", "error": "Internal server error"}),)
