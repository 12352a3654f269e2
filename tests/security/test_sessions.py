"""Cookies and tickets that are old, used, forged or planted, against the app's own routes behind a real server."""

from __future__ import annotations

import hashlib
import secrets
import shutil
import string
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from sqlmodel import select
from streamlit_authenticator.utilities import Hasher

from byok.ground.errors import TooManyTriesError
from byok.ground.tables import AuditEvent, BrowserSession, Person, Ticket
from byok.services.access import Actor
from byok.services.throttle import ACCOUNT
from tests.pages.front import empty_house
from tests.security.conftest import Tally
from tests.security.served import Served, served
from tests.security.threats import at_scale
from tests.seeded import PASSWORD
from web.house import COOKIE, PLACE

pytestmark = [pytest.mark.threat(22), pytest.mark.timeout(900)]

NEW = SecretStr("seven green bottles")
ALPHABET = string.ascii_letters + string.digits + "-_"


@pytest.fixture(scope="module")
def world(seeded_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    home = shutil.copytree(seeded_home, tmp_path_factory.mktemp("served") / "home")
    with empty_house(tmp_path_factory.mktemp("holder")), served(home) as one:
        yield one


@pytest.fixture(autouse=True)
def _as_it_was(world: Served) -> Iterator[None]:
    """People may have been shut out or given another password."""
    before = {row.id: row for row in world.front.rows(Person)}
    yield
    with world.bench.db.write() as session:
        for row in session.exec(select(Person)).all():
            for name in ("role", "password_hash", "disabled_at"):
                setattr(row, name, getattr(before[row.id], name))


def sign_out(world: Served, token: str) -> None:
    with world.browser(token) as browser:
        assert browser.post("/app/sign-out").status_code == 204


def change_password(world: Served, _: str) -> None:
    world.bench.own_password.change(max_(world), present=SecretStr(PASSWORD), new=NEW)


def max_(world: Served) -> Actor:
    return world.front.actor("max")


def person(world: Served) -> tuple[Actor, object]:
    return world.front.actor("ada"), max_(world).person_id


def disable_in_team(world: Served, _: str) -> None:
    world.bench.team.disable(*person(world))  # type: ignore[arg-type]


def reset_in_team(world: Served, _: str) -> None:
    world.bench.team.reset(*person(world))  # type: ignore[arg-type]


ENDS: dict[str, Callable[[Served, str], object]] = {
    "signed out": sign_out,
    "signed in anew in the same browser": lambda world, token: world.enter("max", cookie=token),
    "signed in as somebody else in the same browser": lambda world, token: world.enter("finn", cookie=token),
    "password changed": change_password,
    "disabled by an admin": disable_in_team,
    "disabled by the operator": lambda world, _: world.bench.accounts.disable("max"),
    "reset by an admin": reset_in_team,
    "reset by the operator": lambda world, _: world.bench.accounts.reset("max"),
    "silent for twelve hours": lambda world, _: world.pass_(timedelta(hours=12)),
    "seven days old": lambda world, _: world.pass_(timedelta(days=7)),
}
OF_ALL = ("password changed", "disabled", "reset", "silent", "seven days")  # end every session of a person


@pytest.mark.parametrize("how", ENDS)
def test_a_cookie_of_a_session_that_ended_opens_nothing(world: Served, tally: Tally, how: str) -> None:
    token, other = world.enter("max"), world.enter("max")
    assert len(world.opens(token)) == 4
    ENDS[how](world, token)
    for _ in range(2):  # and looking does not revive it
        tally.tried(4)
        for door in world.opens(token):
            tally.leaked(f"{how}: the old cookie opens {door}")
    ended = world.opens(other) == []
    assert ended is how.startswith(OF_ALL)


@pytest.mark.parametrize("how", [how for how in ENDS if how.startswith(("password", "disabled", "reset", "silent"))])
def test_a_ticket_from_before_is_worth_nothing_after(world: Served, tally: Tally, how: str) -> None:
    ticket, token = world.ticket("max"), world.enter("max")
    ENDS[how](world, token)
    tally.tried()
    with world.browser() as browser:
        if browser.post("/app/session", json={"ticket": ticket}).status_code != 403:
            tally.leaked(how)


def test_after_a_change_of_password_the_browser_that_asked_goes_on_under_a_new_token(
    world: Served, tally: Tally
) -> None:
    before = world.enter("max")
    ticket = world.bench.own_password.change(max_(world), present=SecretStr(PASSWORD), new=NEW)
    with world.browser(before) as browser:
        after = browser.post("/app/session", json={"ticket": ticket}).cookies[COOKIE]
    tally.tried(2)
    if after == before or world.opens(before):
        tally.leaked("the old token goes on")
    assert len(world.opens(after)) == 4


def test_a_cookie_that_was_planted_before_the_sign_in_is_nobodys_after_it(world: Served, tally: Tally) -> None:
    for planted in (secrets.token_urlsafe(32), world.enter("finn"), "x", ""):
        token = world.enter("ada", cookie=planted)
        tally.tried()
        if token == planted or world.opens(planted):
            tally.leaked("a planted cookie became a session")


@at_scale(10_000, few=100)
def test_a_made_up_cookie_or_ticket_is_nobodys(world: Served, tally: Tally, tries: int) -> None:
    token = world.enter("ada")
    with world.browser() as browser:
        for number in range(tries // 2):
            made_up = forged(token, number)
            tally.tried(2)
            if browser.get("/app/session", headers={"cookie": f"{COOKIE}={made_up}"}).json()["person"] is not None:
                tally.leaked("a forged cookie")
            if browser.post("/app/session", json={"ticket": made_up}).status_code != 403:
                tally.leaked("a forged ticket")
    assert len(world.opens(token)) == 4


def forged(token: str, number: int) -> str:
    """Near the true one: another letter at one place, cut, doubled, its hash, or of the same kind."""
    place = number % len(token)
    other = secrets.choice([letter for letter in ALPHABET if letter != token[place]])
    near = token[:place] + other + token[place + 1 :]
    digest = hashlib.sha256(token.encode()).hexdigest()
    return [near, token[:place], token + other, digest, secrets.token_urlsafe(32)][number % 5]


@at_scale(1_000, few=32)
def test_of_many_at_once_one_alone_trades_a_ticket_for_a_session(world: Served, tally: Tally, tries: int) -> None:
    for _ in range(max(1, tries // 32)):
        ticket = world.ticket("ada")

        def redeem(ticket: str) -> int:
            with world.browser() as browser:
                return browser.post("/app/session", json={"ticket": ticket}).status_code

        with ThreadPoolExecutor(32) as pool:
            answers = list(pool.map(redeem, [ticket] * 32))
        tally.tried(32)
        if answers.count(204) != 1:
            tally.leaked(f"{answers.count(204)} sessions of one ticket")


def test_a_ticket_of_thirty_seconds_ago_opens_nothing(world: Served, tally: Tally) -> None:
    ticket = world.ticket("ada")
    world.pass_(timedelta(seconds=30))
    tally.tried()
    with world.browser() as browser:
        answer = browser.post("/app/session", json={"ticket": ticket})
    if answer.status_code != 403 or "set-cookie" in answer.headers:
        tally.leaked("an old ticket")


def test_neither_cookie_nor_ticket_stands_in_the_database(world: Served, tally: Tally) -> None:
    token, ticket = world.enter("ada"), world.ticket("ada")
    world.bench.db.truncate_log()
    files = b"".join(path.read_bytes() for path in world.bench.settings.home.glob("byok.sqlite3*"))
    for secret in (token, ticket):
        tally.tried()
        if secret.encode() in files:
            tally.leaked("in the database's files")
    hashes = {row.token_hash for row in world.front.rows(BrowserSession)} | {
        row.ticket_hash for row in world.front.rows(Ticket)
    }
    assert {hashlib.sha256(one.encode()).digest() for one in (token, ticket)} <= hashes


@pytest.mark.parametrize("how", ["signed out", "disabled by an admin", "password changed", "seven days old"])
def test_an_open_stream_ends_with_its_session(world: Served, tally: Tally, how: str) -> None:
    token = world.enter("max")
    since = str(world.bench.usage.version(max_(world)))
    with (
        world.browser(token) as browser,
        browser.stream("GET", "/app/usage/changes", params={"since": since}) as answer,
    ):
        assert answer.status_code == 200
        ENDS[how](world, token)
        tally.tried()
        for _ in answer.iter_lines():  # until the server closes it, or the test runs out of time
            pass


def test_what_asks_by_itself_keeps_no_session_from_falling_silent(world: Served, tally: Tally) -> None:
    token = world.enter("max")
    for _ in range(3):
        world.pass_(timedelta(hours=4))
        tally.tried()
        doors = world.opens(token)
    if doors:
        tally.leaked("a tab that nobody looks at keeps its session")


def test_who_came_and_who_went_is_recorded_with_the_address(world: Served, tally: Tally) -> None:
    token = world.enter("finn")
    sign_out(world, token)
    tally.tried()
    rows = [row for row in world.front.rows(AuditEvent) if row.subject == "finn"][-2:]
    assert [(row.action, row.actor_name, row.address) for row in rows] == [
        ("session.began", "Finn", "127.0.0.1"),
        ("session.ended", "Finn", "127.0.0.1"),
    ]


@pytest.mark.threat(20)
def test_the_browser_in_which_somebody_signed_in_is_known_again_by_a_cookie_that_opens_nothing(
    world: Served, tally: Tally
) -> None:
    with world.browser() as browser:
        answer = browser.post("/app/session", json={"ticket": world.ticket("bea")})
        place = answer.cookies[PLACE]
        cookie = next(one for one in answer.headers.get_list("set-cookie") if one.startswith(PLACE))
        assert "httponly" in cookie.lower()
        assert "samesite=strict" in cookie.lower()
        again = browser.post("/app/session", json={"ticket": world.ticket("bea")})
        assert again.cookies[PLACE] == place
    tally.tried()
    for opened in world.opens(place):
        tally.leaked(f"the cookie opens {opened}")
    right: dict[str, Any] = {"compare": Hasher.check_pw, "address": "192.0.2.77"}
    door = world.bench.sign_in
    for _ in range(ACCOUNT.free):
        assert door.check("bea", "not the one", **right) is None
    with pytest.raises(TooManyTriesError):
        door.check("bea", PASSWORD, **right)
    assert door.check("bea", PASSWORD, place=place, **right) is not None
    files = b"".join(path.read_bytes() for path in world.bench.settings.home.glob("byok.sqlite3*"))
    assert place.encode() not in files
