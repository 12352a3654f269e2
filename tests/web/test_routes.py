"""The app's own routes: who may call them, from where, and what a cookie from them is like."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from uuid import UUID

import httpx
import pytest
from sqlmodel import select
from starlette.applications import Starlette

from byok.core.job import Job
from byok.core.wire import ChatCall
from byok.ground.errors import LocalModelError
from byok.ground.ids import new_id
from byok.ground.tables import Answer, Conversation
from tests.pages.front import Front, empty_house, front
from web import session_routes, stream
from web.house import COOKIE, house

HERE = "http://127.0.0.1:8501"
FOREIGN = [{}, {"origin": "http://evil.example"}, {"origin": "null"}, {"origin": "http://127.0.0.1:8502"}]


@pytest.fixture(scope="module")
def house_front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    with empty_house(tmp_path_factory.mktemp("holder")), front(tmp_path_factory.mktemp("home")) as one:
        one.sign_in(None)
        yield one


def call(method: str, path: str, *, body: bytes = b"", cookie: str = "", **headers: str) -> httpx.Response:
    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(Starlette(routes=[*session_routes.ROUTES, *stream.ROUTES]))
        async with httpx.AsyncClient(transport=transport, base_url=HERE) as client:
            sent = headers | ({"cookie": f"{COOKIE}={cookie}"} if cookie else {})
            return await client.request(method, path, content=body, headers=sent)

    return asyncio.run(ask())


def ticket_of(house_front: Front, username: str) -> bytes:
    person_id = house_front.actor(username).person_id
    assert person_id is not None
    return b'{"ticket": "%s"}' % house_front.bench.sessions.issue_ticket(person_id).encode()


def token_of(house_front: Front, username: str) -> str:
    opened = call("POST", "/app/session", body=ticket_of(house_front, username), origin=HERE)
    assert opened.status_code == 204
    return opened.cookies[COOKIE]


@pytest.mark.parametrize("headers", FOREIGN)
@pytest.mark.parametrize("path", ["/app/session", "/app/sign-out"])
def test_a_request_that_another_site_sent_is_refused_and_changes_nothing(
    house_front: Front, headers: dict[str, str], path: str
) -> None:
    token, ticket = token_of(house_front, "ada"), ticket_of(house_front, "max")
    assert call("POST", path, body=ticket, cookie=token, **headers).status_code == 403
    assert house_front.bench.sessions.whois(token) is not None
    assert call("POST", "/app/session", body=ticket, origin=HERE).status_code == 204  # it was not used up


def test_a_ticket_opens_one_session_and_no_second(house_front: Front) -> None:
    ticket = ticket_of(house_front, "ada")
    assert call("POST", "/app/session", body=ticket, origin=HERE).status_code == 204
    again = call("POST", "/app/session", body=ticket, origin=HERE)
    assert (again.status_code, "set-cookie" in again.headers) == (403, False)


def test_a_tab_learns_who_is_behind_its_cookie_or_that_nobody_is_and_which_process_says_so(house_front: Front) -> None:
    token = token_of(house_front, "max")
    asked = call("GET", "/app/session", cookie=token)
    assert (asked.json(), asked.headers["cache-control"]) == (
        {"person": str(house_front.actor("max").person_id), "process": house().mark},
        "no-store",
    )
    house_front.bench.sessions.end(token)
    assert call("GET", "/app/session", cookie=token).json() == {"person": None, "process": house().mark}
    assert call("GET", "/app/session").json() == {"person": None, "process": house().mark}


@pytest.mark.parametrize(("proto", "secure"), [("http", False), ("https", True)])
def test_behind_tls_the_cookie_is_secure(house_front: Front, proto: str, secure: bool) -> None:
    opened = call(
        "POST",
        "/app/session",
        body=ticket_of(house_front, "ada"),
        **{"origin": HERE.replace("http", proto), "x-forwarded-proto": proto},
    )
    flags = opened.headers["set-cookie"].lower()
    assert "httponly" in flags
    assert "samesite=strict" in flags
    assert ("; secure" in flags) is secure


@pytest.mark.parametrize(
    ("body", "status"), [(b"", 400), (b"[]", 400), (b"\xff", 400), (b"[" * 4000, 400), (b"x" * 5000, 413)]
)
def test_a_body_that_is_no_ticket_is_refused_plainly(house_front: Front, body: bytes, status: int) -> None:
    assert call("POST", "/app/session", body=body, origin=HERE).status_code == status


def test_signing_out_ends_the_session_in_the_database(house_front: Front) -> None:
    token = token_of(house_front, "ada")
    assert call("POST", "/app/sign-out", cookie=token, origin=HERE).status_code == 204
    assert house_front.bench.sessions.whois(token) is None


def test_the_stream_is_for_the_author_alone_until_it_is_shared(house_front: Front) -> None:
    answer = house_front.rows(Answer)[0]
    path = f"/app/stream?turns={answer.turn_id}.1"
    assert call("GET", path).status_code == 401
    assert call("GET", path, cookie="made-up").status_code == 401
    for stranger in ("max", "bea", "finn"):
        assert call("GET", path, cookie=token_of(house_front, stranger)).status_code == 404
    own = call("GET", path, cookie=token_of(house_front, "ada"))
    assert own.headers["content-type"].startswith("text/event-stream")
    assert "event: bye" in own.text
    mixed = call("GET", f"{path},{new_id()}.1", cookie=token_of(house_front, "ada"))
    assert mixed.status_code == 404
    (conversation,) = (one for one in house_front.rows(Conversation) if one.sample)
    ada = house_front.actor("ada")
    house_front.bench.conversations.share(ada, conversation.id, shared=True)
    assert call("GET", path, cookie=token_of(house_front, "max")).status_code == 200
    assert call("GET", path, cookie=token_of(house_front, "bea")).status_code == 404
    house_front.bench.conversations.share(ada, conversation.id, shared=False)
    assert call("GET", path, cookie=token_of(house_front, "max")).status_code == 404


@pytest.mark.parametrize("wanted", ["", "0", "a,b", f"{UUID(int=1)}", f"{UUID(int=1)}.", f"{UUID(int=1)}.x", "1.1"])
def test_what_is_no_message_is_refused_plainly(house_front: Front, wanted: str) -> None:
    assert call("GET", f"/app/stream?turns={wanted}", cookie=token_of(house_front, "ada")).status_code == 400


def test_a_stream_ends_when_its_reader_signs_out(house_front: Front) -> None:
    ada, token = house_front.actor("ada"), token_of(house_front, "ada")
    with house_front.bench.db.write() as session:
        kept = session.exec(select(Answer)).first()
        assert kept is not None
        answer_id, kept.state, kept.process_id = kept.id, "running", house_front.bench.lease.id

    async def read() -> list[str]:
        got = []
        async for event in stream.events(token, ada, [answer_id], look_again=0.05):
            got.append(event)
            house_front.bench.sessions.end(token)
        return got

    got = asyncio.run(asyncio.wait_for(read(), 20))
    assert got
    assert not any("bye" in event for event in got)


def test_a_stream_ends_when_its_conversation_is_no_longer_shared(house_front: Front) -> None:
    ada, colleague, token = house_front.actor("ada"), house_front.actor("max"), token_of(house_front, "max")
    runner, gate = house_front.bench.runner, threading.Event()
    with house_front.bench.db.write() as session:
        (conversation,) = session.exec(select(Conversation).where(Conversation.sample)).all()
        shared, kept = conversation.id, session.exec(select(Answer)).all()[0]
        answer_id, kept.state, kept.process_id = kept.id, "running", runner.enlist()
    share = house_front.bench.conversations.share
    share(ada, shared, shared=True)

    def get_ready() -> ChatCall:
        gate.wait(20)
        raise LocalModelError("It did not start.")

    live = runner.submit(Job(new_id(), ada.company_id, get_ready, answer_id))
    live.add(text="Once")

    async def read() -> list[str]:
        got = []
        async for event in stream.events(token, colleague, [answer_id], look_again=0.01):
            got.append(event)
            if "upon" in event:
                break
            await asyncio.to_thread(share, ada, shared, shared=False)
            live.add(text=" upon a time")
        return got

    got = asyncio.run(asyncio.wait_for(read(), 20))
    gate.set()
    assert ["Once" in event for event in got] == [True]
    assert live.wait_end(timeout=10)


def test_a_further_try_is_shown_where_the_text_will_be_letter_by_letter(house_front: Front) -> None:
    ada, token, gate = house_front.actor("ada"), token_of(house_front, "ada"), threading.Event()
    begun = threading.Event()
    runner, attempt_id = house_front.bench.runner, new_id()

    def get_ready() -> ChatCall:
        begun.set()
        gate.wait(20)
        raise LocalModelError("It did not start.")

    runner.enlist()
    live = runner.submit(Job(attempt_id, ada.company_id, get_ready))
    assert begun.wait(20)
    live.tell("Fake AI is <b>busy</b>. Trying again …")

    async def read() -> str:
        got = ""
        async for event in stream.events(token, ada, [attempt_id], look_again=60):  # it has no row to look at
            got += event
            if "busy" in event:
                gate.set()
        return got

    got = asyncio.run(asyncio.wait_for(read(), 20))
    assert "<em>Fake AI is &lt;b&gt;busy&lt;/b&gt;. Trying again …</em>" in got
    assert '[0,0,""]' in got  # and it goes
