"""Nvidia NIM: a public list, 403 for a wrong key, models that are granted one by one, problems as `detail`."""

from __future__ import annotations

from tests.providers.answers import Answer, Request, chunk, said, tokens
from tests.providers.behaviour import MODEL, TEXT, Behaviour

TICKET = "5a1c0e77-0d3c-4a51-9f0e-1f0a7c2d9b11"


class Nvidia(Behaviour):
    id = "nvidia"
    id_header = "nvcf_reqid"
    fields = frozenset({"model", "messages", "stream", "max_tokens", "temperature", "top_p", "stop", "seed"})
    list_is_public = True

    def route(self, request: Request) -> Answer:
        if request.path == f"{self.base}/status/{TICKET}" and request.method == "GET":
            self.looks += 1
            return self.chat(self.promised) if self.looks > 1 else self._promise()
        return super().route(request)

    def in_queue(self, request: Request) -> Answer | None:
        if not request.body.get("stream"):
            return None
        self.promised, self.looks = request, 0
        return self._promise()

    def _promise(self) -> Answer:
        return Answer(202, b"", {"nvcf-reqid": TICKET, "nvcf-status": "pending-evaluation"})

    def not_chat(self) -> tuple[str, ...]:
        return ("nvidia/nv-embedqa-5", "nvidia/rerank-2", "m-small")  # the list repeats itself

    def chunks(self) -> tuple[object, ...]:
        thought = chunk(model=MODEL)
        thought["choices"][0]["delta"] = {"role": "assistant", "content": None, "reasoning_content": "Hm."}
        texts = [chunk(one, model=MODEL, nvext={}) for one in TEXT]
        usage = {**chunk(model=MODEL), "choices": [], "usage": tokens()}
        return (thought, *texts, chunk("", finish="stop", model=MODEL), usage)

    def error(self, status: int, message: str, *, code: str | None = None, kind: str = "", **headers: str) -> Answer:
        body = {"status": status, "title": code or kind or "Error", "detail": message}
        return said(status, body, content_type="application/problem+json", nvcf_reqid="req-error", **headers)

    def wrong_key(self, request: Request) -> Answer:
        if "authorization" not in request.headers:
            return self.error(401, "Header of type `authorization` was missing", kind="Unauthorized")
        return self.error(403, "Authorization failed", kind="Forbidden")

    def strange_fields(self, names: list[str]) -> Answer:
        return self.error(400, f"Validation: Unsupported parameter(s): `{names[0]}`")

    def in_restricted_key(self, request: Request) -> Answer | None:
        words = "Function '6c1f': Not found for account 'a-1'"
        return self.error(404, words, kind="Not Found") if self.is_chat(request) else None

    def in_model_not_granted(self, request: Request) -> Answer | None:
        first = request.body.get("model") == "meta/llama-3.1-8b-instruct"
        return self.in_restricted_key(request) if first else None

    def in_rate_limit(self, request: Request) -> Answer | None:
        return self.error(429, "Too Many Requests", kind="Too Many Requests") if self.is_chat(request) else None

    def in_too_long(self, request: Request) -> Answer | None:
        words = "This model's maximum context length is 131072 tokens."
        return self.error(400, words) if self.is_chat(request) and request.body.get("stream") else None
