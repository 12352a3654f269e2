"""What providers have in common: a key in a header, a list of models, a streamed chat, and ways to say no.

A provider of its own file overrides what it does otherwise. Nothing here is lenient: a field that the real one refuses
is refused, a credential in the wrong header is none.
"""

from __future__ import annotations

from typing import Any, ClassVar

from tests.providers.answers import Answer, Request, chunk, page, said, streamed, tokens

MODEL = "m-large"
TEXT = ("Grüße", ", ", "world", " 😀")


class Behaviour:
    """One provider.

    Attributes:
        id: the provider's in the catalogue.
        base: the path of its base URL.
        fields: what a chat's body may hold; None where strangers are ignored.
        situation: what is the matter with the account or the service at present; see `situations.py`.
    """

    id: ClassVar[str]
    base: ClassVar[str] = "/v1"
    fields: ClassVar[frozenset[str] | None] = None

    def __init__(self, key: str) -> None:
        self.key, self.situation = key, "right key"

    def answer(self, request: Request) -> Answer:
        """What it says to a request."""
        if request.path != f"{self.base}/models" or not self.list_is_public:
            refused = self.door(request)
            if refused is not None:
                return refused
        trouble = getattr(self, "in_" + self.situation.replace(" ", "_").replace("-", "_"), None)
        troubled: Answer | None = trouble(request) if trouble is not None else None
        return troubled or self.route(request)

    list_is_public: ClassVar[bool] = False
    id_header: ClassVar[str] = "x_request_id"  # of an answer that is no error

    def door(self, request: Request) -> Answer | None:
        """The refusal of a request without the right key; None lets it in."""
        if request.headers.get("authorization") == f"Bearer {self.key}":
            return None
        return self.wrong_key(request)

    def route(self, request: Request) -> Answer:
        """What it says when all is well."""
        if request.path == f"{self.base}/models" and request.method == "GET":
            return self.models(request)
        if request.path == f"{self.base}/chat/completions" and request.method == "POST":
            strange = set(request.body) - (self.fields or set(request.body))
            if strange:
                return self.strange_fields(sorted(strange))
            return self.chat(request)
        return self.error(404, f"Unknown request URL: {request.method} {request.path}", code="unknown_url")

    def models(self, _request: Request) -> Answer:
        """Its list of models."""
        rows = [self.model(name) for name in (MODEL, "m-small", *self.not_chat())]
        return said(200, {"object": "list", "data": rows}, **{self.id_header: "req-list"})

    def model(self, name: str) -> dict[str, Any]:
        """A row of the list."""
        return {"id": name, "object": "model", "created": 1, "owned_by": self.id}

    def not_chat(self) -> tuple[str, ...]:
        """Models in the list that no chat can use."""
        return ()

    def chat(self, request: Request) -> Answer:
        """A chat completion, streamed if asked so."""
        if not request.body.get("stream"):
            message = {"role": "assistant", "content": "".join(TEXT)}
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            whole = {"id": "c-1", "model": MODEL, "choices": [choice], "usage": tokens()}
            return said(200, whole, **{self.id_header: "req-chat"})
        return streamed(*self.chunks(), headers={self.id_header: "req-chat"})

    def chunks(self) -> tuple[object, ...]:
        """The events of a streamed answer: `TEXT`, its end, its usage."""
        texts = [chunk(one, model=MODEL) for one in TEXT]
        return (*texts, chunk(finish="stop", model=MODEL, usage=tokens()))

    def error(
        self, status: int, message: str, *, code: str | None = None, kind: str = "invalid_request_error", **headers: str
    ) -> Answer:
        """An error in the provider's shape."""
        body = {"message": message, "type": kind, "param": None, "code": code}
        return said(status, {"error": body}, x_request_id="req-error", **headers)

    def wrong_key(self, _request: Request) -> Answer:
        """What a wrong key gets. Some repeat a part of it."""
        return self.error(401, f"Incorrect API key provided: {self.key[:6]}***.", code="invalid_api_key")

    def strange_fields(self, names: list[str]) -> Answer:
        """What a body with fields of another provider gets."""
        return self.error(400, f"Unrecognized request argument supplied: {', '.join(names)}")

    def is_chat(self, request: Request) -> bool:
        """Whether the request is a chat, and not one to test a key or list models."""
        return request.method == "POST"

    # What may be the matter. Each is None where the provider does not mind at this request.

    def in_rate_limit(self, _request: Request) -> Answer | None:
        return self.error(429, "Rate limit reached.", code="rate_limit_exceeded", kind="requests")

    def in_rate_limit_with_a_time(self, request: Request) -> Answer | None:
        limited = self.in_rate_limit(request)
        assert limited is not None
        return Answer(limited.status, limited.body, {**limited.headers, "retry-after": "7"})

    def in_outage(self, _request: Request) -> Answer | None:
        return self.error(500, "The server had an error while processing your request.", kind="server_error")

    def in_overload(self, _request: Request) -> Answer | None:
        return self.error(503, "The engine is currently overloaded.", kind="server_error")

    def in_gateway_page(self, _request: Request) -> Answer | None:
        return page(502, "502 Bad Gateway")

    def in_blocked_by_the_edge(self, _request: Request) -> Answer | None:
        return page(403, "Sorry, you have been blocked")

    def in_unauthorized_page(self, _request: Request) -> Answer | None:
        return page(401, "401 Authorization Required")

    def in_sign_in_of_a_network(self, _request: Request) -> Answer | None:
        return said(401, {"error": "sign_in_needed", "message": "Sign in to the network first."})

    def in_empty_answer(self, _request: Request) -> Answer | None:
        return Answer(200, b"", {"content-type": "application/json"})

    def in_odd_answer(self, _request: Request) -> Answer | None:
        return said(200, {"status": "ok"})

    def in_cut_answer(self, request: Request) -> Answer | None:
        whole = self.route(request)
        return Answer(whole.status, whole.body[: len(whole.body) // 3], whole.headers)

    def in_error_in_the_stream(self, request: Request) -> Answer | None:
        if not self.is_chat(request) or not request.body.get("stream"):
            return None
        return streamed(*self.chunks()[:2], *self.stream_error(), done=False)

    def stream_error(self) -> tuple[object, ...]:
        """How an error looks in the middle of an answer with status 200."""
        error = {"message": "The server had an error.", "type": "server_error", "param": None, "code": None}
        return ({"error": error},)
