"""Lists of models: wrapped, paged and filtered as each provider's habits say."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal

import httpx
import pytest

from byok.core.wire import ModelInfo, Wire, make_http_client
from byok.ground.errors import BadAnswerError, KeyRejectedError, ProviderDownError
from tests.wire_tools import CATALOGUE, SECRET, key_auth

PLACES = {
    "gemini": "https://generativelanguage.googleapis.com/v1beta/models",
    "openrouter": "https://openrouter.ai/api/v1/models/user",
    "together": "https://api.together.ai/v1/models",
}


def models(
    provider_id: str, answer: httpx.Response | Callable[[httpx.Request], httpx.Response]
) -> tuple[ModelInfo, ...]:
    provider = CATALOGUE.get(provider_id)

    def handle(request: httpx.Request) -> httpx.Response:
        place = PLACES.get(provider_id, f"{provider.base_url}/models")
        assert str(request.url).partition("?")[0] == place
        assert SECRET in str(request.headers.raw)
        return answer(request) if callable(answer) else answer

    async def run() -> tuple[ModelInfo, ...]:
        async with make_http_client(transport=httpx.MockTransport(handle)) as http:
            return await Wire(http).models(provider, base_url=provider.base_url, auth=key_auth(provider))

    return asyncio.run(run())


def ids(provider_id: str, body: object) -> list[str]:
    return [m.id for m in models(provider_id, httpx.Response(200, json=body))]


@pytest.mark.parametrize(
    ("provider_id", "body", "kept"),
    [
        (
            "openai",
            {"data": [{"id": i} for i in ("gpt-6-luna", "gpt-6-luna-pro", "o9-codex", "tts-1", "text-embedding-3")]},
            ["gpt-6-luna"],
        ),
        (
            "gemini",
            {
                "models": [
                    {"name": "models/gemini-4-argon", "supportedGenerationMethods": ["generateContent"]},
                    {"name": "models/gemini-4-image", "supportedGenerationMethods": ["generateContent"]},
                    {"name": "models/embed-9", "supportedGenerationMethods": ["embedContent"]},
                ]
            },
            ["gemini-4-argon"],
        ),
        (
            "mistral",
            {
                "data": [
                    {"id": "mistral-small-latest", "capabilities": {"completion_chat": True}},
                    {"id": "mistral-ocr", "capabilities": {"completion_chat": False}},
                    {"id": "old", "capabilities": {"completion_chat": True}, "archived": True},
                ]
            },
            ["mistral-small-latest"],
        ),
        (
            "groq",
            {"data": [{"id": "openai/gpt-oss-20b", "active": True}, {"id": "x", "active": False}, {"id": "whisper-9"}]},
            ["openai/gpt-oss-20b"],
        ),
        ("together", [{"id": "a", "type": "chat"}, {"id": "b", "type": "image"}], ["a"]),
        (
            "openrouter",
            {
                "data": [
                    {"id": "a", "architecture": {"output_modalities": ["text"]}},
                    {"id": "a:batch", "architecture": {"output_modalities": ["text"]}},
                    {"id": "b", "architecture": {"output_modalities": ["image"]}},
                ]
            },
            ["a"],
        ),
        ("nvidia", {"data": [{"id": "meta/m"}, {"id": "meta/m"}, {"id": "nvidia/embed-9"}]}, ["meta/m"]),
        ("local", {"data": [{"id": "smollm2-135m-instruct"}]}, ["smollm2-135m-instruct"]),
    ],
)
def test_only_chat_models_are_kept_each_once(provider_id: str, body: object, kept: list[str]) -> None:
    assert ids(provider_id, body) == kept


def test_anthropic_pages_by_its_last_id() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.params.get("after_id") == "a/ 1":
            return httpx.Response(200, json={"data": [{"id": "b"}], "has_more": False})
        row = {"id": "a", "display_name": "Claude A", "max_input_tokens": 200000}
        return httpx.Response(200, json={"data": [row], "has_more": True, "last_id": "a/ 1"})

    assert models("anthropic", answer) == (ModelInfo("a", "Claude A", 200000), ModelInfo("b", "b"))


def gemini_page(name: str | None, token: str | None) -> httpx.Response:
    row = {
        "name": f"models/gemini-{name}",
        "displayName": "Gemini",
        "inputTokenLimit": 1000,
        "supportedGenerationMethods": ["generateContent"],
    }
    return httpx.Response(200, json={"models": [row] if name else [], "nextPageToken": token})


def test_gemini_pages_by_its_token_through_an_empty_page_as_well() -> None:
    pages = {None: gemini_page("1", "t1"), "t1": gemini_page(None, "t2"), "t2": gemini_page("2", None)}
    found = models("gemini", lambda request: pages[request.url.params.get("pageToken")])
    assert [model.id for model in found] == ["gemini-1", "gemini-2"]


@pytest.mark.parametrize(("tokens", "asked"), [(itertools.count(), 20), (itertools.repeat("same"), 2)])
def test_a_list_that_never_ends_is_an_error_and_not_a_list_that_was_cut(tokens: Iterator[object], asked: int) -> None:
    pages: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        pages.append(request)
        return gemini_page(str(len(pages)), f"t{next(tokens)}")

    with pytest.raises(BadAnswerError, match="did not come to an end"):
        models("gemini", answer)
    assert len(pages) == asked


@pytest.mark.parametrize("token", ["\ud800", "a\x00b", "x" * 100_000])
def test_a_page_that_cannot_be_asked_for_is_no_end_of_the_list(token: str) -> None:
    after_id = {"data": [{"id": "a"}], "has_more": True, "last_id": token}
    for provider, page in (("gemini", {"models": [], "nextPageToken": token}), ("anthropic", after_id)):
        said = json.dumps(page).encode()  # httpx itself writes no half of a surrogate pair
        with pytest.raises(BadAnswerError, match="did not come to an end"):
            models(provider, httpx.Response(200, content=said))


def test_prices_are_in_usd_for_a_million_tokens_and_a_router_has_none() -> None:
    text = {"output_modalities": ["text"]}
    rows = [
        {"id": "a", "architecture": text, "pricing": {"prompt": "0.0000025", "completion": "0.00001"}},
        {"id": "free", "architecture": text, "pricing": {"prompt": "0", "completion": "0"}},
        {"id": "auto", "architecture": text, "pricing": {"prompt": "-1", "completion": "-1"}},
    ]
    a, free, auto = models("openrouter", httpx.Response(200, json={"data": rows}))
    assert (a.price_in, a.price_out) == (Decimal("2.5"), Decimal(10))
    assert (free.price_in, auto.price_in) == (Decimal(0), None)
    row = {"id": "t", "type": "chat", "pricing": {"input": 0.18, "output": 0.59}, "context_length": 4096}
    (t,) = models("together", httpx.Response(200, json=[row]))
    assert (t.price_in, t.price_out, t.context) == (Decimal("0.18"), Decimal("0.59"), 4096)


def test_prices_of_long_questions_are_read_where_a_list_has_them() -> None:
    pricing = {
        "prompt": "0.00000125",
        "completion": "0.00001",
        "overrides": [
            {"min_prompt_tokens": 200_000, "prompt": "0.0000025", "completion": "0.000015"},
            {"min_prompt_tokens": 100_000, "prompt": "0.000002"},
            {"hours": [0, 6], "prompt": "0.0000001"},
        ],
    }
    row = {"id": "a", "architecture": {"output_modalities": ["text"]}, "pricing": pricing}
    (a,) = models("openrouter", httpx.Response(200, json={"data": [row]}))
    assert [a.prices_at(tokens) for tokens in (99_999, 100_000, 199_999, 200_000)] == [
        (Decimal("1.25"), Decimal(10)),
        (Decimal(2), Decimal(10)),
        (Decimal(2), Decimal(10)),
        (Decimal("2.5"), Decimal(15)),
    ]
    assert ModelInfo.from_json(a.to_json()) == a


@pytest.mark.parametrize(
    "override", [{"min_prompt_tokens": 5, "prompt": "-1"}, {"min_prompt_tokens": "5"}, {"min_prompt_tokens": True}]
)
def test_a_price_of_long_questions_that_cannot_be_read_leaves_no_price_at_all(override: dict[str, object]) -> None:
    pricing = {"prompt": "0.00000125", "completion": "0.00001", "overrides": [override]}
    row = {"id": "a", "architecture": {"output_modalities": ["text"]}, "pricing": pricing}
    (a,) = models("openrouter", httpx.Response(200, json={"data": [row]}))
    assert (a.price_in, a.price_out, a.tiers) == (None, None, ())


def test_the_name_that_a_customer_gave_a_model_does_not_hide_it() -> None:
    rows = [{"id": one} for one in ("ft:gpt-6-luna:olive-bank::x", "ft:gpt-6-luna-tts:acme::y", "gpt-6-live")]
    assert ids("openai", {"data": rows}) == ["ft:gpt-6-luna:olive-bank::x"]


def test_a_page_is_asked_for_whether_or_not_the_path_has_a_query() -> None:
    provider = CATALOGUE.get("groq").model_copy(update={"models_pages": "after_id", "models_path": "models"})
    asked: list[str] = []

    def handle(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.raw_path.decode())
        more = {"has_more": True, "last_id": "a"} if len(asked) == 1 else {"has_more": False}
        return httpx.Response(200, json={"data": [{"id": f"m{len(asked)}"}], **more})

    async def run() -> int:
        async with make_http_client(transport=httpx.MockTransport(handle)) as http:
            return len(await Wire(http).models(provider, base_url=provider.base_url, auth=key_auth(provider)))

    assert asyncio.run(run()) == 2
    assert asked == ["/openai/v1/models", "/openai/v1/models?after_id=a"]


@pytest.mark.parametrize(
    ("request_price", "known"),
    [
        ("0", (Decimal("2.5"), Decimal(10), None)),
        ("0.005", (Decimal("2.5"), Decimal(10), Decimal("0.005"))),
        (0.018, (Decimal("2.5"), Decimal(10), Decimal("0.018"))),
        ("-1", (None, None, None)),
        ({"min": 1}, (None, None, None)),  # it costs something, and nobody can tell what
    ],
)
def test_what_each_request_costs_beside_its_tokens_is_read(
    request_price: object, known: tuple[Decimal | None, ...]
) -> None:
    pricing = {"prompt": "0.0000025", "completion": "0.00001", "request": request_price, "web_search": "0.01"}
    row = {"id": "a", "architecture": {"output_modalities": ["text"]}, "pricing": pricing}
    (a,) = models("openrouter", httpx.Response(200, json={"data": [row]}))
    assert (a.price_in, a.price_out, a.price_request) == known


def test_a_price_of_nothing_that_means_an_endpoint_of_ones_own_is_no_price() -> None:
    row = {"id": "t", "type": "chat", "pricing": {"hourly": 0, "input": 0, "output": 0}}
    (t,) = models("together", httpx.Response(200, json=[row]))
    assert (t.price_in, t.price_out) == (None, None)


@pytest.mark.parametrize(
    ("value", "day"),
    [("2027-01-14", date(2027, 1, 14)), ("2027-01-14T00:00:00Z", date(2027, 1, 14)), (None, None), ("soon", None)],
)
def test_the_day_of_retirement_is_read_where_it_is_one(value: object, day: date | None) -> None:
    (model,) = models("openai", httpx.Response(200, json={"data": [{"id": "gpt-6", "shutdown_date": value}]}))
    assert model.retires == day


def test_odd_rows_are_passed_over() -> None:
    rows = [
        None,
        5,
        {},
        {"id": 5},
        {"id": ""},
        {"id": "x\ny"},
        {"id": "x" * 300},
        {"id": "fine", "context_window": "?"},
    ]
    assert models("groq", httpx.Response(200, json={"data": rows})) == (ModelInfo("fine", "fine"),)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (httpx.Response(200, json={"models": []}), BadAnswerError),
        (httpx.Response(200, text="hello"), BadAnswerError),
        (httpx.Response(200, json={"data": {}}), BadAnswerError),
        (httpx.Response(401, json={"error": {"message": "No", "code": "invalid_api_key"}}), KeyRejectedError),
        (httpx.Response(502, text="bad gateway"), ProviderDownError),
    ],
)
def test_no_list_is_an_error_and_not_an_empty_menu(answer: httpx.Response, kind: type[Exception]) -> None:
    with pytest.raises(kind):
        models("openai", answer)


def test_a_model_survives_the_way_to_json_and_back() -> None:
    full = ModelInfo("a", "A", 4096, Decimal("0.18"), Decimal(0), date(2027, 1, 14), Decimal("0.005"))
    assert ModelInfo.from_json(full.to_json()) == full
    assert ModelInfo("a", "A").to_json() == {"id": "a", "name": "A"}
