"""The Team page and the page behind its links, as an admin and an invited person use them."""

from __future__ import annotations

from urllib.parse import urlsplit

from playwright.sync_api import Locator, Page, expect

from tests.e2e.conftest import settled


def invited(page: Page, name: str, username: str, role: str = "Member") -> str:
    """Invites somebody on the Team page; the path and query of the link."""
    page.get_by_role("button", name="Invite", exact=True).click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name", exact=True).fill(name)
    dialog.get_by_label("Username").fill(username)
    dialog.get_by_text(role, exact=True).click()
    dialog.get_by_role("button", name="Make the link").click()
    return shown_link(page)


def shown_link(page: Page) -> str:
    """Reads the link that the dialog shows, and closes it; the path and query."""
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("not shown again")).to_be_visible()
    expect(dialog.locator("code").filter(has_text="invite=")).to_be_visible()
    link = urlsplit(dialog.locator("code").filter(has_text="invite=").inner_text().replace("\n", ""))
    dialog.get_by_role("button", name="Close").click()
    expect(dialog).to_be_hidden()
    settled(page)
    return f"/?{link.query}"


def choose_password(page: Page, text: str, again: str | None = None) -> None:
    """Fills the page behind a link, and sends it."""
    page.get_by_role("textbox", name="New password", exact=True).fill(text)
    page.get_by_role("textbox", name="New password again").fill(text if again is None else again)
    page.get_by_role("button", name="Set the password and sign in").click()


def card(page: Page, username: str) -> Locator:
    """The person on the Team page."""
    return page.locator("[class*=st-key-person-]").filter(has_text=username)
