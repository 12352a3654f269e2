"""What a person does on these pages, in words that tests share."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page, expect

from tests.e2e.conftest import settled


def go(page: Page, title: str) -> None:
    """Opens a page by its link in the sidebar."""
    page.get_by_test_id("stSidebarNav").get_by_role("link", name=title).click()
    expect(page.get_by_role("heading", name=title, exact=True)).to_be_visible()
    settled(page)


def choose(page: Page, label: str, begins: str) -> None:
    """Chooses the first option of a picker that begins so."""
    picker = page.get_by_role("combobox", name=label)
    picker.click()
    picker.fill(begins)
    page.get_by_role("option").filter(has_text=begins).first.click()
    settled(page)


def ask(page: Page, text: str) -> None:
    """Types a message and sends it."""
    page.get_by_test_id("stChatInputTextArea").fill(text)
    page.get_by_test_id("stChatInputTextArea").press("Enter")


def files_that_hold(home: Path, secret: bytes) -> list[str]:
    """The names of the files below a folder that hold these bytes."""
    return [path.name for path in sorted(home.rglob("*")) if path.is_file() and secret in path.read_bytes()]
