"""OpenAI: keys that lack a right are alive, credit shows only in a chat, `max_tokens` is refused."""

from __future__ import annotations

from tests.providers.answers import Answer, Request, chunk, said, tokens
from tests.providers.behaviour import MODEL, TEXT, Behaviour


class OpenAI(Behaviour):
    id = "openai"
    fields = frozenset(
        {
            "model",
            "messages",
            "stream",
            "stream_options",
            "max_completion_tokens",
            "temperature",
            "top_p",
            "seed",
            "stop",
        }
    )

    def not_chat(self) -> tuple[str, ...]:
        return ("text-embedding-4", "whisper-2", "gpt-6-pro", "dall-e-4", "gpt-realtime-2")

    def chunks(self) -> tuple[object, ...]:
        texts = [chunk(one, model=MODEL, usage=None, obfuscation="x1") for one in TEXT]
        last = {**chunk(model=MODEL), "choices": [], "usage": tokens()}
        return (*texts, chunk(finish="stop", model=MODEL, usage=None), last)

    def strange_fields(self, names: list[str]) -> Answer:
        if "max_tokens" not in names:
            return super().strange_fields(names)
        said_so = {
            "message": "Unsupported parameter: 'max_tokens'.",
            "param": "max_tokens",
            "code": "unsupported_parameter",
        }
        return said(400, {"error": {"type": "invalid_request_error", **said_so}})

    def in_restricted_key(self, request: Request) -> Answer | None:
        if self.is_chat(request):
            return self.error(401, "You have insufficient permissions. Missing scopes: model.request.")
        return self.error(403, "You have insufficient permissions. Missing scopes: api.model.read.")

    def in_no_credit(self, request: Request) -> Answer | None:
        if not self.is_chat(request):
            return None
        return self.error(429, "You exceeded your current quota.", code="insufficient_quota", kind="insufficient_quota")

    def in_blocked_region(self, _request: Request) -> Answer | None:
        return self.error(403, "Country not supported.", code="unsupported_country_region_territory")

    def in_too_long(self, request: Request) -> Answer | None:
        return self.error(400, "Too many tokens.", code="context_length_exceeded") if self.is_chat(request) else None

    def in_no_streaming(self, request: Request) -> Answer | None:
        if not request.body.get("stream"):
            return None
        words = {"message": "Your organization must be verified to stream this model.", "param": "stream"}
        return said(400, {"error": {**words, "type": "invalid_request_error", "code": "unsupported_value"}})
