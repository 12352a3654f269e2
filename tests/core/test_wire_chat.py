"""Chat on the wire: what is sent, what is read, and which error a refusal becomes."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal
from typing import Any

import httpx
import pytest
import respx

from byok.core.key_auth import KeyAuth
from byok.core.wire import Delta, Usage, Wire, make_http_client
from byok.ground.errors import (
    BadAnswerError,
    KeyLimitedError,
    KeyRejectedError,
    KeyUnreadableError,
    NoCreditError,
    ProviderDownError,
    ProviderError,
    RateLimitedError,
    RefusedRequestError,
)
from tests.wire_tools import CATALOGUE, SECRET, ask, call_of, chunk, collect, key_auth, sse, stream_of, text_of

USAGE = {"prompt_tokens": 7, "completion_tokens": 3}
HELLO = sse(chunk("Hel"), chunk("lo", finish="stop"))


def sent_by(provider_id: str, **more: Any) -> dict[str, Any]:
    router = respx.Router()
    route = router.post(url__regex="/chat/completions$").mock(return_value=stream_of(HELLO))
    handler = httpx.MockTransport(router.async_handler)

    async def run() -> None:
        async with make_http_client(transport=handler) as http:
            await collect(Wire(http), call_of(provider_id, **more))

    asyncio.run(run())
    body: dict[str, Any] = json.loads(route.calls.last.request.content)
    return body


def refused(answer: httpx.Response, provider_id: str = "openai", **more: Any) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        ask(answer, call_of(provider_id, **more))
    return caught.value


# What is sent


@pytest.mark.parametrize(
    ("provider_id", "field", "options"),
    [
        ("openai", "max_completion_tokens", {"include_usage": True, "include_obfuscation": False}),
        ("gemini", "max_tokens", None),
        ("mistral", "max_tokens", None),
        ("groq", "max_completion_tokens", None),
        ("together", "max_tokens", {"include_usage": True}),
        ("openrouter", "max_tokens", None),
        ("nvidia", "max_tokens", None),
        ("local", "max_tokens", {"include_usage": True}),
    ],
)
def test_each_provider_is_sent_its_own_fields_and_no_other(
    provider_id: str, field: str, options: dict[str, bool] | None
) -> None:
    plain = {"model": "m-1", "messages": [{"role": "user", "content": "Hello"}], "stream": True}
    expected = plain if options is None else plain | {"stream_options": options}
    assert sent_by(provider_id) == expected
    assert sent_by(provider_id, max_tokens=99, temperature=0.0) == expected | {field: 99, "temperature": 0.0}
    seed = "random_seed" if provider_id == "mistral" else "seed"
    more = {"top_p": 0.5, seed: 0, "stop": ["END", "\n"]}
    assert sent_by(provider_id, top_p=0.5, seed=0, stop=("END", "\n")) == expected | more


def test_a_message_without_text_is_left_out() -> None:
    messages = [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": ""},
        {"role": "user", "content": "b"},
    ]
    assert [m["content"] for m in sent_by("mistral", messages=messages)["messages"]] == ["a", "b"]


def test_the_key_goes_out_in_one_header_with_an_honest_name_and_no_cookie() -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return stream_of(HELLO, set_cookie="a=b")

    async def twice() -> None:
        async with make_http_client(transport=httpx.MockTransport(answer)) as http:
            await collect(Wire(http), call_of())
            await collect(Wire(http), call_of())

    asyncio.run(twice())
    headers = seen[1].headers
    assert headers["authorization"] == f"Bearer {SECRET}"
    assert headers["user-agent"].startswith("AimyBYOK/")
    assert "cookie" not in headers
    assert str(seen[1].url) == "https://api.openai.com/v1/chat/completions"


# What is read


def test_text_arrives_in_pieces_and_the_end_says_why() -> None:
    deltas, ended = ask(stream_of(HELLO, x_request_id="req-1"), call_of())
    assert [d.text for d in deltas] == ["Hel", "lo"]
    assert (ended.finish_reason, ended.model, ended.request_id, ended.usage) == ("stop", "m-1-0901", "req-1", None)


@pytest.mark.parametrize(
    ("said", "means"),
    [
        ("eos", "stop"),
        ("model_length", "length"),
        ("content_filter", "filter"),
        ("tool_calls", "tool"),
        ("error", "error"),
        ("whatever", "unknown"),
        (["odd"], "unknown"),
        (None, None),
    ],
)
def test_finish_reasons_are_of_one_set(said: Any, means: str | None) -> None:
    assert ask(stream_of(sse(chunk("a", finish=said))), call_of())[1].finish_reason == means


@pytest.mark.parametrize(
    ("provider_id", "chunks"),
    [
        ("openai", [chunk("a", usage=None), chunk(finish="stop"), {"choices": [], "usage": USAGE}]),
        ("gemini", [chunk("a", usage={"prompt_tokens": 7, "completion_tokens": 1}), chunk("b", usage=USAGE)]),
        ("mistral", [chunk("a"), chunk("", finish="stop", usage=USAGE)]),
        ("groq", [chunk("a", x_groq={"id": "r"}), chunk(finish="stop", x_groq={"id": "r", "usage": USAGE})]),
        ("nvidia", [chunk("a"), {"choices": [], "usage": USAGE}, chunk(finish="stop")]),
    ],
)
def test_usage_is_found_where_the_provider_puts_it(provider_id: str, chunks: list[object]) -> None:
    assert ask(stream_of(sse(*chunks)), call_of(provider_id))[1].usage == Usage(tokens_in=7, tokens_out=3)


def test_details_of_usage_are_read_and_odd_counts_are_unknown() -> None:
    usage = {
        "prompt_tokens": 7,
        "completion_tokens": -3,
        "prompt_tokens_details": {"cached_tokens": 2, "cache_write_tokens": 4},
        "completion_tokens_details": {"reasoning_tokens": True},
    }
    found = ask(stream_of(sse(chunk("a", usage=usage))), call_of())[1].usage
    assert found == Usage(tokens_in=7, tokens_cached=2, tokens_cache_write=4)


@pytest.mark.parametrize(
    ("provider_id", "usage", "counted"),
    [
        (
            "gemini",
            {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 105},
            Usage(9, 96, tokens_reasoning=93),
        ),
        ("gemini", {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12}, Usage(9, 3)),
        ("gemini", {"prompt_tokens": 9, "completion_tokens": 3}, Usage(9, 3)),
        ("gemini", {"prompt_tokens": 9, "total_tokens": 105}, Usage(9, 96, tokens_reasoning=96)),
        ("gemini", {"completion_tokens": 3, "total_tokens": 105}, Usage(None, 3)),
        ("openai", {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 105}, Usage(9, 3)),
    ],
)
def test_thoughts_that_only_the_total_counts_are_part_of_what_came_out(
    provider_id: str, usage: dict[str, object], counted: Usage
) -> None:
    assert ask(stream_of(sse(chunk("a", usage=usage))), call_of(provider_id))[1].usage == counted


@pytest.mark.parametrize(
    ("usage", "cost"),
    [
        ({"cost": 0.00012}, "0.00012"),
        ({"cost": 0.001, "is_byok": True, "cost_details": {"upstream_inference_cost": 0.02}}, "0.02"),
        ({"cost": 0.001, "is_byok": False, "cost_details": {"upstream_inference_cost": 0.02}}, "0.001"),
        ({"cost": 0.001, "is_byok": True}, None),
        ({"cost": "NaN"}, None),
    ],
)
def test_openrouters_own_cost_is_the_spend_and_not_its_fee(usage: dict[str, object], cost: str | None) -> None:
    found = ask(stream_of(sse(chunk("a", usage=USAGE | usage))), call_of("openrouter"))[1].usage
    assert found is not None
    assert found.cost == (None if cost is None else Decimal(cost))


@pytest.mark.parametrize(
    ("provider_id", "delta"),
    [
        ("groq", {"reasoning": "hm"}),
        ("nvidia", {"reasoning_content": "hm", "reasoning": "hm"}),
        ("openrouter", {"content": "", "reasoning": "hm"}),
        ("mistral", {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}]}),
    ],
)
def test_reasoning_is_kept_apart_from_the_answer(provider_id: str, delta: dict[str, object]) -> None:
    thought = {"choices": [{"index": 0, "delta": delta}]}
    deltas, _ = ask(stream_of(sse(thought, chunk("a"))), call_of(provider_id))
    assert deltas == [Delta("", "hm"), Delta("a", "")]


def test_an_answer_that_was_not_streamed_is_read_whole() -> None:
    whole = {"model": "m-2", "choices": [{"message": {"content": "Hi"}, "finish_reason": "stop"}], "usage": USAGE}
    deltas, ended = ask(httpx.Response(200, json=whole), call_of())
    assert [d.text for d in deltas] == ["Hi"]
    assert (ended.finish_reason, ended.model, ended.usage) == ("stop", "m-2", Usage(tokens_in=7, tokens_out=3))


def test_streaming_refused_to_the_account_is_asked_again_unstreamed() -> None:
    bodies: list[dict[str, Any]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        bodies.append(json.loads(request.content))
        if "stream" in bodies[-1]:
            return httpx.Response(400, json={"error": {"message": "Verify.", "param": "stream"}})
        return httpx.Response(200, json={"choices": [{"message": {"content": "Hi"}}]})

    assert text_of(ask(answer, call_of())[0]) == "Hi"
    assert len(bodies) == 2
    assert "stream_options" not in bodies[1]


@pytest.mark.parametrize(
    "body",
    [
        sse(chunk("Hello"), done=False),
        b"\xef\xbb\xbf" + sse(chunk("Hello")),
        sse(chunk("Hello")).replace(b"\n", b"\r\n"),
        b"id: 1\nretry: 500\nevent: message\n" + sse(chunk("Hello")),
        b": hi\n\n" + sse({"choices": []}, {"id": "x"}, chunk(None), chunk("Hello")),
        sse(chunk("Hello")) + sse(chunk("more")),
        sse({"choices": [{"index": 1, "delta": {"content": "no"}}, {"index": 0, "delta": {"content": "Hello"}}]}),
        sse(chunk("Hello"))[:-1],
        sse(chunk("Hello")).replace(b"\n\n", b"\n"),
        sse(chunk("Hello", finish="stop"), done=False) + b'data: {"cut',
        sse({"choices": [None]}, {"choices": 3}, {"choices": [{"delta": 3}]}, chunk(5), chunk("Hello")),
        sse(chunk("Hello"), {"choices": [], "usage": "none", "model": 5}),
    ],
)
def test_odd_but_readable_streams_are_read(body: bytes) -> None:
    assert text_of(ask(stream_of(body), call_of())[0]) == "Hello"


def test_characters_cut_into_two_escapes_are_joined_and_nul_is_dropped() -> None:
    body = sse(chunk("a\ud83d"), chunk("\ude00\x00b"), chunk("\ud83d"), chunk("c"))
    assert text_of(ask(stream_of(body), call_of())[0]) == "a😀b\N{REPLACEMENT CHARACTER}c"


def test_invalid_utf8_becomes_a_replacement_character() -> None:
    body = sse(chunk("aXb")).replace(b"X", b"\xff")
    assert text_of(ask(stream_of(body), call_of())[0]) == "a\N{REPLACEMENT CHARACTER}b"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"data: [DONE]\n\n",
        b"hello\n\n",
        b"data: {cut\n\n",
        b"data: 5\n\n",
        b"data: " + b"[" * 100_000 + b"\n\n",
        b'{"ok": true}',
    ],
)
def test_what_is_no_answer_is_called_unreadable(body: bytes) -> None:
    kind = "application/json" if body.startswith(b"{") else "text/event-stream"
    assert isinstance(refused(stream_of(body, content_type=kind)), BadAnswerError)


def test_a_line_above_the_limit_is_called_unreadable() -> None:
    assert isinstance(refused(stream_of(b"data: " + b"x" * (9 << 20))), BadAnswerError)


def test_a_gateways_page_with_status_200_is_an_outage() -> None:
    assert isinstance(refused(stream_of(b"<html>Sorry</html>", content_type="text/html")), ProviderDownError)


# Refusals


@pytest.mark.parametrize(
    ("provider_id", "error", "kind"),
    [
        ("openai", {"error": {"message": "Oops", "type": "server_error"}}, ProviderDownError),
        ("openrouter", chunk(finish="error", error={"code": 429, "message": "Slow"}), RateLimitedError),
        ("openrouter", chunk(finish="error", error={"code": 402, "message": "Pay"}), NoCreditError),
        ("groq", chunk(x_groq={"error": "over capacity"}), ProviderDownError),
        ("gemini", [{"error": {"code": 429, "message": "Slow", "status": "RESOURCE_EXHAUSTED"}}], RateLimitedError),
        ("openai", {"error": {"code": "insufficient_quota", "message": "No"}}, NoCreditError),
    ],
)
def test_an_error_in_the_middle_of_an_answer_is_raised_after_its_text(
    provider_id: str, error: object, kind: type[ProviderError]
) -> None:
    got: list[Delta] = []

    async def run() -> None:
        handler = httpx.MockTransport(lambda _request: stream_of(sse(chunk("a"), error)))
        async with make_http_client(transport=handler) as http:
            async for event in Wire(http).chat(call_of(provider_id)):
                assert isinstance(event, Delta)
                got.append(event)

    with pytest.raises(kind):
        asyncio.run(run())
    assert got == [Delta("a")]


@pytest.mark.parametrize("said", [{"object": "error", "message": "Oops"}, {"detail": "Oops"}])
def test_an_error_that_is_not_called_one_in_a_chunk_is_one(said: dict[str, object]) -> None:
    assert refused(stream_of(sse(chunk("a"), said)), "mistral").words == "Oops"


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ("m is overloaded", "Chutes: m is overloaded"),
        ('{"error": {"message": "m is overloaded", "code": "busy"}}', "Chutes: m is overloaded"),
        ("[5", "Chutes: [5"),
        ('{"error": {"message": "cut \ud83d', 'Chutes: {"error": {"message": "cut'),  # in the middle of an emoji
        ("", "Chutes: Provider returned error"),
    ],
)
def test_what_stood_behind_a_router_is_said_in_its_own_words(raw: str, words: str) -> None:
    said = error(code=429, message="Provider returned error", metadata={"raw": raw, "provider_name": "Chutes"})
    failure = refused(httpx.Response(429, text=json.dumps(said)), "openrouter")
    assert (type(failure), failure.words) == (RateLimitedError, words)


@pytest.mark.parametrize("code", [401, 402])
def test_what_another_says_of_a_routers_own_key_says_nothing_of_the_companys(code: int) -> None:
    raw = json.dumps({"error": {"code": code, "message": "User not found: insufficient credits"}})
    said = error(code="server_error", message="Provider returned error", metadata={"raw": raw})
    failure = refused(stream_of(sse(said)), "openrouter")
    assert type(failure) is ProviderDownError
    assert "User not found" in failure.words


def test_an_event_named_error_is_an_error_whatever_is_in_it() -> None:
    assert refused(stream_of(b'event: error\ndata: {"message": "Oops"}\n\n')).words == "Oops"
    assert refused(stream_of(b"event: error\ndata: Oops\n\n")).words == "Oops"


def error(**fields: object) -> dict[str, object]:
    return {"error": fields}


@pytest.mark.parametrize(
    ("provider_id", "status", "body", "kind"),
    [
        ("openai", 401, error(message="Incorrect API key provided", code="invalid_api_key"), KeyRejectedError),
        ("openai", 401, error(message="You have insufficient permissions. Missing scopes: x"), KeyLimitedError),
        ("openai", 429, error(message="Pay", code="insufficient_quota"), NoCreditError),
        ("openai", 429, error(message="Slow down"), RateLimitedError),
        ("openai", 404, error(message="No such model", code="model_not_found"), RefusedRequestError),
        ("gemini", 400, [error(code=400, message="x", details=[{"reason": "API_KEY_INVALID"}])], KeyRejectedError),
        ("gemini", 400, [error(code=400, message='Unknown name "x"', status="INVALID_ARGUMENT")], RefusedRequestError),
        ("mistral", 401, {"detail": "Unauthorized"}, KeyRejectedError),
        ("mistral", 422, {"object": "error", "message": {"detail": [{"msg": "extra"}]}}, RefusedRequestError),
        ("groq", 413, error(message="TPM", code="rate_limit_exceeded"), RateLimitedError),
        ("groq", 413, error(message="Too large"), RefusedRequestError),
        ("together", 403, error(message="Context too long"), RefusedRequestError),
        ("together", 402, error(message="Limit"), NoCreditError),
        ("openrouter", 401, error(code=401, message="User not found."), KeyRejectedError),
        ("nvidia", 403, {"status": 403, "title": "Forbidden", "detail": "Authorization failed"}, KeyRejectedError),
        ("nvidia", 404, {"detail": "Function 'f': Not found for account 'a'"}, KeyLimitedError),
        ("mistral", 422, {"detail": [{"type": "extra_forbidden", "msg": "extra"}]}, RefusedRequestError),
        ("local", 401, error(code=401, message="Invalid API Key", type="authentication_error"), KeyRejectedError),
        ("local", 503, error(code=503, message="Loading model"), ProviderDownError),
        ("openai", 529, error(message="Overloaded"), ProviderDownError),
    ],
)
def test_each_shape_of_refusal_becomes_its_error(
    provider_id: str, status: int, body: object, kind: type[ProviderError]
) -> None:
    failure = refused(httpx.Response(status, json=body), provider_id)
    assert type(failure) is kind
    assert failure.status == status


@pytest.mark.parametrize("status", [401, 403, 502])
def test_a_gateways_page_is_never_about_the_key(status: int) -> None:
    failure = refused(httpx.Response(status, html="<html><h1>Access denied</h1></html>"), "groq")
    assert type(failure) is ProviderDownError
    assert failure.words == ""


@pytest.mark.parametrize("body", [b"", b"{}", b"Unauthorized", b"{cut"])
def test_a_401_with_an_odd_body_is_no_rejection(body: bytes) -> None:
    assert type(refused(httpx.Response(401, content=body), "groq")) is BadAnswerError


def test_a_redirect_is_not_followed() -> None:
    assert isinstance(refused(httpx.Response(302, headers={"location": "https://evil.example"})), BadAnswerError)


def test_words_request_id_and_retry_after_are_carried() -> None:
    headers = {"request-id": "r-7", "retry-after-ms": "1500", "retry-after": "2"}
    failure = refused(httpx.Response(429, json=error(message="Slow  down\n"), headers=headers))
    assert (failure.words, failure.request_id, failure.retry_after) == ("Slow down", "r-7", 1.5)


def test_a_provider_may_say_that_asking_again_is_of_no_use() -> None:
    said = error(message="Slow")
    assert refused(httpx.Response(429, json=said, headers={"x-should-retry": "false"})).hopeless
    assert not refused(httpx.Response(429, json=said, headers={"x-should-retry": "true"})).hopeless
    assert not refused(httpx.Response(429, json=said)).hopeless


@pytest.mark.parametrize(
    ("detail", "words"),
    [({"msg": "extra"}, "extra"), ([{"msg": "extra"}, {"msg": "more"}], "extra"), ("plain", "plain")],
)
def test_words_are_found_at_any_depth(detail: object, words: str) -> None:
    assert (
        refused(httpx.Response(422, json={"object": "error", "message": {"detail": detail}}), "mistral").words == words
    )


@pytest.mark.parametrize("shape", ["{}", "Bad key {}.", "key={},"])
def test_a_key_that_the_provider_echoes_is_hidden_whatever_it_looks_like(shape: str) -> None:
    said = shape.format(SECRET)
    failure = refused(
        httpx.Response(401, json=error(message=said, code="invalid_api_key"), headers={"x-request-id": SECRET})
    )
    assert "canary" not in repr(failure) + str(failure) + failure.words + str(failure.request_id)
    assert "[hidden]" in failure.words


@pytest.mark.parametrize("piece", [slice(None), slice(0, 8), slice(-8, None), slice(9, 23)])
def test_a_key_that_the_provider_gives_back_as_an_id_is_not_taken_for_one(piece: slice) -> None:
    secret = "".join(f"{number}aB" for number in range(11))  # letters and digits alone: it could be an id
    auth = key_auth(CATALOGUE.get("mistral"), secret)
    said = error(message="No.") | {"request_id": secret[piece]}
    failure = refused(httpx.Response(401, json=said), "mistral", auth=auth)
    assert failure.request_id is None
    assert refused(httpx.Response(401, json=said | {"request_id": "7f3a"}), "mistral", auth=auth).request_id == "7f3a"


def test_a_key_that_does_not_open_passes_through_unchanged_and_nothing_is_sent() -> None:
    def broken() -> str:
        raise KeyUnreadableError

    def answer(_request: httpx.Request) -> httpx.Response:
        raise AssertionError("something was sent")

    auth = KeyAuth(broken, header="Authorization", prefix="Bearer ")
    with pytest.raises(KeyUnreadableError):
        ask(answer, call_of(auth=auth))


def test_anthropic_is_refused_before_anything_is_sent() -> None:
    with pytest.raises(RefusedRequestError, match="OpenAI-compatible"):
        ask(stream_of(HELLO), call_of("anthropic"))


def test_what_httpx_knew_of_the_request_is_not_carried_along() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadError(f"broke with {SECRET}", request=request)

    with pytest.raises(ProviderError) as caught:
        ask(answer, call_of())
    assert SECRET not in str(caught.value)
    assert caught.value.__context__ is None
    assert caught.value.__cause__ is None
