"""A real Chromium against the real app: a server of its own on a free port, with a home of its own."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, Request, expect, sync_playwright

from tests.certificates import trusted
from tests.seeded import PASSWORD

ROOT = Path(__file__).resolve().parents[2]
HOW = "no Chromium: install one (apt-get install -y chromium, or playwright install chromium), or set BYOK_CHROMIUM"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
expect.set_options(timeout=15_000)


def find_chromium(playwright: Playwright) -> str | None:
    """The browser to use: the environment's, Playwright's own, the system's; None where there is none."""
    named = os.environ.get("BYOK_CHROMIUM")
    own = playwright.chromium.executable_path
    found = [named, own if Path(own).exists() else None, *map(shutil.which, ("chromium", "chromium-browser", "chrome"))]
    return next((path for path in found if path), None)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Server:
    """One running app. `log` grows with what it prints."""

    home: Path
    port: int
    env: dict[str, str]
    script: str = "app.py"
    process: subprocess.Popen[str] | None = None
    log: list[str] = field(default_factory=list)
    reader: threading.Thread | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        command = [sys.executable, "-m", "streamlit", "run", self.script, "--server.port", str(self.port)]
        self.process = subprocess.Popen(
            [*command, "--server.headless", "true"],
            cwd=ROOT,
            env=self.env,
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self.reader = threading.Thread(target=self._read, args=(self.process,), daemon=True)
        self.reader.start()
        with httpx.Client(verify=trusted(), trust_env=False) as client:
            for _ in range(400):
                if self.process.poll() is not None:
                    raise AssertionError("the app ended:\n" + "".join(self.log))
                try:
                    if client.get(f"{self.url}/_stcore/health", timeout=1).status_code == 200:
                        return
                except httpx.TransportError:
                    threading.Event().wait(0.05)
        raise AssertionError("the app did not start:\n" + "".join(self.log))

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        with process.stdout as lines:
            for line in lines:
                self.log.append(line)

    def stop(self, how: int = signal.SIGTERM) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait(timeout=20)
        if self.reader is not None:
            self.reader.join(timeout=5)


def make_server(home: Path, **extra: str) -> Server:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("BYOK_", "STREAMLIT_"))}
    env = {**kept, "BYOK_HOME": str(home), "BYOK_DEMO_PASSWORD": PASSWORD, **extra}
    return Server(home, free_port(), env)


@pytest.fixture
def own_server(seeded_home: Path, tmp_path: Path) -> Iterator[Server]:
    """An app of this test's own; not started yet."""
    running = make_server(shutil.copytree(seeded_home, tmp_path / "home"))
    yield running
    running.stop()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One for each file: while it is open a loop runs in this thread, where other files want one of their own."""
    with sync_playwright() as playwright:
        path = find_chromium(playwright)
        if path is None:
            pytest.skip(HOW)
        launched = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield launched
        launched.close()


@contextmanager
def only_loopback(context: BrowserContext) -> Iterator[None]:
    """Fails at its end if a request was made to any other origin."""
    foreign: list[str] = []

    def note(url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme in ("http", "https", "ws", "wss") and parts.hostname != "127.0.0.1":
            foreign.append(url)

    def note_request(request: Request) -> None:
        note(request.url)

    def note_sockets(page: Page) -> None:
        page.on("websocket", lambda socket: note(socket.url))

    context.on("request", note_request)
    context.on("page", note_sockets)
    yield
    context.remove_listener("request", note_request)
    context.remove_listener("page", note_sockets)
    assert foreign == [], "the browser asked another origin"


@contextmanager
def profile(browser: Browser, **options: Any) -> Iterator[BrowserContext]:
    """A browser profile of its own, which asks nothing of any origin but loopback."""
    usual = {"viewport": {"width": 1440, "height": 900}, "reduced_motion": "reduce"}  # what moves is waited for
    opened = browser.new_context(**{**usual, **options})
    with only_loopback(opened):
        yield opened
        opened.close()


@contextmanager
def tab(context: BrowserContext) -> Iterator[Page]:
    """A tab; fails at its end if a script of the page failed."""
    opened = context.new_page()
    broken: list[str] = []
    opened.on("pageerror", lambda error: broken.append(str(error)))
    try:
        yield opened
    finally:
        opened.close()  # one that stays open keeps the others in the background
    assert broken == [], "a script of the page failed"


@pytest.fixture(scope="module")
def warm_profile(browser: Browser) -> Iterator[BrowserContext]:
    """One for each file: the app's scripts are fetched and compiled once, which takes longer than most tests."""
    with profile(browser) as opened:
        yield opened


@pytest.fixture
def context(warm_profile: BrowserContext) -> Iterator[BrowserContext]:
    """As good as a profile of this test's own: nobody is signed in and no tab is open."""
    with only_loopback(warm_profile):
        yield warm_profile
        for left_open in warm_profile.pages:
            left_open.close()
        warm_profile.set_storage_state({})


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """A tab of this test's own."""
    with tab(context) as opened:
        yield opened


def settled(page: Page) -> None:
    """Waits until the script of the page has run to its end."""
    page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for()


def sign_in(page: Page, server: Server, label: str = "Continue as Ada - Pro admin", path: str = "/") -> None:
    """Signs in by one click, and waits for the page behind."""
    page.goto(server.url + path)
    page.get_by_role("button", name=label).click()
    page.get_by_role("button", name="Sign out").wait_for()
    settled(page)
