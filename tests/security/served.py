"""The app's own routes behind a real server on a loopback port, over a demo whose clock a test sets."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import httpx
import respx
import uvicorn
from starlette.applications import Starlette

from byok.ground.clock import utc_now
from byok.process import Workbench
from tests.pages.front import Front
from tests.run_world import AT_ONCE
from tests.seeded import settings_of
from web import server
from web.house import COOKIE

STREAMS = ("/app/stream", "/app/usage/changes")


class Served:
    """The demo, its clock, and the address at which its routes are served."""

    def __init__(self, home: Path) -> None:
        self.late = timedelta(0)
        router = respx.Router(assert_all_called=False)
        transport = httpx.MockTransport(router.async_handler)
        self.bench = Workbench.open(
            settings_of(home), transport=transport, retries=AT_ONCE, clock=lambda: utc_now() + self.late
        )
        self.front = Front(self.bench, router)
        self.front.sign_in(None)
        self.url = ""

    def pass_(self, time: timedelta) -> None:
        """Lets time go by."""
        self.late += time

    def ticket(self, username: str = "ada") -> str:
        """What the form gives after the right password."""
        person_id = self.front.actor(username).person_id
        assert person_id is not None
        return self.bench.sessions.issue_ticket(person_id)

    def browser(self, token: str = "") -> httpx.Client:
        """A browser that shows a page of ours, with that cookie."""
        return httpx.Client(
            base_url=self.url,
            headers={"origin": self.url, "sec-fetch-site": "same-origin"},
            cookies={COOKIE: token} if token else {},
            trust_env=False,
            timeout=30,
        )

    def enter(self, username: str = "ada", *, cookie: str = "") -> str:
        """Signs in with a fresh ticket; the token of the session, as the cookie has it."""
        with self.browser(cookie) as browser:
            answer = browser.post("/app/session", json={"ticket": self.ticket(username)})
            assert answer.status_code == 204, answer.text
            return answer.cookies[COOKIE]

    def opens(self, token: str) -> list[str]:
        """Which doors a cookie opens, of all there are: routes, streams, pages."""
        open_doors = []
        with self.browser(token) as browser:
            if browser.get("/app/session").json()["person"] is not None:
                open_doors.append("/app/session")
            for path in STREAMS:
                with browser.stream("GET", path, params={"since": "0", "turns": "none"}) as answer:
                    if answer.status_code != 401:
                        open_doors.append(path)
        if self.bench.sessions.whois(token, seen=False) is not None:
            open_doors.append("pages")
        return open_doors


@contextmanager
def served(home: Path) -> Iterator[Served]:
    """Serves the routes until the end of the block."""
    world = Served(home)
    parts = server.parts()
    app = Starlette(routes=parts["routes"], middleware=parts["middleware"])
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning", lifespan="off")
    running = uvicorn.Server(config)
    thread = threading.Thread(target=running.run, daemon=True)
    thread.start()
    try:
        while not running.started:
            assert thread.is_alive(), "the server did not start"
            threading.Event().wait(0.01)
        world.url = f"http://127.0.0.1:{running.servers[0].sockets[0].getsockname()[1]}"
        yield world
    finally:
        running.should_exit = True
        thread.join(timeout=20)
        world.bench.close()
