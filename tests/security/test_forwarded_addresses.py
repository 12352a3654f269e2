"""Behind a proxy that hands on whatever its clients send: nobody chooses the address by which he is known."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from starlette.types import Message, Receive, Scope, Send

from byok.core.audit import EVENTS
from tests.pages.front import empty_house
from tests.security.conftest import Tally
from tests.security.raw_http import ask
from tests.security.served import Served, served
from web.addresses import HERE, TRUST, Addresses

pytestmark = pytest.mark.threat(20)

CLAIM = "198.51.100.23"
CLAIMS = (CLAIM, f"{CLAIM}:4711", f"[2001:db8::1]:80, {CLAIM}", f"{HERE}, {CLAIM}", "not an address", f"{CLAIM},,")


@pytest.fixture
def world(
    seeded_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[Served]:
    named: str | None = getattr(request, "param", None)
    monkeypatch.delenv(TRUST, raising=False)
    if named is not None:
        monkeypatch.setenv(TRUST, named)
    with empty_house(tmp_path / "holder"), served(shutil.copytree(seeded_home, tmp_path / "home")) as one:
        yield one


def address_of(world: Served, forwarded: str) -> str:
    """The address that the audit log has of a sign-in whose request said that."""
    headers = {"x-forwarded-for": forwarded} if forwarded else {}
    with world.browser() as browser:
        assert browser.post("/app/session", json={"ticket": world.ticket()}, headers=headers).status_code == 204
    with world.bench.db.read() as session:
        began = sa.select(EVENTS.c.address).where(EVENTS.c.action == "session.began").order_by(EVENTS.c.at.desc())
        return str(session.connection().execute(began.limit(1)).scalar_one())


def test_what_a_client_says_of_its_address_is_not_believed_where_no_proxy_was_named(
    world: Served, tally: Tally
) -> None:
    for claim in CLAIMS:
        tally.tried()
        if (found := address_of(world, claim)) != HERE:
            tally.leaked(f"{claim!r} is recorded as {found!r}")


def test_several_headers_and_none_are_no_way_around_that(world: Served, tally: Tally) -> None:
    port = httpx.URL(world.url).port
    assert port is not None
    fields = [("Host", f"127.0.0.1:{port}"), ("Origin", world.url), *(("X-Forwarded-For", one) for one in CLAIMS)]
    body = b'{"ticket": "%s"}' % world.ticket().encode()
    assert ask(port, "POST", "/app/session", fields, body).status == 204
    tally.tried()
    with world.bench.db.read() as session:
        rows = session.connection().execute(sa.select(EVENTS.c.address).distinct()).scalars().all()
    if CLAIM in rows:
        tally.leaked("the last of several headers")
    assert address_of(world, "") == HERE


@pytest.mark.parametrize("world", [HERE], indirect=True)
def test_a_proxy_that_was_named_tells_the_clients_address(world: Served) -> None:
    assert address_of(world, CLAIM) == CLAIM
    assert address_of(world, f"192.0.2.66, {CLAIM}") == CLAIM  # what the proxy added stands last
    assert address_of(world, "") == HERE


@pytest.mark.parametrize("world", [""], indirect=True)
def test_where_nobody_was_named_on_purpose_nobody_is_believed(world: Served) -> None:
    assert address_of(world, CLAIM) == HERE


@pytest.mark.parametrize(
    ("server", "kept"),
    [
        (("127.0.0.1", 8501), HERE),
        (("::1", 8501), HERE),
        (("::ffff:127.0.0.1", 8501), HERE),
        (("192.0.2.1", 8501), CLAIM),
        (("workbench", 80), CLAIM),
        (None, CLAIM),
    ],
)
@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_over_a_network_the_sockets_own_address_stays(
    monkeypatch: pytest.MonkeyPatch, kind: str, server: tuple[str, int] | None, kept: str
) -> None:
    monkeypatch.delenv(TRUST, raising=False)
    seen: list[Any] = []

    async def app(scope: Scope, _receive: Receive, _send: Send) -> None:
        seen.append(scope["client"][0])

    async def receive() -> Message:
        raise AssertionError

    async def send(_: Message) -> None:
        raise AssertionError

    asyncio.run(Addresses(app)({"type": kind, "server": server, "client": (CLAIM, 4711)}, receive, send))
    assert seen == [kept]
