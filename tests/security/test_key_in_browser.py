"""Where a pasted key goes in Chromium: into one frame to the app, and from there nowhere back."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.canary import Canary
from tests.e2e.conftest import Server, browser, context, make_server, page, settled, sign_in, warm_profile
from tests.e2e.paced_app import PacedApp
from tests.e2e.steps import PICKER, ask, choose, ended, go
from tests.fake_provider import Exchange, FakeProvider, Script, answer, fake_provider
from tests.security.browser_ears import Ears
from tests.security.conftest import Tally
from tests.security.hostile_world import OVERLAY

__all__ = ["browser", "context", "page", "warm_profile"]
pytestmark = [pytest.mark.browser, pytest.mark.threat(10), pytest.mark.timeout(240)]

HIDDEN = "[hidden]"  # stands where a provider has repeated the key


@pytest.fixture
def fake() -> Iterator[FakeProvider]:
    with fake_provider() as provider:
        provider.models = ["fake-1", "{key}", "fake-2"]
        provider.names = {"fake-2": "the model of {key}"}
        yield provider


@pytest.fixture
def server(fake: FakeProvider, seeded_home: Path, tmp_path: Path) -> Iterator[Server]:
    overlay = tmp_path / "fake.toml"
    overlay.write_text(OVERLAY.format(url=fake.base_url), "utf-8")
    running = make_server(shutil.copytree(seeded_home, tmp_path / "home"), BYOK_PROVIDERS=str(overlay))
    running.start()
    yield running
    running.stop()


def answers(fake: FakeProvider) -> Iterator[Script]:
    """Every way in which a provider can repeat the key that it was just sent."""

    def refuse(status: int) -> Script:
        return lambda exchange: exchange.refuse(status, f"Incorrect API key provided: {fake.keys[-1]}")

    def names_itself_so(exchange: Exchange) -> None:
        exchange.model = fake.keys[-1]
        exchange.text("Yes.")
        exchange.finish()

    def ends_for_that_reason(exchange: Exchange) -> None:
        exchange.text("Yes.")
        exchange.finish(fake.keys[-1])

    def breaks_off(exchange: Exchange) -> None:
        exchange.text("Once")
        exchange.chunk({"error": {"message": f"No credit for {fake.keys[-1]}", "code": fake.keys[-1]}})

    yield from (
        answer("Yes."),
        names_itself_so,
        ends_for_that_reason,
        refuse(400),
        refuse(401),
        refuse(503),
        breaks_off,
    )


def paste(page: Page, ears: Ears, provider: str, canary: Canary, verdict: str = "Accepted") -> None:
    """Pastes into the dialog that is open, and tests."""
    dialog = page.get_by_role("dialog")
    field = dialog.get_by_label(f"{provider} key").and_(dialog.locator("input"))
    field.fill(canary.key)
    assert field.get_attribute("type") == "password"
    dialog.get_by_role("button", name="Test", exact=True).click()
    expect(dialog.get_by_text(re.compile(rf"{verdict}$"))).to_be_visible()
    settled(page)
    ears.look()


def judge(ears: Ears, tally: Tally, *pasted: Canary) -> None:
    """Each key was sent once, and was nowhere else."""
    assert {"frame to the tab", "page", "storage", "request", "response's body"} <= {where for where, _ in ears.places}
    # The page is loaded anew while it asks who is signed in: that answer is nothing but an id.
    assert [url for url in ears.unread if "/app/" in url and not url.endswith("/app/session")] == []
    for canary in pasted:
        tally.tried(len(ears.places) + len(ears.frames_out))
        for where in ears.found(canary):
            tally.leaked(where)
        assert ears.sent(canary) == 1


def test_a_key_that_is_pasted_and_tested_is_in_one_frame_to_the_app_and_in_none_back(
    page: Page, app: PacedApp, tally: Tally
) -> None:
    canary, ears = Canary(), Ears(page)
    sign_in(page, app.server, path="/api-keys")
    page.get_by_role("button", name="Add Key").click()
    page.get_by_role("dialog").get_by_text("Paced", exact=True).click()
    paste(page, ears, "Paced", canary)
    page.get_by_role("dialog").get_by_role("button", name="Close").click()
    page.reload()
    page.get_by_role("button", name="Add Key").wait_for()
    settled(page)
    ears.look()
    judge(ears, tally, canary)


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "tries", [pytest.param(1, id="once", marks=pytest.mark.slow), pytest.param(5, id="whole", marks=pytest.mark.soak)]
)
def test_from_add_key_to_delete_through_every_error_no_key_comes_back_to_the_browser(
    page: Page, server: Server, fake: FakeProvider, tally: Tally, tries: int
) -> None:
    for _ in range(tries):
        live(page, server, fake, tally)
        page.get_by_role("button", name="Sign out").click()
        page.get_by_label("Username").wait_for()


def live(page: Page, server: Server, fake: FakeProvider, tally: Tally) -> None:
    """The life of a key, and of one that was wrong."""
    first, second, wrong = Canary(), Canary(), Canary()
    fake.keys.clear()
    ears = Ears(page)
    sign_in(page, server, path="/api-keys")

    # A wrong key is refused by a provider that repeats it.
    fake.refused = "Incorrect API key provided: {key}. Bearer {key}"
    page.get_by_role("button", name="Add Key").click()
    page.get_by_role("dialog").get_by_text("Fake AI", exact=True).click()
    paste(page, ears, "Fake AI", wrong, "Rejected")
    fake.refused = None
    paste(page, ears, "Fake AI", first)
    page.get_by_role("dialog").get_by_label("Label").fill("Product team")
    page.get_by_role("dialog").get_by_role("button", name="Save").click()
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(page.get_by_text("Product team").first).to_be_visible()
    ears.look()

    # The saved one is tested: what is shown of the provider's words is without the key.
    fake.refused = "No access for {key}"
    page.get_by_role("button", name="Test again").click()
    expect(page.get_by_role("dialog")).to_contain_text(HIDDEN)
    ears.look()
    page.get_by_role("dialog").get_by_role("button", name="Close").click()
    fake.refused = None
    page.get_by_role("button", name="What we store").click()
    expect(page.get_by_role("dialog")).to_contain_text("Sealed key")
    ears.look()
    page.get_by_role("dialog").get_by_role("button", name="Close").click()

    # It is used: an answer, refusals that repeat it, and an answer that breaks off with it.
    go(page, "Playground")
    choose(page, PICKER, "Your key")
    for number, script in enumerate(answers(fake)):
        fake.script = script
        ask(page, f"Go on with {number}")
        ended(page)
        ears.look()
    expect(page.get_by_text(HIDDEN).first).to_be_visible()
    go(page, "Usage")
    page.locator(".usage-table button").first.click()
    expect(page.locator(".attempts tbody tr").first).to_be_visible()
    ears.look()
    page.get_by_role("dialog").get_by_role("button", name="Close").click()

    # It is replaced, and deleted.
    go(page, "API Keys")
    page.get_by_role("button", name="Replace").click()
    paste(page, ears, "Fake AI", second)
    page.get_by_role("dialog").get_by_role("button", name="Save").click()
    expect(page.get_by_role("dialog")).to_be_hidden()
    ears.look()
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_text("No keys yet")).to_be_visible()
    for path in ("/api-keys", "/chatbot-settings", "/usage", "/"):
        page.goto(server.url + path)
        page.get_by_role("button", name="Sign out").wait_for()
        settled(page)
        ears.look()
    assert {*fake.keys} == {first.key}
    judge(ears, tally, first, second, wrong)
    ears.close()
