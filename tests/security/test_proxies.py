"""A proxy that the environment names: no process of the product sends anything through it."""

# ruff: noqa: F401, F811 - the browser's fixtures are borrowed

from __future__ import annotations

import shutil
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.certificates import trusted
from tests.cli.loopback import KEY, Loopback, loopback
from tests.e2e.conftest import browser, context, make_server, page, sign_in, warm_profile
from tests.e2e.steps import ask, choose
from tests.security.conftest import Tally
from tests.security.processes import byok

pytestmark = pytest.mark.threat(16)

NAMES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")


class Canary:
    """A port that nobody should call. `calls` is how many did."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self.calls = 0
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        while True:
            try:
                taken, _ = self._socket.accept()
            except OSError:
                return
            self.calls += 1
            taken.close()

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()

    @property
    def env(self) -> dict[str, str]:
        """The environment that names it, in both cases, with no exception for anybody."""
        named = {spelt: self.url for name in NAMES for spelt in (name, name.lower())}
        return {**named, "NO_PROXY": "", "no_proxy": ""}


@contextmanager
def canary() -> Iterator[Canary]:
    sitting = Canary()
    try:
        yield sitting
    finally:
        sitting.close()


@pytest.fixture
def proxy() -> Iterator[Canary]:
    with canary() as sitting:
        yield sitting


@pytest.fixture
def provider() -> Iterator[Loopback]:
    with loopback() as server:
        yield server


def test_who_reads_the_environment_is_heard_by_the_canary(
    proxy: Canary, provider: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in proxy.env.items():
        monkeypatch.setenv(name, value)
    with httpx.Client(verify=trusted()) as naive, pytest.raises(httpx.TransportError):
        naive.get(f"http://127.0.0.1:{provider.server_address[1]}/v1/models")
    assert proxy.calls == 1


def test_a_key_test_goes_through_no_proxy(proxy: Canary, provider: Loopback, tmp_path: Path, tally: Tally) -> None:
    (tmp_path / "providers.toml").write_text(provider.catalogue)
    env = {"BYOK_HOME": str(tmp_path / "home"), "BYOK_PROVIDERS": str(tmp_path / "providers.toml")}
    done = byok("key", "test", "--provider", "loop", "--json", env={**proxy.env, **env}, stdin=KEY)
    tally.tried()
    assert '"verdict": "accepted"' in done.stdout
    if proxy.calls:
        tally.leaked(f"{proxy.calls} calls of the command")


@pytest.mark.slow
def test_no_command_goes_through_a_proxy(
    proxy: Canary, provider: Loopback, seeded_home: Path, tmp_path: Path, tally: Tally
) -> None:
    (tmp_path / "providers.toml").write_text(provider.catalogue)
    home = shutil.copytree(seeded_home, tmp_path / "home")
    env = {**proxy.env, "BYOK_HOME": str(home), "BYOK_PROVIDERS": str(tmp_path / "providers.toml")}
    company = ("--company", "northwind-labs")
    for arguments, stdin in (
        (("key", "add", *company, "--provider", "loop", "--label", "Main"), KEY),
        (("chat", *company, "--model", "byok:loop/small", "Hello"), ""),
        (("models", *company), ""),
    ):
        tally.tried()
        done = byok(*arguments, env=env, stdin=stdin)
        assert done.returncode == 0, done.stderr
    assert provider.asked
    if proxy.calls:
        tally.leaked(f"{proxy.calls} calls of commands")


@pytest.mark.browser
@pytest.mark.slow
def test_the_app_goes_through_none_either(
    proxy: Canary, provider: Loopback, seeded_home: Path, tmp_path: Path, page: Page, tally: Tally
) -> None:
    (tmp_path / "providers.toml").write_text(provider.catalogue)
    home = shutil.copytree(seeded_home, tmp_path / "home")
    server = make_server(home, BYOK_PROVIDERS=str(tmp_path / "providers.toml"), **proxy.env)
    added = byok(
        *("key", "add", "--company", "northwind-labs", "--provider", "loop", "--label", "Main"),
        env=server.env,
        stdin=KEY,
    )
    assert added.returncode == 0, added.stderr
    try:
        server.start()
        sign_in(page, server)
        choose(page, "Model (for each message)", "Your key · Loop")
        ask(page, "Hello")
        expect(page.get_by_text("Hello world", exact=True)).to_be_visible()
    finally:
        server.stop()
    tally.tried()
    if proxy.calls:
        tally.leaked(f"{proxy.calls} calls of the app")
