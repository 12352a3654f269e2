"""The contract, as far as it can be asked of anybody, against servers that others wrote."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from byok.core.key_auth import AUTH_HEADERS, KeyAuth
from byok.core.wire import ChatCall, Delta, Ended, Finding, ModelInfo, Wire, make_http_client
from byok.ground.errors import ProviderError
from tests.providers.real_servers import RealServer, any_server, from_environment, litellm_proxy, llama
from tests.providers.world import BEHAVIOURS, CATALOGUE, made_up_key

QUESTION = [{"role": "user", "content": "Say hello in one short sentence."}]
LIVE = [pytest.param(one, marks=pytest.mark.live) for one in ("any", *BEHAVIOURS)]


@pytest.fixture(scope="module")
def built_in(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServer]:
    with llama(tmp_path_factory.mktemp("llama")) as server:
        yield server


@pytest.fixture(scope="module")
def proxy(built_in: RealServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServer]:
    with litellm_proxy(built_in, tmp_path_factory.mktemp("litellm")) as server:
        yield server


@pytest.fixture(
    params=["llama.cpp", pytest.param("litellm", marks=[pytest.mark.slow, pytest.mark.timeout(400)]), *LIVE]
)
def server(request: pytest.FixtureRequest) -> RealServer:
    named = {"llama.cpp": "built_in", "litellm": "proxy"}.get(request.param)
    if named is not None:
        found: RealServer = request.getfixturevalue(named)
        return found
    return any_server() if request.param == "any" else from_environment(request.param)


def auth(server: RealServer, key: str) -> KeyAuth:
    header, prefix = AUTH_HEADERS[server.provider.auth]
    return KeyAuth(lambda: key, header=header, prefix=prefix)


def check(server: RealServer, key: str) -> Finding:
    async def run() -> Finding:
        async with make_http_client() as http:
            return await Wire(http).check(server.provider, base_url=server.provider.base_url, auth=auth(server, key))

    return asyncio.run(run())


def models(server: RealServer) -> tuple[ModelInfo, ...]:
    async def run() -> tuple[ModelInfo, ...]:
        async with make_http_client() as http:
            its = auth(server, server.key)
            return await Wire(http).models(server.provider, base_url=server.provider.base_url, auth=its)

    return asyncio.run(run())


def chat(server: RealServer, *, key: str = "", stop_after: int | None = None) -> list[Delta | Ended]:
    if not server.provider.chat:
        pytest.skip(f"{server.provider.name} is not chatted with")
    call = ChatCall(
        provider=server.provider,
        base_url=server.provider.base_url,
        model=server.model or models(server)[0].id,
        messages=QUESTION,
        auth=auth(server, key or server.key),
        max_tokens=60,
    )

    async def run() -> list[Delta | Ended]:
        got: list[Delta | Ended] = []
        async with make_http_client() as http:
            answer = Wire(http).chat(call)
            async for event in answer:
                got.append(event)
                if len(got) == stop_after:
                    await answer.aclose()
                    break
        return got

    return asyncio.run(run())


def test_its_key_is_accepted(server: RealServer) -> None:
    finding = check(server, server.key)
    assert finding.verdict in ("accepted", "no_credit", "limited"), finding
    assert finding.proof.endswith(" 200") or finding.verdict != "accepted"


def test_a_wrong_key_is_never_accepted(server: RealServer) -> None:
    wrong = made_up_key()
    finding = check(server, wrong)
    assert finding.verdict != "accepted"
    assert finding.verdict == "rejected" or not server.rejects
    assert wrong not in repr(finding)


def test_its_models_are_listed(server: RealServer) -> None:
    listed = models(server)
    assert listed
    assert not server.model or server.model in [model.id for model in listed]


def test_an_answer_is_streamed_and_counted(server: RealServer) -> None:
    *deltas, end = chat(server)
    assert isinstance(end, Ended)
    text = "".join(one.text + one.reasoning for one in deltas if isinstance(one, Delta))
    assert text.strip()
    assert len(deltas) > 1
    assert end.finish_reason in ("stop", "length")
    assert end.usage is not None
    assert (end.usage.tokens_in or 0) > 0
    assert (end.usage.tokens_out or 0) > 0


def test_an_answer_that_is_stopped_midway_leaves_the_server_ready_for_the_next(server: RealServer) -> None:
    assert len(chat(server, stop_after=1)) == 1
    assert isinstance(chat(server)[-1], Ended)


def test_a_question_with_a_wrong_key_is_refused(server: RealServer) -> None:
    with pytest.raises(ProviderError):
        chat(server, key=made_up_key())


def test_the_catalogue_knows_every_provider_that_can_be_asked_live() -> None:
    assert all(CATALOGUE.get(one) for one in BEHAVIOURS)
