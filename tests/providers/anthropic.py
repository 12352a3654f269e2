"""Anthropic: its own protocol, a key in `x-api-key` beside a version, a paged list. Not chatted with yet."""

from __future__ import annotations

from tests.providers.answers import Answer, Request, said
from tests.providers.behaviour import Behaviour


class Anthropic(Behaviour):
    id = "anthropic"

    def door(self, request: Request) -> Answer | None:
        if request.headers.get("x-api-key") != self.key:
            return self.wrong_key(request)
        if "anthropic-version" not in request.headers:
            return self.error(400, "anthropic-version: header is required")
        return None

    def models(self, request: Request) -> Answer:
        names = [f"claude-{number}" for number in range(1, 26)]
        start = names.index(request.query["after_id"]) + 1 if "after_id" in request.query else 0
        shown = names[start : start + int(request.query.get("limit", "20"))]
        rows = [{"type": "model", "id": n, "display_name": n.title(), "max_input_tokens": 200000} for n in shown]
        more = {"has_more": names[-1] not in shown, "first_id": shown[0], "last_id": shown[-1]}
        return said(200, {"data": rows, **more}, request_id="req-list")

    def error(self, status: int, message: str, *, code: str | None = None, kind: str = "", **headers: str) -> Answer:
        error = {"type": code or kind or "invalid_request_error", "message": message}
        return said(
            status, {"type": "error", "error": error, "request_id": "req-error"}, request_id="req-error", **headers
        )

    def wrong_key(self, _request: Request) -> Answer:
        return self.error(401, "invalid x-api-key", kind="authentication_error")

    def in_restricted_key(self, _request: Request) -> Answer | None:
        return self.error(403, "Your API key does not have permission.", kind="permission_error")

    def in_rate_limit(self, _request: Request) -> Answer | None:
        return self.error(429, "This request would exceed your rate limit.", kind="rate_limit_error")

    def in_no_credit(self, request: Request) -> Answer | None:
        words = "Your credit balance is too low to access the API."
        return self.error(400, words) if self.is_chat(request) else None

    def in_overload(self, _request: Request) -> Answer | None:
        return self.error(529, "Overloaded", kind="overloaded_error")

    def in_blocked_region(self, _request: Request) -> Answer | None:
        return said(403, {"error": {"type": "forbidden", "message": "Request not allowed"}})
