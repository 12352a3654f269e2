"""The stream that tells a Usage page of changes: to whom, about what, and when it ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from uuid import UUID

import httpx
import pytest
import sqlalchemy as sa
from starlette.applications import Starlette

from byok.core import ledger
from byok.core.model_names import ModelName
from byok.ground.clock import utc_now
from byok.ground.ids import new_id
from byok.services.access import Actor
from tests.pages.front import Front, empty_house, front
from web import usage_stream
from web.house import COOKIE, house

HERE = "http://127.0.0.1:8501"


@pytest.fixture(scope="module")
def house_front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    with empty_house(tmp_path_factory.mktemp("holder")), front(tmp_path_factory.mktemp("home")) as one:
        one.sign_in(None)
        yield one


def token_of(house_front: Front, username: str) -> str:
    house_front.sign_in(username)
    token = house().token()
    house_front.sign_in(None)
    assert token is not None
    return token


def call(since: str, *, cookie: str = "") -> httpx.Response:
    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(Starlette(routes=usage_stream.ROUTES))
        async with httpx.AsyncClient(transport=transport, base_url=HERE) as client:
            headers = {"cookie": f"{COOKIE}={cookie}"} if cookie else {}
            return await client.get(usage_stream.PATH, params={"since": since}, headers=headers)

    return asyncio.run(ask())


def reserve(connection: sa.Connection, actor: Actor, model: str = "byok:openai/gpt-5.4") -> UUID:
    return ledger.reserve(
        connection,
        company_id=actor.company_id,
        person_id=actor.person_id,
        process_id=new_id(),
        name=ModelName.parse(model),
        at=utc_now(),
        plan_messages=10_000,
    )


def book(house_front: Front, username: str) -> None:
    """Reserves and settles an attempt of that person's."""
    with house_front.bench.db.write_core() as connection:
        attempt_id = reserve(connection, house_front.actor(username))
        ledger.settle(connection, attempt_id, ledger.Outcome("complete", answered=True), at=utc_now())


async def next_of(events: AsyncIterator[str]) -> str:
    return await asyncio.wait_for(anext(events), timeout=10)


def test_without_a_session_there_is_no_stream(house_front: Front) -> None:
    for cookie in ("", "made-up"):
        assert call("0", cookie=cookie).status_code == 401


@pytest.mark.parametrize("since", ["", "x", "-1", "1.5", "9" * 19, "٣"])
def test_what_is_no_version_is_refused_plainly(house_front: Front, since: str) -> None:
    assert call(since, cookie=token_of(house_front, "ada")).status_code == 400


def test_a_page_that_is_behind_hears_the_version_at_once_and_again_at_each_change(house_front: Front) -> None:
    ada = house_front.actor("ada")
    usage = house_front.bench.usage

    async def read() -> None:
        events = usage_stream.events(token_of(house_front, "ada"), ada, usage.version(ada) + 1, poll=0.02)
        assert await next_of(events) == f"data: {usage.version(ada)}\n\n"
        for _ in range(2):
            book(house_front, "ada")
            assert await next_of(events) == f"data: {usage.version(ada)}\n\n"
        await events.aclose()

    asyncio.run(read())


def test_a_members_version_says_nothing_of_what_others_ask_over_the_companys_keys(house_front: Front) -> None:
    usage, max_ = house_front.bench.usage, house_front.actor("max")
    before = usage.version(max_)
    book(house_front, "ada")
    assert usage.version(max_) == before


@pytest.mark.parametrize("model", ["byok:openai/gpt-5.4", "plan:local/smollm2-135m-instruct"])
def test_each_step_of_a_members_own_question_is_a_change_even_where_a_message_is_given_back(
    house_front: Front, model: str
) -> None:
    usage, max_, seen = house_front.bench.usage, house_front.actor("max"), []
    seen.append(usage.version(max_))
    with house_front.bench.db.write_core() as connection:
        attempt_id = reserve(connection, max_, model)
    seen.append(usage.version(max_))
    with house_front.bench.db.write_core() as connection:
        ledger.settle(connection, attempt_id, ledger.Outcome("error", answered=False), at=utc_now())
    assert len({*seen, usage.version(max_)}) == 3


def test_another_companys_answers_are_no_news(house_front: Front) -> None:
    ada = house_front.actor("ada")

    async def read() -> None:
        version = house_front.bench.usage.version(ada)
        events = usage_stream.events(token_of(house_front, "ada"), ada, version, poll=0.02, beat=0.2)
        book(house_front, "bea")
        assert await next_of(events) == ": still here\n\n"
        await events.aclose()

    asyncio.run(read())


def test_it_ends_when_its_reader_signs_out(house_front: Front) -> None:
    ada, token = house_front.actor("ada"), token_of(house_front, "ada")

    async def read() -> list[str]:
        house_front.bench.sessions.end(token)
        events = usage_stream.events(token, ada, house_front.bench.usage.version(ada), look_again=0.05, poll=0.02)
        return [event async for event in events]

    assert asyncio.run(asyncio.wait_for(read(), timeout=10)) == []


def test_it_ends_when_the_process_is_told_to_stop(house_front: Front) -> None:
    ada, token = house_front.actor("ada"), token_of(house_front, "ada")
    house().leaving = True
    try:
        answer = call(str(house_front.bench.usage.version(ada)), cookie=token)
    finally:
        house().leaving = False
    assert (answer.status_code, answer.text) == (200, "")
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert (answer.headers["cache-control"], answer.headers["x-accel-buffering"]) == ("no-store", "no")
