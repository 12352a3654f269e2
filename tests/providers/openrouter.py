"""OpenRouter: a public list that proves nothing, a card of the key, comments in the stream, cost in the usage."""

from __future__ import annotations

from typing import Any

from tests.providers.answers import Answer, Request, chunk, said, tokens
from tests.providers.behaviour import MODEL, TEXT, Behaviour

COST = "0.00042"


class OpenRouter(Behaviour):
    id = "openrouter"
    id_header = "x_generation_id"
    base = "/api/v1"
    list_is_public = True

    def route(self, request: Request) -> Answer:
        if request.path == f"{self.base}/key":
            return said(200, {"data": self.card()}, x_generation_id="req-card")
        if request.path == f"{self.base}/models/user":
            return self.models(request)
        return super().route(request)

    def card(self, **more: object) -> dict[str, object]:
        """What it says of a key."""
        usual = {
            "label": "sk-or-v1-abc...xyz",
            "limit": 10,
            "limit_remaining": 7.5,
            "usage": 2.5,
            "is_free_tier": False,
        }
        return {**usual, "is_management_key": False, "expires_at": None, "limit_reset": None, **more}

    def model(self, name: str) -> dict[str, Any]:
        price = {"prompt": "0.0000006", "completion": "0.0000018", "request": "0", "image": "0"}
        shape = {"input_modalities": ["text"], "output_modalities": ["image"] if name == "paints" else ["text"]}
        more = {"context_length": 200000, "pricing": price, "architecture": shape, "expiration_date": None}
        return {"id": name, "name": name.title(), "created": 1, **more}

    def not_chat(self) -> tuple[str, ...]:
        return ("paints", "m-large:batch")

    def chunks(self) -> tuple[object, ...]:
        texts = [chunk(one, model=MODEL, provider="Somebody") for one in TEXT]
        paid = {**tokens(), "cost": float(COST), "is_byok": False, "cost_details": {"upstream_inference_cost": 9.9}}
        last = chunk("", model=MODEL, usage=paid)
        return (
            ": OPENROUTER PROCESSING\n\n",
            *texts,
            chunk("", finish="stop", model=MODEL),
            ": OPENROUTER PROCESSING\n\n",
            last,
        )

    def error(self, status: int, message: str, *, code: str | None = None, kind: str = "", **headers: str) -> Answer:
        more = {"metadata": {"error_type": code or kind}} if code or kind else {}
        return said(
            status, {"error": {"code": status, "message": message, **more}}, x_generation_id="req-error", **headers
        )

    def wrong_key(self, _request: Request) -> Answer:
        return self.error(401, "User not found.")

    def in_restricted_key(self, request: Request) -> Answer | None:
        if request.path == f"{self.base}/key":
            return said(200, {"data": self.card(is_management_key=True)})
        return self.error(403, "Management keys cannot be used for completions.", kind="permission_denied")

    def in_expired_key(self, request: Request) -> Answer | None:
        if request.path == f"{self.base}/key":
            return said(200, {"data": self.card(expires_at="2024-01-01T00:00:00Z")})
        return self.error(401, "User not found.")

    def in_no_credit(self, request: Request) -> Answer | None:
        if request.path == f"{self.base}/key":
            return said(200, {"data": self.card(limit_remaining=0)})
        return self.error(402, "Insufficient credits.", kind="insufficient_credits") if self.is_chat(request) else None

    def in_too_long(self, request: Request) -> Answer | None:
        words = "This endpoint's maximum context length is 200000 tokens."
        return self.error(400, words, kind="context_length_exceeded") if self.is_chat(request) else None

    def stream_error(self) -> tuple[object, ...]:
        error = {"code": 502, "message": "Provider disconnected.", "metadata": {"error_type": "provider_unavailable"}}
        return ({**chunk("", finish="error", model=MODEL), "error": error},)
