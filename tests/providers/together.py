"""Together AI: a bare array of models, an identity that proves the key, 403 for a text that is too long, `eos`."""

from __future__ import annotations

from typing import Any

from tests.providers.answers import Answer, Request, chunk, said, tokens
from tests.providers.behaviour import MODEL, TEXT, Behaviour


class Together(Behaviour):
    id = "together"

    def route(self, request: Request) -> Answer:
        if request.path == f"{self.base}/whoami":
            mine = {"api_key_id": "k-1", "organization_id": "o-1", "project_id": "p-1", "project_name": "Default"}
            return said(200, mine, x_request_id="req-me")
        return super().route(request)

    def models(self, _request: Request) -> Answer:
        return said(
            200, [self.model(name) for name in (MODEL, "m-small", "flux-2", "bge-large")], x_request_id="req-list"
        )

    def model(self, name: str) -> dict[str, Any]:
        kind = {"flux-2": "image", "bge-large": "embedding"}.get(name, "chat")
        price = {"hourly": 0, "input": 0.6, "output": 1.8, "base": 0, "finetune": 0}
        more = {"type": kind, "display_name": name.title(), "context_length": 262144, "pricing": price}
        return {"id": name, "object": "model", "created": 1, **more}

    def chunks(self) -> tuple[object, ...]:
        texts = [chunk(one, model=MODEL, usage=None) for one in TEXT]
        return (*texts, chunk("", finish="eos", model=MODEL, usage=tokens()))

    def wrong_key(self, _request: Request) -> Answer:
        words = "Invalid API key provided. You can find your API key at the settings page."
        return self.error(401, words, code="invalid_api_key")

    def in_restricted_key(self, request: Request) -> Answer | None:
        words = "Unable to access non-serverless model. Please create a dedicated endpoint."
        return self.error(400, words, code="model_not_available") if self.is_chat(request) else None

    def in_no_credit(self, request: Request) -> Answer | None:
        return self.error(402, "You have reached your spending limit.") if self.is_chat(request) else None

    def in_too_long(self, request: Request) -> Answer | None:
        return self.error(403, "The input is longer than the model's context.") if self.is_chat(request) else None
