"""Every route of the app's own: what another site sends changes nothing, and what only reads changes nothing either.

A route that is added without a row here fails the test.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from streamlit import config

from byok.ground.tables import metadata
from byok.services.sessions import SEEN_STEP
from tests.pages.front import empty_house
from tests.security.conftest import Tally
from tests.security.served import Served, served
from web import server
from web.house import COOKIE

pytestmark = pytest.mark.threat(22)

# Method and path, whether it changes something, and what a page of ours would send.
ROUTES: dict[tuple[str, str], tuple[bool, dict[str, Any]]] = {
    ("POST", "/app/session"): (True, {}),
    ("POST", "/app/sign-out"): (True, {"json": {}}),
    ("GET", "/app/session"): (False, {}),
    ("GET", "/app/stream"): (False, {"params": {"turns": "00000000-0000-0000-0000-000000000000.1"}}),
    ("GET", "/app/usage/changes"): (False, {"params": {"since": "999999999"}}),
}
CHANGING = [where for where, (changes, _) in ROUTES.items() if changes]
READING = [where for where, (changes, _) in ROUTES.items() if not changes]
FOREIGN: dict[str, dict[str, str]] = {
    "no origin": {},
    "another site": {"origin": "http://evil.example"},
    "another port": {"origin": "http://127.0.0.1:1"},
    "a sandboxed frame": {"origin": "null"},
    "a name that only begins like ours": {"origin": "HERE.evil.example"},
    "a forged origin, gainsaid": {"origin": "HERE", "sec-fetch-site": "cross-site"},
    "a sister site, gainsaid": {"origin": "HERE", "sec-fetch-site": "same-site"},
}
# The process's own sign of life; and what the demo has thousands of rows in, which no route here goes near.
NOT_LOOKED_AT = ("process_lease", "attempt", "usage_day", "usage_detail")


@pytest.fixture(scope="module")
def world(seeded_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    home = shutil.copytree(seeded_home, tmp_path_factory.mktemp("routes") / "home")
    with empty_house(tmp_path_factory.mktemp("holder")), served(home) as one:
        yield one


def contents(world: Served) -> dict[str, list[Any]]:
    """Every row of every table."""
    with world.bench.db.read() as session:
        connection = session.connection()
        return {
            table.name: sorted(map(repr, connection.execute(sa.select(table))))
            for table in metadata.sorted_tables
            if table.name not in NOT_LOOKED_AT
        }


def test_every_route_has_its_row_here() -> None:
    found = {(method, route.path) for route in server.parts()["routes"] for method in route.methods if method != "HEAD"}
    assert found == set(ROUTES)
    assert all(changes is (method not in ("GET", "HEAD")) for (method, _), (changes, _) in ROUTES.items())


@pytest.mark.parametrize("sender", FOREIGN)
@pytest.mark.parametrize("where", CHANGING, ids=" ".join)
def test_what_another_site_sends_is_refused_and_changes_nothing(
    world: Served, tally: Tally, where: tuple[str, str], sender: str
) -> None:
    method, path = where
    token, ticket = world.enter("ada"), world.ticket("max")
    headers = {name: value.replace("HERE", world.url) for name, value in FOREIGN[sender].items()}
    before = contents(world)
    with httpx.Client(base_url=world.url, cookies={COOKIE: token}, trust_env=False) as browser:
        answer = browser.request(method, path, json={"ticket": ticket}, headers=headers)
    tally.tried()
    if answer.status_code != 403 or "set-cookie" in answer.headers or contents(world) != before:
        tally.leaked(f"{method} {path} from {sender}: {answer.status_code}")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("where", READING, ids=" ".join)
def test_what_only_reads_changes_no_row(world: Served, tally: Tally, where: tuple[str, str], method: str) -> None:
    _, path = where
    token = world.enter("ada")
    world.pass_(2 * SEEN_STEP)  # a click would be written down now
    before = contents(world)
    with world.browser(token) as browser, browser.stream(method, path, **ROUTES[where][1]) as answer:
        assert answer.status_code in (200, 404)
        tally.tried()
        if contents(world) != before:
            tally.leaked(f"{method} {path} changed a row")


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
@pytest.mark.parametrize("where", READING, ids=" ".join)
def test_another_site_reads_nothing_even_with_the_cookie(
    world: Served, tally: Tally, where: tuple[str, str], site: str
) -> None:
    method, path = where
    token = world.enter("ada")
    with world.browser(token) as browser:
        answer = browser.request(method, path, **ROUTES[where][1], headers={"sec-fetch-site": site})
    tally.tried()
    if answer.status_code != 403 or "person" in answer.text:
        tally.leaked(f"{method} {path} answered another site")


def enter_from(world: Served, origin: str, *, host: str = "") -> int:
    """Signs in from a page of that origin, through a proxy that speaks TLS; the status."""
    headers = {"origin": origin, "x-forwarded-proto": "https", "sec-fetch-site": "same-origin"}
    headers |= {"host": host} if host else {}
    with httpx.Client(base_url=world.url, trust_env=False) as browser:
        return browser.post("/app/session", json={"ticket": world.ticket()}, headers=headers).status_code


def test_where_a_proxy_changes_the_name_a_page_of_an_allowed_origin_signs_in_and_no_other(
    world: Served, tally: Tally
) -> None:
    option, name = "server.corsAllowedOrigins", "https://workbench.example.com"
    tally.tried(3)
    if enter_from(world, name) != 403:
        tally.leaked("an origin that nobody allowed")
    before = config.get_option(option)
    config.set_option(option, [name])
    try:
        assert enter_from(world, name) == 204
        for other in ("https://workbench.example.com.evil.example", "http://workbench.example.com"):
            if enter_from(world, other) != 403:
                tally.leaked(f"{other} beside the allowed one")
    finally:
        config.set_option(option, before)


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_a_file_is_taken_from_who_is_signed_in_alone(world: Served, tally: Tally, method: str) -> None:
    def send(token: str) -> int:
        with world.browser(token) as browser:
            return browser.request(method, "/_stcore/upload_file/a/b", content=b"x").status_code

    ended = world.enter("max")
    world.bench.sessions.end(ended)
    for token in ("", "made-up", ended):
        tally.tried()
        if send(token) != 403:
            tally.leaked(f"{method} with {'a session that has ended' if token == ended else 'no session'}")
    assert send(world.enter("ada")) == 404  # let through, to where no Streamlit stands here


def test_no_route_lets_another_origin_read_by_cors(world: Served, tally: Tally) -> None:
    token = world.enter("ada")
    for method, path in ROUTES:
        with httpx.Client(base_url=world.url, cookies={COOKIE: token}, trust_env=False) as browser:
            answer = browser.options(
                path, headers={"origin": "http://evil.example", "access-control-request-method": method}
            )
        tally.tried()
        if any(name.startswith("access-control-allow") for name in answer.headers):
            tally.leaked(f"{path} allows another origin")
