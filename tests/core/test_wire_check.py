"""Key tests: seven verdicts, each by the provider's own sign, and never a false one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest
import respx

from byok.core.key_auth import KeyAuth
from byok.core.wire import Finding, Wire, make_http_client
from byok.ground.clock import utc_now
from byok.ground.errors import KeyUnreadableError
from tests.wire_tools import CATALOGUE, SECRET, key_auth

Answer = httpx.Response | Callable[[httpx.Request], httpx.Response]


def check(provider_id: str, answer: Answer, *, auth: httpx.Auth | None = None, rest: int = 500) -> Finding:
    """Tests a key with a provider whose check answers so; whatever else is asked fails with status `rest`."""
    provider = CATALOGUE.get(provider_id)
    router = respx.Router(assert_all_called=False)
    url = httpx.URL(f"{provider.base_url}/").join(provider.key_test_path)
    route = router.route(method="POST" if provider.check == "one_token" else "GET", url=url)
    if isinstance(answer, httpx.Response):
        route.mock(return_value=answer)
    else:
        route.mock(side_effect=answer)
    router.route().mock(return_value=httpx.Response(rest))

    async def run() -> Finding:
        async with make_http_client(transport=httpx.MockTransport(router.async_handler)) as http:
            return await Wire(http).check(provider, base_url=provider.base_url, auth=auth or key_auth(provider))

    return asyncio.run(run())


def reply(status: int, body: object) -> httpx.Response:
    return httpx.Response(status, json=body)


COMPLETION = {"choices": [{"message": {"content": "Hi"}, "finish_reason": "length"}]}
CARD = {"label": "k", "limit": None, "limit_remaining": None, "usage": 1, "is_management_key": False}
GOOD: dict[str, object] = {
    "openai": {"data": [{"id": "gpt-6-luna"}]},
    "gemini": {"models": [{"name": "models/gemini-4-argon", "supportedGenerationMethods": ["generateContent"]}]},
    "mistral": {"data": [{"id": "m", "capabilities": {"completion_chat": True}}]},
    "groq": {"data": [{"id": "g", "active": True}]},
    "together": {"organization_id": "o", "project_id": "p"},
    "openrouter": {"data": CARD},
    "anthropic": {"data": [{"id": "claude-x"}], "has_more": True, "last_id": "claude-x"},
    "nvidia": COMPLETION,
    "local": COMPLETION,
}
EVERYONE = list(GOOD)


@pytest.mark.parametrize(
    ("provider_id", "proof"),
    [
        ("openai", "GET /models 200"),
        ("gemini", "GET /models 200"),
        ("mistral", "GET /models 200"),
        ("groq", "GET /models 200"),
        ("together", "GET /whoami 200"),
        ("openrouter", "GET /key 200"),
        ("anthropic", "GET /models 200"),
        ("nvidia", "POST /chat/completions 200"),
        ("local", "POST /chat/completions 200"),
    ],
)
def test_a_right_key_is_accepted_by_the_call_that_proves_it(provider_id: str, proof: str) -> None:
    finding = check(provider_id, reply(200, GOOD[provider_id]))
    assert (finding.verdict, finding.proof) == ("accepted", proof)
    assert finding.not_proven == CATALOGUE.get(provider_id).not_proven
    assert finding.next_step == ""


def error(**fields: object) -> dict[str, object]:
    return {"error": fields}


@pytest.mark.parametrize(
    ("provider_id", "status", "body"),
    [
        ("openai", 401, error(message="Incorrect API key provided", code="invalid_api_key")),
        ("gemini", 400, error(code=400, message="API key not valid.", details=[{"reason": "API_KEY_INVALID"}])),
        ("mistral", 401, {"detail": "Unauthorized"}),
        ("mistral", 401, {"detail": "Invalid API Key"}),
        ("groq", 401, error(message="Invalid API Key", code="invalid_api_key")),
        ("together", 401, error(message="Invalid API key provided", code="invalid_api_key")),
        ("openrouter", 401, error(code=401, message="User not found.")),
        ("openrouter", 401, error(code=401, message="No cookie auth credentials found")),
        (
            "anthropic",
            401,
            {"type": "error", "error": {"type": "authentication_error", "message": "invalid x-api-key"}},
        ),
        ("nvidia", 403, {"status": 403, "title": "Forbidden", "detail": "Authorization failed"}),
        ("nvidia", 401, {"status": 401, "title": "Unauthorized", "detail": "Authentication failed"}),
        ("local", 401, error(code=401, message="Invalid API Key", type="authentication_error")),
    ],
)
def test_a_wrong_key_is_called_rejected_with_a_link_to_the_keys(provider_id: str, status: int, body: object) -> None:
    finding = check(provider_id, reply(status, body))
    assert finding.verdict == "rejected"
    assert finding.link == CATALOGUE.get(provider_id).key_page
    assert finding.proof.endswith(f" {status}")


@pytest.mark.parametrize(
    ("provider_id", "status", "body", "verdict"),
    [
        ("openai", 403, error(message="Missing scopes: api.model.read"), "limited"),
        ("openai", 401, error(message="You have insufficient permissions. Missing scopes: x"), "limited"),
        ("openai", 401, error(message="Something else"), "unreachable"),
        ("openai", 429, error(message="Pay", code="insufficient_quota"), "no_credit"),
        ("gemini", 403, error(code=403, message="Blocked", details=[{"reason": "API_KEY_SERVICE_BLOCKED"}]), "limited"),
        ("gemini", 400, error(code=400, message="Not here", status="FAILED_PRECONDITION"), "limited"),
        ("gemini", 401, error(code=401, details=[{"reason": "ACCESS_TOKEN_TYPE_UNSUPPORTED"}]), "unreachable"),
        ("gemini", 429, error(code=429, message="Slow", status="RESOURCE_EXHAUSTED"), "rate_limited"),
        ("mistral", 403, {"message": "Not allowed"}, "limited"),
        ("groq", 400, error(message="Restricted", code="organization_restricted"), "limited"),
        ("together", 402, error(message="Spending limit"), "no_credit"),
        ("together", 403, error(message="Context too long"), "unreachable"),
        ("openrouter", 402, error(code=402, message="Insufficient credits"), "no_credit"),
        ("openrouter", 200, {"data": CARD | {"is_management_key": True}}, "limited"),
        ("openrouter", 200, {"data": CARD | {"expires_at": (utc_now() - timedelta(1)).isoformat()}}, "limited"),
        ("openrouter", 200, {"data": CARD | {"expires_at": (utc_now() + timedelta(1)).isoformat()}}, "accepted"),
        ("openrouter", 200, {"data": CARD | {"limit_remaining": 0}}, "no_credit"),
        ("openrouter", 200, {"data": CARD | {"limit_remaining": 0.5}}, "accepted"),
        ("anthropic", 403, {"error": {"type": "permission_error", "message": "No"}}, "limited"),
        ("anthropic", 403, {"error": {"type": "forbidden", "message": "Request not allowed"}}, "unreachable"),
        ("nvidia", 404, {"detail": "Function 'f': Not found for account 'a'"}, "limited"),
        ("nvidia", 429, {"status": 429, "title": "Too Many Requests"}, "rate_limited"),
    ],
)
def test_what_is_neither_good_nor_wrong_has_its_own_verdict(
    provider_id: str, status: int, body: object, verdict: str
) -> None:
    assert check(provider_id, reply(status, body)).verdict == verdict


@pytest.mark.parametrize("provider_id", EVERYONE)
@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        (httpx.Response(429), "rate_limited"),
        (httpx.Response(500, json={"error": {"message": "invalid_api_key"}}), "unreachable"),
        (httpx.Response(503, text="down"), "unreachable"),
        (httpx.Response(401, html="<html>Sign in to the network</html>"), "unreachable"),
        (httpx.Response(403, html="<html>error code: 1010</html>"), "unreachable"),
        (httpx.Response(200, html="<html>Welcome</html>"), "unreachable"),
        (httpx.Response(200, json={"ok": True}), "unreachable"),
        (httpx.Response(200, json=[]), "unreachable"),
        (httpx.Response(401), "unreachable"),
        (httpx.Response(401, text="Unauthorized"), "unreachable"),
        (httpx.Response(401, json={"status": 401, "error": "Unauthorized"}), "unreachable"),
        (httpx.Response(401, json={"message": "Sign in to the network first."}), "unreachable"),
        (httpx.Response(302, headers={"location": "https://login.example"}), "unreachable"),
        (httpx.Response(404, text="404 page not found"), "unreachable"),
    ],
)
def test_what_says_nothing_about_the_key_is_neither_accepted_nor_rejected(
    provider_id: str, answer: httpx.Response, verdict: str
) -> None:
    finding = check(provider_id, answer)
    assert finding.verdict == verdict
    assert finding.not_proven == "Whether the key works."


@pytest.mark.parametrize("provider_id", EVERYONE)
@pytest.mark.parametrize("failure", [httpx.ConnectError, httpx.ReadTimeout, httpx.RemoteProtocolError])
def test_no_answer_is_called_unreachable(provider_id: str, failure: type[httpx.TransportError]) -> None:
    def fail(request: httpx.Request) -> httpx.Response:
        raise failure("broke", request=request)

    finding = check(provider_id, fail)
    assert finding.verdict == "unreachable"
    assert finding.proof.endswith(": no answer")


def test_a_key_that_does_not_open_is_called_unreadable_and_nothing_is_sent() -> None:
    def broken() -> str:
        raise KeyUnreadableError

    for provider_id in ("openai", "gemini", "nvidia"):
        finding = check(provider_id, reply(200, {}), auth=KeyAuth(broken, header="Authorization"))
        assert finding.verdict == "unreadable"


def test_gemini_is_asked_natively_with_one_credential() -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return reply(200, GOOD["gemini"])

    assert check("gemini", answer).verdict == "accepted"
    assert str(seen[0].url) == "https://generativelanguage.googleapis.com/v1beta/models?pageSize=1"
    assert seen[0].headers["x-goog-api-key"] == SECRET
    assert "authorization" not in seen[0].headers


def test_anthropic_is_asked_with_its_own_headers() -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return reply(200, GOOD["anthropic"])

    assert check("anthropic", answer).verdict == "accepted"
    assert seen[0].headers["x-api-key"] == SECRET
    assert seen[0].headers["anthropic-version"] == "2023-06-01"


def nvidia_with(*answers: Any) -> tuple[Finding, list[str]]:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(json.loads(request.content)["model"])
        found = answers[len(asked) - 1]
        if isinstance(found, httpx.Response):
            return found
        raise found("late", request=request)

    return check("nvidia", answer), asked


NOT_GRANTED = reply(404, {"detail": "Function 'f': Not found for account 'a'"})


def test_nvidia_is_asked_for_one_token_of_model_after_model() -> None:
    finding, asked = nvidia_with(NOT_GRANTED, httpx.ReadTimeout, reply(200, COMPLETION))
    assert finding.verdict == "accepted"
    assert asked == list(CATALOGUE.get("nvidia").check_models)


def test_nvidia_with_no_model_granted_is_limited_even_if_another_hangs() -> None:
    assert nvidia_with(httpx.ReadTimeout, NOT_GRANTED, httpx.Response(410))[0].verdict == "limited"


def test_nvidia_stops_at_a_definite_answer() -> None:
    finding, asked = nvidia_with(reply(403, {"status": 403, "detail": "Authorization failed"}))
    assert finding.verdict == "rejected"
    assert len(asked) == 1


def test_the_models_that_the_key_opens_come_with_the_verdict() -> None:
    models = check("openai", reply(200, {"data": [{"id": "gpt-6-luna"}, {"id": "whisper-1"}]})).models
    assert models is not None
    assert [m.id for m in models] == ["gpt-6-luna"]


def test_a_list_that_fails_after_the_proof_changes_no_verdict() -> None:
    finding = check("together", reply(200, GOOD["together"]))
    assert finding.verdict == "accepted"
    assert finding.models is None


def test_a_finding_shows_the_request_id_and_hides_an_echoed_key() -> None:
    body = error(message=f"Incorrect API key provided: {SECRET}", code="invalid_api_key")
    finding = check("openai", httpx.Response(401, json=body, headers={"x-request-id": "req-9"}))
    assert finding.request_id == "req-9"
    assert "canary" not in repr(finding)


def test_a_check_says_what_it_costs() -> None:
    free = [p.id for p in CATALOGUE.all() if p.check_cost.startswith("Free")]
    assert [p.id for p in CATALOGUE.all() if p.id not in free] == ["nvidia", "local"]
