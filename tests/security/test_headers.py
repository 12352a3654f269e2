"""The response headers of the real app, over real sockets: on every answer, whatever room it comes from."""

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

from tests.certificates import trusted
from tests.e2e.paced_app import PacedApp
from tests.security.conftest import Tally
from tests.security.raw_http import Answer, ask, handshake
from tests.security.test_foreign_pages import CHANGING, READING, here
from web import server as front_door
from web.headers import HEADERS

pytestmark = [pytest.mark.threat(24), pytest.mark.timeout(60)]


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


def test_no_page_around_the_app_may_steer_it_by_messages(app: PacedApp) -> None:
    with httpx.Client(verify=trusted(), trust_env=False) as client:
        assert client.get(f"{app.server.url}/_stcore/host-config").json()["allowedOrigins"] == []


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
