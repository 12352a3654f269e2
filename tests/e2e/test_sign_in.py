"""The way in and the way out, in a browser."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from tests.e2e.conftest import Server, make_server, settled, sign_in
from tests.e2e.steps import go

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def server(seeded_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The app with the demo in it, for all of these tests: the first finds it untouched, the last makes Basic Pro."""
    running = make_server(shutil.copytree(seeded_home, tmp_path_factory.mktemp("door") / "home"))
    running.start()
    yield running
    running.stop()


def password_field(page: Page) -> Locator:
    return page.get_by_role("textbox", name="Password")


def fill_form(page: Page, username: str, password: str) -> None:
    page.get_by_label("Username").fill(username)
    page.get_by_role("textbox", name="Password").fill(password)
    page.get_by_role("button", name="Sign in", exact=True).click()


def test_a_signed_out_deep_link_shows_nothing_of_the_page(page: Page, server: Server) -> None:
    page.goto(server.url + "/api-keys")  # the very first page run of this process
    expect(page.get_by_role("button", name="Continue as Ada - Pro admin")).to_be_visible()
    settled(page)
    expect(page.get_by_text("No keys yet")).to_have_count(0)
    expect(page.get_by_text("You are signed out")).to_have_count(0)


def test_a_wrong_password_is_answered_by_one_plain_sentence_and_the_right_one_opens_the_door(
    page: Page, server: Server
) -> None:
    page.goto(server.url)
    for name in ("ada", "nobody-of-that-name"):
        this_form = password_field(page).get_attribute("id") or ""
        fill_form(page, name, "not " + "the password")
        # A new form follows: what is typed into the old one would be lost.
        expect(password_field(page)).not_to_have_attribute("id", this_form)
        expect(page.get_by_text("That username and password do not belong together. Try again.")).to_be_visible()
    fill_form(page, "ada", server.env["BYOK_DEMO_PASSWORD"])
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()


def test_a_deep_link_survives_the_sign_in_and_a_reload_keeps_session_and_page(page: Page, server: Server) -> None:
    sign_in(page, server, path="/usage")
    expect(page.get_by_role("heading", name="Usage", exact=True)).to_be_visible()
    page.reload()
    expect(page.get_by_role("heading", name="Usage", exact=True)).to_be_visible()
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()


def test_the_session_cookie_is_out_of_reach_of_scripts_and_other_sites(
    page: Page, context: BrowserContext, server: Server
) -> None:
    sign_in(page, server)
    cookie = next(one for one in context.cookies() if one["name"] == "byok_session")
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
    assert "byok_session" not in page.evaluate("document.cookie")


def test_signing_out_ends_the_session_in_every_tab_and_an_old_cookie_opens_nothing(
    page: Page, context: BrowserContext, server: Server
) -> None:
    sign_in(page, server)
    cookies = context.cookies()
    other = context.new_page()
    other.goto(server.url + "/usage")
    expect(other.get_by_role("heading", name="Usage", exact=True)).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("button", name="Continue as Ada - Pro admin")).to_be_visible()
    expect(other.get_by_role("button", name="Continue as Ada - Pro admin")).to_be_visible()
    context.add_cookies([{"name": c["name"], "value": c["value"], "url": server.url} for c in cookies])
    page.goto(server.url + "/api-keys")
    expect(page.get_by_role("button", name="Continue as Ada - Pro admin")).to_be_visible()


def test_a_tab_that_missed_the_sign_out_notices_when_it_is_looked_at_again(
    page: Page, context: BrowserContext, server: Server
) -> None:
    sign_in(page, server, path="/usage")
    ended = context.request.post(server.url + "/app/sign-out", headers={"origin": server.url})  # tells no tab
    assert ended.status == 204
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(page.get_by_role("button", name="Continue as Ada - Pro admin")).to_be_visible()


def test_a_dialog_that_is_open_when_the_session_ends_changes_nothing_any_more(
    page: Page, context: BrowserContext, server: Server
) -> None:
    sign_in(page, server, path="/chatbot-settings")
    page.get_by_role("button", name="New chatbot").click()
    # Not left yet: the name goes to the server together with the click, so that nothing is drawn anew in between.
    page.get_by_label("Name").fill("Made after the end")
    ended = context.request.post(server.url + "/app/sign-out", headers={"origin": server.url})
    assert ended.status == 204
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("You are signed out.")).to_be_visible()
    sign_in(page, server, path="/chatbot-settings")
    expect(page.get_by_text("Plain Words")).to_be_visible()
    expect(page.get_by_text("Made after the end")).to_have_count(0)


def test_a_usage_page_that_is_open_when_the_session_ends_reads_nothing_any_more(
    page: Page, context: BrowserContext, server: Server
) -> None:
    sign_in(page, server, path="/usage?period=Last+90+days")
    expect(page.locator(".usage-table table")).to_be_visible()
    ended = context.request.post(server.url + "/app/sign-out", headers={"origin": server.url})
    assert ended.status == 204
    expect(page.get_by_text("You are signed out.").first).to_be_visible(timeout=30_000)  # by itself, without a click
    expect(page.locator(".usage-table table")).to_have_count(0)


def test_a_basic_admin_sees_what_pro_brings_and_can_switch_in_the_demo(page: Page, server: Server) -> None:
    sign_in(page, server, "Continue as Bea - Basic admin")
    go(page, "API Keys")
    expect(page.get_by_text("Own keys are part of the Pro plan")).to_be_visible()
    expect(page.get_by_role("button", name="Add Key")).to_have_count(0)
    page.get_by_role("button", name="Switch to Pro").click()
    expect(page.get_by_role("button", name="Add Key")).to_be_visible()
    expect(page.get_by_text("No keys yet")).to_be_visible()
