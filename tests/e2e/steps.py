"""What a person does on these pages, in words that tests share."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Locator, Page, expect

from tests.e2e.conftest import settled

PICKER = "Model (for each message)"


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


def growing(page: Page) -> Locator:
    """The answers that are being written."""
    return page.locator(".live")


def add_column(page: Page, model: str, **fields: str) -> None:
    """Adds a column by its dialog.

    Args:
        model: what the picker's option contains.
        fields: what is typed into others, by their labels, where `_` stands for a space.
    """
    page.locator(".st-key-add-column button").click()
    dialog = page.get_by_role("dialog")
    picker = dialog.get_by_role("combobox", name="Model of this column")
    picker.click()
    picker.fill(model)
    page.get_by_role("option").filter(has_text=model).first.click()
    for label, text in fields.items():
        dialog.get_by_label(label.replace("_", " ")).fill(text)
        dialog.get_by_label(label.replace("_", " ")).press("Tab")
    dialog.get_by_role("button", name="Add", exact=True).click()
    expect(dialog).to_be_hidden()
    settled(page)


def line_up(page: Page, *models: str) -> None:
    """Sets the columns of a conversation that has not begun yet."""
    choose(page, PICKER, models[0])
    for model in models[1:]:
        add_column(page, model)


def column(page: Page, number: int) -> Locator:
    """The card of a column under the newest message."""
    return page.locator(
        f"[class*='st-key-cell-'][class$='-{number}'], [class*='st-key-cell-'][class*='-{number} ']"
    ).last


def files_that_hold(home: Path, secret: bytes) -> list[str]:
    """The names of the files below a folder that hold these bytes."""
    return [path.name for path in sorted(home.rglob("*")) if path.is_file() and secret in path.read_bytes()]
