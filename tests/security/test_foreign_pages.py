"""What the real app answers to pages of other origins and to other host names, over real sockets; and its headers."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.e2e.paced_app import PacedApp
from tests.security.conftest import Tally
from tests.security.raw_http import STREAM, Answer, Field, ask, handshake
from web import server as front_door
from web.headers import HEADERS

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
    fields, cookie = [here(app), ("Origin", app.server.url)], ("Cookie", f"_streamlit_xsrf={token[1]}")
    other = token[1].replace(token[1][-12:-6], "000000")
    for sent in ([], [cookie], [("X-Xsrftoken", token[1])], [cookie, ("X-Xsrftoken", other)]):
        for method in ("PUT", "DELETE"):
            tally.tried()
            if ask(app.server.port, method, "/_stcore/upload_file/a/b", [*fields, *sent], b"x").status != 403:
                tally.leaked(f"{method} with {len(sent)} of two")
    # With both it is heard, and asked for whom: there is no such session.
    both = [*fields, cookie, ("X-Xsrftoken", token[1])]
    assert ask(app.server.port, "PUT", "/_stcore/upload_file/a/b", both, b"x").status == 400


def of_all_kinds(app: PacedApp) -> Iterator[tuple[str, Answer]]:
    """Answers of every room of the process: pages, files, Streamlit's own, ours, refusals and errors."""
    own = [here(app)]
    gets = ["/", "/usage", "/no/such/page", "/static/none.js", "/favicon.png", "/media/none.png", "//evil.example"]
    gets += ["/_stcore/health", "/_stcore/host-config", "/_stcore/metrics", "/_stcore/none", "/component/none/x"]
    gets += ["/_stcore/bidi-components/none/x.js", "/_stcore/agent/openapi.json", "/..%5c..%5cx", *READING]
    for path in gets:
        for method in ("GET", "HEAD", "OPTIONS"):
            yield f"{method} {path}", ask(app.server.port, method, path, own)
    for method, path in (*CHANGING, ("DELETE", "/app/session"), ("POST", "/"), ("TRACE", "/")):
        yield f"{method} {path}", ask(app.server.port, method, path, own, b"{}")
        yield f"{method} {path} by us", ask(app.server.port, method, path, [*own, ("Origin", app.server.url)], b"{}")
    yield "too large", ask(app.server.port, "POST", "/app/session", [*own, ("Origin", app.server.url)], b"x" * 5000)
    yield "foreign host", ask(app.server.port, "GET", "/", [("Host", "evil.example")])
    yield "foreign origin's websocket", handshake(app.server.port, [*own, ("Origin", "http://evil.example")])
    yield "websocket at no such place", handshake(app.server.port, own, path="/nowhere")


def test_every_answer_carries_every_header_that_tells_a_browser_what_not_to_do(app: PacedApp, tally: Tally) -> None:
    for what, answer in of_all_kinds(app):
        tally.tried()
        missing = [name.decode() for name, value in HEADERS if answer.fields.get(name.decode()) != value.decode()]
        if missing:
            tally.leaked(f"{what} ({answer.status}) lacks {missing}")
        if "/app/" in what and answer.fields.get("cache-control") != "no-store":
            tally.leaked(f"{what} may be cached")
        assert "strict-transport-security" not in answer.fields
    behind_tls = ask(app.server.port, "GET", "/", [here(app), ("X-Forwarded-Proto", "https")])
    assert behind_tls.fields["strict-transport-security"] == "max-age=31536000"


def test_an_answer_to_a_fault_of_ours_carries_them_too_and_no_word_of_the_fault() -> None:
    async def broken(_: Request) -> Response:
        raise RuntimeError("the words of the fault")

    parts = front_door.parts()
    routes, handlers = [Route("/broken", broken)], parts["exception_handlers"]
    made = Starlette(routes=routes, middleware=parts["middleware"], exception_handlers=handlers)

    async def get() -> httpx.Response:
        transport = httpx.ASGITransport(made, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.get("/broken")

    answer = asyncio.run(get())
    assert answer.status_code == 500
    assert "the words of the fault" not in answer.text
    assert [name for name, value in HEADERS if answer.headers.get(name.decode()) != value.decode()] == []


def test_the_policy_lets_nothing_lead_elsewhere_and_no_script_of_others_run() -> None:
    policy = dict(HEADERS)[b"content-security-policy"].decode()
    rules = {name: sources.split() for name, _, sources in (rule.partition(" ") for rule in policy.split("; "))}
    assert rules["default-src"] == rules["base-uri"] == rules["form-action"] == rules["frame-ancestors"] == ["'none'"]
    assert rules["script-src-attr"] == ["'none'"]
    assert "'unsafe-inline'" not in rules["script-src"]
    assert "'unsafe-eval'" not in rules["script-src"]
    harmless = re.compile(r"'(none|self|unsafe-inline|wasm-unsafe-eval|sha256-[\w+/]+=)'|data:|blob:")
    assert all(harmless.fullmatch(source) for sources in rules.values() for source in sources)
