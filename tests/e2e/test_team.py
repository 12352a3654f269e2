"""Team, invitations and passwords in a browser: an admin, and the person on the other side of the link."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.e2e.conftest import ROOT, Server, make_server, profile, settled, sign_in, tab
from tests.e2e.steps import go
from tests.e2e.team_page import card, choose_password, invited, shown_link
from tests.e2e.test_accessibility import bad
from tests.seeded import PASSWORD

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(300)]

NEW = "nine tin whistles"
MAX = "Continue as Max - Pro member"


@pytest.fixture(scope="module")
def server(seeded_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The app with the demo in it; each test makes people of its own."""
    running = make_server(shutil.copytree(seeded_home, tmp_path_factory.mktemp("team") / "home"))
    running.start()
    yield running
    running.stop()


@pytest.fixture
def other(browser: Browser) -> Iterator[Page]:
    """The browser of somebody else."""
    with profile(browser) as context, tab(context) as opened:
        yield opened


def byok(server: Server, *arguments: str) -> None:
    code = "from byok.cli.main import main; main()"
    subprocess.run([sys.executable, "-c", code, *arguments], cwd=ROOT, env=server.env, check=True, timeout=60)


def enter(page: Page, server: Server, username: str, password: str) -> Page:
    """Signs in by the form, in a new tab: one whose session has just ended may be loading itself again."""
    fresh = page.context.new_page()
    fresh.goto(server.url)
    fresh.get_by_label("Username").fill(username)
    fresh.get_by_role("textbox", name="Password").fill(password)
    fresh.get_by_role("button", name="Sign in", exact=True).click()
    return fresh


def test_an_invited_person_chooses_a_password_by_a_link_that_works_once_and_is_out_when_disabled(
    page: Page, other: Page, server: Server
) -> None:
    sign_in(page, server, path="/team")
    path = invited(page, "Zoe", "zoe")
    expect(card(page, "zoe").get_by_text("Invited")).to_be_visible()
    other.goto(server.url + path)
    expect(other.get_by_text("you are invited to the Aimy BYOK workbench of Northwind Labs")).to_be_visible()
    choose_password(other, "too short")
    expect(other.get_by_text("A password needs at least 10 characters.")).to_be_visible()
    choose_password(other, NEW, "something else")
    expect(other.get_by_text("The two are not the same.")).to_be_visible()
    choose_password(other, NEW)
    expect(other.get_by_role("button", name="Sign out")).to_be_visible()
    expect(other.get_by_text("Zoe · member")).to_be_visible()
    assert "invite" not in other.url
    # A member: no Team in the sidebar, and at its address the reason.
    expect(other.get_by_test_id("stSidebarNav").get_by_role("link", name="Team")).to_have_count(0)
    other.goto(server.url + "/team")
    expect(other.get_by_text("People are managed by the admins of your company")).to_be_visible()
    # Signed in, a link is for somebody else; signed out, it is used up.
    other.goto(server.url + path)
    expect(other.get_by_role("heading", name="This link is for somebody else")).to_be_visible()
    other.get_by_role("button", name="Sign out").click()
    expect(other.get_by_role("heading", name="This link does not work")).to_be_visible()
    expect(other.get_by_text("Ask an admin of your company for a new one.")).to_be_visible()
    other.get_by_role("button", name="Go to the sign-in page").click()
    other = enter(other, server, "zoe", NEW)
    expect(other.get_by_role("button", name="Sign out")).to_be_visible()
    # Disabled: out at the next click.
    page.reload()
    card(page, "zoe").get_by_role("button", name="Disable").click()
    page.get_by_role("dialog").get_by_role("button", name="Disable").click()
    expect(card(page, "zoe").get_by_text("Disabled")).to_be_visible()
    other.get_by_test_id("stSidebarNav").get_by_role("link", name="Usage").click()
    expect(other.get_by_role("button", name="Continue as Ada - Pro admin")).to_be_visible()
    other = enter(other, server, "zoe", NEW)
    expect(other.get_by_text("That username and password do not belong together.")).to_be_visible()


def test_a_reset_ends_the_sessions_and_the_password_and_the_link_sets_another(
    page: Page, other: Page, server: Server
) -> None:
    sign_in(page, server, path="/team")
    path = invited(page, "Yan", "yan")
    other.goto(server.url + path)
    choose_password(other, NEW)
    expect(other.get_by_role("button", name="Sign out")).to_be_visible()
    card(page, "yan").get_by_role("button", name="New link").click()  # drawn before he came
    page.get_by_role("dialog").get_by_role("button", name="Make the link").click()
    path = shown_link(page)
    other.reload()
    expect(other.get_by_role("button", name="Continue as Ada - Pro admin")).to_be_visible()
    other = enter(other, server, "yan", NEW)
    expect(other.get_by_text("That username and password do not belong together.")).to_be_visible()
    other.goto(server.url + path)
    expect(other.get_by_text("choose a new password for your account at Northwind Labs")).to_be_visible()
    choose_password(other, NEW + " and a drum")
    expect(other.get_by_text("Yan · member")).to_be_visible()


