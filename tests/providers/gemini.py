"""Google Gemini: two paths with a header each and never both, 400 for a wrong key, errors in an array, unknown fields
refused, and usage that grows in every chunk and counts thoughts in its total alone."""

from __future__ import annotations

from typing import Any

from tests.providers.answers import Answer, Request, chunk, said, tokens
from tests.providers.behaviour import MODEL, TEXT, Behaviour

Reason = str | None
THOUGHT = 8


class Gemini(Behaviour):
    id = "gemini"
    base = "/v1beta/openai"
    native = "/v1beta"
    fields = frozenset({"model", "messages", "stream", "max_tokens", "temperature", "top_p", "stop", "seed", "n"})

    def door(self, request: Request) -> Answer | None:
        bearer, native = request.headers.get("authorization"), request.headers.get("x-goog-api-key")
        if bearer and native:
            words = "Multiple authentication credentials received. Please pass only one."
            return self._no(request, 400, "INVALID_ARGUMENT", words)
        if not self._is_compat(request):
            if bearer:
                words = "Request had invalid authentication credentials."
                return self._no(request, 401, "UNAUTHENTICATED", words, "ACCESS_TOKEN_TYPE_UNSUPPORTED")
            return None if native == self.key else self.wrong_key(request)
        return None if bearer == f"Bearer {self.key}" else self.wrong_key(request)

    def route(self, request: Request) -> Answer:
        if request.path != f"{self.native}/models":
            return super().route(request)
        rows = [self.native_model(name) for name in (MODEL, "m-small", "embedding-9", "imagen-9")]
        rows[2]["supportedGenerationMethods"] = ["embedContent"]
        start, size = int(request.query.get("pageToken", "0")), int(request.query.get("pageSize", "50"))
        more = {"nextPageToken": str(start + size)} if start + size < len(rows) else {}
        return said(200, {"models": rows[start : start + size], **more})

    def native_model(self, name: str) -> dict[str, Any]:
        """A row of the native list."""
        limits = {"inputTokenLimit": 1048576, "outputTokenLimit": 65536}
        methods = ["generateContent", "countTokens"]
        return {"name": f"models/{name}", "displayName": name.title(), **limits, "supportedGenerationMethods": methods}

    def chunks(self) -> tuple[object, ...]:
        texts = [chunk(one, model=MODEL, usage=tokens(9, 2 * n)) for n, one in enumerate(TEXT, start=1)]
        thought = tokens(9, 4) | {"total_tokens": 9 + 4 + THOUGHT}
        return (*texts, chunk(finish="stop", model=MODEL, usage=thought))

    def chat(self, request: Request) -> Answer:
        whole = super().chat(request)
        named = {name: value for name, value in whole.headers.items() if name != "x-request-id"}
        return Answer(whole.status, whole.body, named)

    def wrong_key(self, request: Request) -> Answer:
        words = "API key not valid. Please pass a valid API key."
        return self._no(request, 400, "INVALID_ARGUMENT", words, "API_KEY_INVALID")

    def strange_fields(self, names: list[str]) -> Answer:
        words = f'Invalid JSON payload received. Unknown name "{names[0]}": Cannot find field.'
        return said(400, [{"error": {"code": 400, "message": words, "status": "INVALID_ARGUMENT"}}])

    def error(self, status: int, message: str, *, code: str | None = None, kind: str = "", **headers: str) -> Answer:
        return said(
            status, [{"error": {"code": status, "message": message, "status": code or kind or "INTERNAL"}}], **headers
        )

    def in_truncated_key(self, request: Request) -> Answer | None:
        words = "Request had invalid authentication credentials."
        return self._no(request, 401, "UNAUTHENTICATED", words, "ACCESS_TOKEN_TYPE_UNSUPPORTED")

    def in_restricted_key(self, request: Request) -> Answer | None:
        words = "Requests to this API are blocked."
        return self._no(request, 403, "PERMISSION_DENIED", words, "API_KEY_SERVICE_BLOCKED")

    def in_no_credit(self, request: Request) -> Answer | None:
        words = "Gemini API free tier is not available in your country. Please enable billing on your project."
        return self._no(request, 400, "FAILED_PRECONDITION", words)

    def in_blocked_region(self, request: Request) -> Answer | None:
        words = "User location is not supported for the API use."
        return self._no(request, 400, "FAILED_PRECONDITION", words)

    def in_rate_limit(self, request: Request) -> Answer | None:
        return self._no(request, 429, "RESOURCE_EXHAUSTED", "You exceeded your current quota.")

    def in_outage(self, request: Request) -> Answer | None:
        return self._no(request, 500, "INTERNAL", "An internal error has occurred.")

    def in_overload(self, request: Request) -> Answer | None:
        return self._no(request, 503, "UNAVAILABLE", "The model is overloaded. Please try again later.")

    def in_too_long(self, request: Request) -> Answer | None:
        words = "The input token count exceeds the maximum number of tokens allowed."
        return self._no(request, 400, "INVALID_ARGUMENT", words) if self.is_chat(request) else None

    def stream_error(self) -> tuple[object, ...]:
        return ({"error": {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}},)

    def _is_compat(self, request: Request) -> bool:
        return request.path.startswith(self.base)

    def _no(self, request: Request, status: int, name: str, words: str, reason: Reason = None) -> Answer:
        kind = "type.googleapis.com/google.rpc.ErrorInfo"
        details = [{"@type": kind, "reason": reason, "domain": "googleapis.com"}] if reason else []
        error = {"error": {"code": status, "message": words, "status": name, "details": details}}
        return said(status, [error] if self._is_compat(request) else error)
