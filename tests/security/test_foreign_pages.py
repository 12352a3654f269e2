"""What the real app answers to pages of other origins and to other host names, over real sockets."""

from __future__ import annotations

import random
import re

import pytest

from byok.process import Workbench
from tests.e2e.paced_app import PacedApp
from tests.security.conftest import Tally
from tests.security.raw_http import STREAM, Field, ask, handshake
from tests.security.threats import at_scale
from tests.seeded import settings_of
from web.house import COOKIE

pytestmark = [pytest.mark.threat(24), pytest.mark.timeout(60)]

# `{port}` is the app's own.
FOREIGN_ORIGINS = (
    "http://evil.example",
    "https://evil.example:{port}",
    "null",
    "file://",
    "",
    "http://localhost",
    "http://localhost:{port}",  # the same machine by another name: another page's, for all we know
    "http://127.0.0.1",
    "http://127.0.0.1:1",  # any other page on this machine
    "http://0.0.0.0:{port}",
    "http://[::1]:{port}",
    "http://127.0.0.1.evil.example:{port}",
    "http://evil.127.0.0.1:{port}",
    "http://127.0.0.1:{port}.evil.example",
    "http://127.0.0.1:{port}@evil.example",
    "http://evil.example@127.0.0.1:{port}",
    "http://evil.example#127.0.0.1:{port}",
    "http://evil.example/127.0.0.1:{port}",
    "http://127.0.0.1:{port}/",
    "http://127.0.0.1:{port}, http://evil.example",
    "127.0.0.1:{port}",
    "//127.0.0.1:{port}",
    "javascript://127.0.0.1:{port}",
    "ws://127.0.0.1:{port}",
    "chrome-extension://127.0.0.1:{port}",
    "http://[127.0.0.1:{port}",
)
FOREIGN_HOSTS = (
    "evil.example",
    "evil.example:{port}",
    "127.0.0.1.evil.example:{port}",
    "localhost.evil.example:{port}",
    "evil-localhost:{port}",
    "evil.localhost:{port}",
    "127.0.0.2:{port}",
    "127.1:{port}",
    "2130706433:{port}",
    "0.0.0.0:{port}",
    "[::1]:{port}",
    "user@127.0.0.1:{port}",
    "127.0.0.1:{port}@evil.example",
    "127.0.0.1:{port}/evil.example",
    "127.0.0.1:{port}?x=evil.example",
    "127.0.0.1:99999",
    "127.0.0.1:evil",
    "",
    " ",
)
CHANGING = (("POST", "/app/session"), ("POST", "/app/sign-out"), ("PUT", "/_stcore/upload_file/a/b"))
READING = ("/", "/api-keys", "/app/session", "/app/stream?turns=0.1", "/app/usage/changes?since=1", "/media/a.csv")


def here(app: PacedApp) -> Field:
    return ("Host", f"127.0.0.1:{app.server.port}")


def signed_in(app: PacedApp) -> str:
    """The cookie of a session of Ada's."""
    bench = Workbench.open(settings_of(app.server.home), what="command")
    try:
        (ada,) = (one for one in bench.demo.people() if one.username == "ada")
        signed_in = bench.sessions.redeem(bench.sessions.issue_ticket(ada.person_id))
    finally:
        bench.close()
    assert signed_in is not None
    return signed_in.token


def test_a_websocket_is_opened_for_the_apps_own_page_alone(app: PacedApp, tally: Tally) -> None:
    own = [
        (here(app), ("Origin", app.server.url)),
        (("Host", f"localhost:{app.server.port}"), ("Origin", f"http://localhost:{app.server.port}")),
    ]
    # What names no origin is no browser: it brings no cookie but its own.
    assert [handshake(app.server.port, fields).status for fields in [*own, (here(app),)]] == [101, 101, 101]
    for origin in FOREIGN_ORIGINS:
        tally.tried()
        answer = handshake(app.server.port, [here(app), ("Origin", origin.format(port=app.server.port))])
        if answer.status != 403:
            tally.leaked(f"origin {origin!r}: {answer.status}")
    for two in ((app.server.url, "http://evil.example"), ("http://evil.example", app.server.url)):
        tally.tried()
        if handshake(app.server.port, [here(app), *(("Origin", one) for one in two)]).status not in (400, 403):
            tally.leaked(f"origins {two}")