def test_changing_the_password_signs_out_everywhere_else_and_goes_on_here(
    page: Page, context: BrowserContext, other: Page, server: Server
) -> None:
    other = enter(other, server, "max", PASSWORD)
    expect(other.get_by_role("button", name="Sign out")).to_be_visible()
    sign_in(page, server, MAX)
    before = {cookie["name"]: cookie["value"] for cookie in context.cookies()}["byok_session"]
    page.get_by_role("button", name="Change password").click()
    dialog = page.get_by_role("dialog")

    def change(present: str) -> None:
        dialog.get_by_label("Present password").and_(dialog.locator("input")).fill(present)
        dialog.get_by_role("textbox", name="New password", exact=True).fill(NEW)
        dialog.get_by_role("textbox", name="New password again").fill(NEW)
        dialog.get_by_role("button", name="Change", exact=True).click()

    change("not the present one")
    expect(dialog.get_by_text("That is not your present password.")).to_be_visible()
    with page.expect_event("load"):
        change(PASSWORD)
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    expect(page.get_by_role("dialog")).to_have_count(0)
    after = {cookie["name"]: cookie["value"] for cookie in context.cookies()}["byok_session"]
    assert after != before
    other.get_by_test_id("stSidebarNav").get_by_role("link", name="Usage").click()
    expect(other.get_by_role("button", name="Continue as Ada - Pro admin")).to_be_visible()
    other = enter(other, server, "max", PASSWORD)
    expect(other.get_by_text("That username and password do not belong together.")).to_be_visible()
    other = enter(other, server, "max", NEW)
    expect(other.get_by_role("button", name="Sign out")).to_be_visible()


def test_a_dialog_of_an_admin_who_is_made_a_member_meanwhile_makes_no_link(page: Page, server: Server) -> None:
    sign_in(page, server, "Continue as Bea - Basic admin", path="/team")
    expect(page.get_by_text("You are alone here")).to_be_visible()
    page.get_by_role("button", name="Make member").click()
    page.get_by_role("dialog").get_by_role("button", name="Become a member").click()
    expect(page.get_by_text("is the last admin of your company who can sign in")).to_be_visible()
    page.get_by_role("dialog").get_by_role("button", name="Close").click()
    page.get_by_role("button", name="Invite", exact=True).click()
    byok(server, "user", "role", "bea", "member")  # another process
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name", exact=True).fill("Late")
    dialog.get_by_label("Username").fill("late")
    dialog.get_by_role("button", name="Make the link").click()
    expect(dialog.get_by_text("Only an admin of your company can do this.")).to_be_visible()
    expect(dialog.locator("code")).to_have_count(0)
    byok(server, "user", "role", "bea", "admin")


def test_who_guesses_is_told_when_to_try_again_whether_the_name_is_known_or_not(page: Page, server: Server) -> None:
    for name in ("finn", "nobody-of-that-name"):
        page.goto(server.url)
        for _ in range(6):
            password = page.get_by_role("textbox", name="Password")
            this_form = password.get_attribute("id")
            page.get_by_label("Username").fill(name)
            password.fill("not the password")
            page.get_by_role("button", name="Sign in", exact=True).click()
            # Each try is followed by a new form: what is typed into the old one would be lost.
            expect(password).not_to_have_attribute("id", this_form or "")
            expect(page.get_by_test_id("stAlert")).to_be_visible()
            settled(page)
        expect(page.get_by_text("There were too many tries with this username or from this address.")).to_be_visible()
        expect(page.get_by_text("Try again in 1")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_neither_page_nor_dialogs_have_a_serious_violation(browser: Browser, server: Server, scheme: str) -> None:
    with profile(browser, color_scheme=scheme) as context, tab(context) as page:
        page.goto(f"{server.url}/?invite=no-such-link")
        expect(page.get_by_role("heading", name="This link does not work")).to_be_visible()
        found = bad(page, "a link that does not work")
        sign_in(page, server, path="/team")
        found += bad(page, "team")
        path = invited(page, "Xia", f"xia-{scheme}")
        for opener in ("Invite", "Change password"):
            page.get_by_role("button", name=opener, exact=True).click()
            expect(page.get_by_role("dialog")).to_be_visible()
            found += bad(page, f"dialog {opener}")
            page.get_by_role("dialog").get_by_role("button", name="Close").click()
            expect(page.get_by_role("dialog")).to_be_hidden()
        go(page, "Team")
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_role("button", name="Continue as Ada - Pro admin")).to_be_visible()
        page.goto(server.url + path)
        expect(page.get_by_role("heading", name="Choose your password")).to_be_visible()
        found += bad(page, "join")
    assert not found, "\n".join(found)
