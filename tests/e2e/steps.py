"""What a person does on these pages, in words that tests share."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

from tests.e2e.conftest import settled

STAYS_AT_THE_TOP = """() => new Promise((done) => {
  const main = document.querySelector("[data-testid=stAppScrollToBottomContainer]");
  let frames = 30;
  const look = () => (main.scrollTop > 0 ? done(false) : frames-- ? requestAnimationFrame(look) : done(true));
  look();
})"""
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
    """Types a message and sends it; waits until the page shows it."""
    page.get_by_test_id("stChatInputTextArea").fill(text)
    page.get_by_test_id("stChatInputTextArea").press("Enter")
    expect(page.get_by_test_id("stChatMessage").filter(has_text=text).last).to_be_visible()


def growing(page: Page) -> Locator:
    """The answers that are being written."""
    return page.locator(".live")


def fill(where: Locator, label: str, text: str) -> None:
    """Types into a field and leaves it, so that the page hears of it."""
    field = where.get_by_label(label).and_(where.locator("input, textarea"))
    field.fill(text)
    field.press("Tab")


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
    picker.fill(model.rsplit(" · ", 1)[-1])
    page.get_by_role("option").filter(has_text=model).first.click()
    for label, text in fields.items():
        fill(dialog, label.replace("_", " "), text)
    dialog.get_by_role("button", name="Add", exact=True).click()
    expect(dialog).to_be_hidden()
    settled(page)


def line_up(page: Page, *models: str) -> None:
    """Sets the columns of a conversation that has not begun yet."""
    settled(page)
    several = page.get_by_role("button", name="Keep only the first")
    if several.count():  # a new conversation begins with the columns of the last
        several.click()
        settled(page)
    choose(page, PICKER, models[0])
    for model in models[1:]:
        add_column(page, model)


def column(page: Page, number: int) -> Locator:
    """The card of a column under the newest message that has one."""
    return page.locator("[class*=st-key-cell-]").filter(has_text=re.compile(rf"^{number} · ")).last


def answer_of(card: Locator) -> str:
    """What a finished answer says, once it is drawn: a browser gets to one that has just come when it next paints."""
    answer = card.locator(".answer")
    expect(answer).to_contain_text(re.compile(r"\S"), use_inner_text=True)
    return answer.inner_text()


def ended(page: Page, *, timeout: float = 40_000) -> None:
    """Waits until the page shows no answer that is still being written, and all that follows from it."""
    expect(page.get_by_text("Answering …")).to_have_count(0, timeout=timeout)
    expect(growing(page)).to_have_count(0, timeout=timeout)
    settled(page)


def scroll_up(page: Page) -> None:
    """Scrolls to the top with the wheel and stays there: while a page grows, it goes on following its end."""
    page.mouse.move(page.evaluate("innerWidth") - 40, 300)
    for _ in range(20):
        page.mouse.wheel(0, -50_000)
        if page.evaluate(STAYS_AT_THE_TOP):
            return
    raise AssertionError("the page does not stay at its top")


def files_that_hold(home: Path, secret: bytes) -> list[str]:
    """The names of the files below a folder that hold these bytes."""
    return [path.name for path in sorted(home.rglob("*")) if path.is_file() and secret in path.read_bytes()]
