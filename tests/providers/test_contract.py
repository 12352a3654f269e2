"""What the product keeps with every provider, whatever its habits: one suite, eight servers, real sockets."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import pytest

from byok.core.wire import Delta, Usage
from byok.ground.errors import ByokError, ProviderError
from tests.providers.behaviour import MODEL, TEXT
from tests.providers.nvidia import TICKET
from tests.providers.table import EVERYBODYS, happens
from tests.providers.world import BEHAVIOURS, CATALOGUE, World, world

ALL = list(BEHAVIOURS)
CHATS = [one for one in ALL if CATALOGUE.get(one).chat]
PROOFS = {
    "openai": "GET /models 200",
    "gemini": "GET /models 200",
    "mistral": "GET /models 200",
    "groq": "GET /models 200",
    "together": "GET /whoami 200",
    "openrouter": "GET /key 200",
    "anthropic": "GET /models 200",
    "nvidia": "POST /chat/completions 200",
}
TOKEN_FIELDS = {"openai": "max_completion_tokens", "groq": "max_completion_tokens"}  # all others: max_tokens
COMMON = {"model", "messages", "stream"}
REASONS = {"mistral", "groq", "nvidia"}
SITUATIONS = sorted(EVERYBODYS | {"restricted key", "no credit", "blocked region", "too long"})


@pytest.fixture
def here(request: pytest.FixtureRequest) -> Iterator[World]:
    with world(request.param) as one:
        yield one


def words_of(error: ByokError) -> str:
    return f"{error} {error!r} {vars(error)}"


@pytest.mark.parametrize("here", ALL, indirect=True)
def test_a_right_key_is_accepted_by_the_call_that_proves_it_and_says_what_that_leaves_open(here: World) -> None:
    finding = here.check()
    assert (finding.verdict, finding.proof) == ("accepted", PROOFS[here.provider.id])
    assert finding.not_proven == here.provider.not_proven != ""
    assert finding.detail == f"{here.provider.name} accepted the key."
    assert (finding.request_id is None) == (here.provider.id == "gemini")  # it sends none


@pytest.mark.parametrize("here", ALL, indirect=True)
def test_the_key_goes_out_in_one_header_and_nowhere_else(here: World) -> None:
    here.check()
    if here.provider.chat:
        here.chat()
    assert here.server.requests
    for request in here.server.requests:
        carrying = [name for name, value in request.headers.items() if here.key in value]
        assert len(carrying) == 1, (request.path, carrying)
        assert here.key not in f"{request.path} {request.query} {request.body}"


@pytest.mark.parametrize("here", ALL, indirect=True)
def test_a_wrong_key_is_rejected_with_the_way_to_a_new_one_and_without_its_words(here: World) -> None:
    here.in_situation("wrong key")
    finding = here.check()
    assert finding.verdict == "rejected"
    assert finding.link == here.provider.key_page
    assert finding.next_step == "Copy the key again from the provider's page, or make a new one there."
    assert here.key not in repr(finding)
    assert here.key[:12] not in repr(finding)


@pytest.mark.parametrize("here", ALL, indirect=True)
def test_only_chat_models_are_listed_each_once_with_what_the_list_tells_of_them(here: World) -> None:
    models = here.models()
    ids = [model.id for model in models]
    if here.provider.id == "anthropic":
        assert ids == [f"claude-{number}" for number in range(1, 26)]
    else:
        assert ids == [MODEL, "m-small"]
    tells_context = here.provider.model_context is not None
    assert all((model.context is not None) == tells_context for model in models)
    prices = {(model.price_in, model.price_out) for model in models}
    known = (Decimal("0.6"), Decimal("1.8"))
    assert prices == {known if here.provider.model_prices != "none" else (None, None)}


@pytest.mark.parametrize("here", ["anthropic", "gemini"], indirect=True)
def test_a_list_is_read_over_all_its_pages(here: World) -> None:
    paged = {"anthropic": "models?limit=10", "gemini": "../models?pageSize=1"}[here.provider.id]
    here.provider = here.provider.model_copy(update={"models_path": paged})
    assert len(here.models()) == (25 if here.provider.id == "anthropic" else 2)
    assert len(here.server.requests) == (3 if here.provider.id == "anthropic" else 4)


@pytest.mark.parametrize("here", CHATS, indirect=True)
def test_an_answer_is_read_whole_with_its_usage_its_end_and_reasoning_apart(here: World) -> None:
    deltas, end = here.chat()
    assert "".join(delta.text for delta in deltas) == "".join(TEXT)
    assert "".join(delta.reasoning for delta in deltas) == ("Hm." if here.provider.id in REASONS else "")
    cost = Decimal("0.00042") if here.provider.id == "openrouter" else None
    thought = 8 if here.provider.id == "gemini" else None
    assert end.usage == Usage(tokens_in=9, tokens_out=12, tokens_reasoning=thought, cost=cost)
    assert (end.finish_reason, end.model) == ("stop", MODEL)
    assert end.request_id == (None if here.provider.id == "gemini" else "req-chat")


@pytest.mark.parametrize("here", CHATS, indirect=True)
def test_no_field_goes_out_that_was_not_set(here: World) -> None:
    here.chat()
    (request,) = here.server.requests
    asked_for_usage = here.provider.stream_usage != "unasked"
    assert set(request.body) == COMMON | ({"stream_options"} if asked_for_usage else set())
    assert request.body["messages"] == [{"role": "user", "content": "Hello"}]


@pytest.mark.parametrize("here", CHATS, indirect=True)
def test_the_answer_length_and_the_temperature_go_out_under_the_names_that_the_provider_takes(here: World) -> None:
    here.chat(max_tokens=50, temperature=0.5)
    (request,) = here.server.requests
    assert request.body[TOKEN_FIELDS.get(here.provider.id, "max_tokens")] == 50
    assert request.body["temperature"] == 0.5
    assert len({"max_tokens", "max_completion_tokens"} & set(request.body)) == 1


@pytest.mark.parametrize("here", CHATS, indirect=True)
def test_seed_top_p_and_stop_go_out_under_the_names_that_the_provider_takes(here: World) -> None:
    here.chat(seed=7, top_p=0.5, stop=("END",))
    (request,) = here.server.requests
    its_seed = {"mistral": "random_seed"}.get(here.provider.id, "seed")
    set_ones = {name: value for name, value in request.body.items() if name not in COMMON | {"stream_options"}}
    assert set_ones == {its_seed: 7, "top_p": 0.5, "stop": ["END"]}


@pytest.mark.parametrize("here", CHATS, indirect=True)
def test_an_error_in_the_middle_keeps_the_text_before_it(here: World) -> None:
    here.in_situation("error in the stream")
    if here.provider.id == "mistral":  # says it by the finish reason alone
        deltas, end = here.chat()
        assert (deltas[-1], end.finish_reason) == (Delta(TEXT[0]), "error")
        return
    with pytest.raises(ProviderError) as broken:
        here.chat()
    assert broken.value.provider == here.provider.name
    heard = "".join(delta.text for delta in here.heard)
    assert heard.startswith(TEXT[0])
    assert "".join(TEXT).startswith(heard)


@pytest.mark.parametrize("situation", SITUATIONS)
@pytest.mark.parametrize("here", ALL, indirect=True)
def test_no_word_about_a_key_test_or_a_question_holds_the_key(here: World, situation: str) -> None:
    assert situation in EVERYBODYS or happens("openai", situation)
    here.in_situation(situation)
    finding = here.check()
    said = repr(finding)
    if here.provider.chat:
        try:
            said += repr(here.chat())
        except ByokError as error:
            said += words_of(error)
    assert here.key not in said
    assert here.key[:16] not in said
    assert finding.detail.endswith(".")
    assert finding.proof


@pytest.mark.parametrize("here", ALL, indirect=True)
def test_a_refusal_carries_the_providers_request_id_and_when_to_come_back(here: World) -> None:
    here.in_situation("rate limit with a time")
    finding = here.check()
    assert finding.verdict == "rate_limited"
    if here.provider.id != "gemini":  # it sends none
        assert finding.request_id == "req-error"
    if here.provider.chat:
        with pytest.raises(ProviderError) as limited:
            here.chat()
        assert limited.value.retry_after == 7.0


def test_a_key_that_lacks_a_scope_is_told_which() -> None:
    with world("openai", "restricted key") as here:
        assert "Missing scopes: api.model.read" in here.check().detail


def test_streaming_that_is_refused_to_an_account_is_asked_for_once_more_unstreamed() -> None:
    with world("openai", "no streaming") as here:
        deltas, _ = here.chat()
        assert "".join(delta.text for delta in deltas) == "".join(TEXT)
        assert [request.body.get("stream") for request in here.server.requests] == [True, None]


def test_a_model_that_an_account_was_not_granted_does_not_speak_against_its_key() -> None:
    with world("nvidia", "model not granted") as here:
        assert here.check().verdict == "accepted"
        asked = [request.body["model"] for request in here.server.requests if request.method == "POST"]
        assert asked == list(here.provider.check_models[:2])


def test_an_answer_that_is_promised_is_fetched_at_the_same_origin_until_it_is_there() -> None:
    with world("nvidia", "queue") as here:
        deltas, end = here.chat()
        asked = [(request.method, request.path) for request in here.server.requests]
        assert asked == [("POST", "/v1/chat/completions"), *[("GET", f"/v1/status/{TICKET}")] * 2]
        assert "".join(delta.text for delta in deltas) == "".join(TEXT)
        assert end.finish_reason == "stop"


def test_a_promise_is_not_waited_for_longer_than_for_a_first_token() -> None:
    with world("nvidia", "queue") as here:
        here.provider = here.provider.model_copy(update={"first_token_timeout": 0.6})
        with pytest.raises(ProviderError, match="did not answer in time"):
            here.chat()


@pytest.mark.parametrize("provider_id", ["openrouter", "nvidia"])
def test_a_public_list_proves_nothing(provider_id: str) -> None:
    with world(provider_id, "wrong key") as here:
        here.provider = here.provider.model_copy(update={"models_path": "models"})
        assert here.models()
        assert here.check().verdict == "rejected"


def test_anthropic_is_not_asked_in_a_language_that_it_does_not_speak() -> None:
    with world("anthropic") as here:
        with pytest.raises(ByokError, match="does not speak the OpenAI-compatible protocol"):
            here.chat()
        assert here.server.requests == []