@at_scale(20_000, few=40)
def test_no_made_up_origin_or_host_opens_a_websocket(app: PacedApp, tally: Tally, tries: int) -> None:
    dice = random.Random(tries)  # noqa: S311 - made up anew in each run alike
    port = app.server.port
    pieces = (
        *("http://", "https://", "127.0.0.1", "localhost", f":{port}", ".", "evil.example", "@", "/", "#", "?", "null"),
        *("[", "]", "%2e", "%00", "\\", ":", "0", "127.1", "LOCALHOST", "xn--", ",", ";", "-", "_", "*"),
    )
    opens = {f"{scheme}://127.0.0.1:{port}" for scheme in ("http", "https")}
    for number in range(tries):
        made = "".join(dice.choices(pieces, k=dice.randrange(1, 7)))
        fields = [here(app), ("Origin", made)] if number % 2 else [("Host", made), ("Origin", f"http://{made}")]
        allowed = made in opens if number % 2 else re.fullmatch(r"(?i)(127\.0\.0\.1|localhost)\.*(:\d*)?", made)
        tally.tried()
        if not allowed and handshake(port, fields).status not in (400, 403, 421):
            tally.leaked(f"{'origin' if number % 2 else 'host'} {made!r}")


@pytest.mark.parametrize("foreign", FOREIGN_HOSTS)
def test_another_host_name_is_answered_by_nothing(app: PacedApp, tally: Tally, foreign: str) -> None:
    host = foreign.format(port=app.server.port)
    fields = [("Host", host), ("Origin", f"http://{host}")]  # as a browser has them after the name was pointed here
    answers = [handshake(app.server.port, fields)]
    answers += [ask(app.server.port, "GET", path, fields[:1]) for path in READING]
    answers += [ask(app.server.port, method, path, fields, b"{}") for method, path in CHANGING]
    tally.tried(len(answers))
    for answer in answers:
        if answer.status not in (400, 421):
            tally.leaked(f"host {foreign!r}: {answer.status}")


def test_two_host_names_or_none_are_answered_by_nothing_and_a_load_balancer_may_ask_by_any(
    app: PacedApp, tally: Tally
) -> None:
    evil = ("Host", "evil.example")
    for fields in ([here(app), evil], [evil, here(app)], []):
        for path in (STREAM, *READING):
            tally.tried()
            if ask(app.server.port, "GET", path, fields).status not in (400, 421):
                tally.leaked(f"{fields} at {path}")
    assert ask(app.server.port, "GET", "/_stcore/health", [evil]).status == 200


@pytest.mark.parametrize(("method", "path"), CHANGING)
def test_what_changes_something_is_refused_to_a_page_of_another_origin(
    app: PacedApp, tally: Tally, method: str, path: str
) -> None:
    for origin in FOREIGN_ORIGINS:
        tally.tried()
        fields = [here(app), ("Origin", origin.format(port=app.server.port))]
        if ask(app.server.port, method, path, fields, b"{}").status != 403:
            tally.leaked(f"origin {origin!r}")
    tally.tried()
    if ask(app.server.port, method, path, [here(app)], b"{}").status != 403:
        tally.leaked("no origin")


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_what_a_page_of_another_site_or_port_reads_of_the_apps_own_routes_is_refused(
    app: PacedApp, tally: Tally, site: str
) -> None:
    for path in (path for path in READING if path.startswith("/app/")):
        tally.tried()
        if ask(app.server.port, "GET", path, [here(app), ("Sec-Fetch-Site", site)]).status != 403:
            tally.leaked(path)


def test_an_upload_needs_the_token_of_this_very_browser(app: PacedApp, tally: Tally) -> None:
    health = ask(app.server.port, "GET", "/_stcore/health", [here(app)])
    token = re.search(r"_streamlit_xsrf=([^;]+)", health.fields["set-cookie"])
    assert token is not None
    assert "SameSite=Strict" in health.fields["set-cookie"]
    fields, path = [here(app), ("Origin", app.server.url)], "/_stcore/upload_file/a/b"
    xsrf, ada, header = f"_streamlit_xsrf={token[1]}", f"{COOKIE}={signed_in(app)}", ("X-Xsrftoken", token[1])
    other = ("X-Xsrftoken", token[1].replace(token[1][-12:-6], "000000"))
    both = ("Cookie", f"{xsrf}; {ada}")
    for sent in ([("Cookie", ada)], [both], [("Cookie", ada), header], [both, other]):
        for method in ("PUT", "DELETE"):
            tally.tried()
            if ask(app.server.port, method, path, [*fields, *sent], b"x").status != 403:
                tally.leaked(f"{method} with {len(sent)} headers")
    # With both it is heard from who is signed in, and asked for which page: there is none of that name.
    assert ask(app.server.port, "PUT", path, [*fields, both, header], b"x").status == 400
    tally.tried()
    if ask(app.server.port, "PUT", path, [*fields, ("Cookie", xsrf), header], b"x").status != 403:
        tally.leaked("a file of somebody who is not signed in")
