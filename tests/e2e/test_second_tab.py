"""A conversation in two tabs of a browser: each follows what the other sets, and sets nothing back."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from tests.e2e.conftest import settled, sign_in, tab
from tests.e2e.paced_app import PacedApp
from tests.e2e.steps import PICKER, ask, choose, ended, line_up, scroll_up

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(180)]

FAST, FASTER = "plain-200-40", "plain-400-30"
BUILT_IN = "smollm2-135m-instruct"


def rerun(page: Page) -> None:
    """Has the page drawn again, as any click on it does."""
    search = page.get_by_placeholder("Search")
    search.fill("x" if search.input_value() == "" else "")
    search.press("Enter")
    settled(page)


def picker(page: Page) -> Locator:
    return page.get_by_role("combobox", name=PICKER)


def pays(page: Page, model: str) -> None:
    """Waits until the page says who pays for that model: by then it is kept."""
    who = "1 plan message" if model == BUILT_IN else "Your key"
    expect(page.get_by_text(re.compile(f"^Before sending: {who}"))).to_be_visible()


def shows(page: Page, model: str) -> None:
    """Checks which model is chosen there, however often the page is drawn again."""
    for _ in range(3):
        rerun(page)
        expect(picker(page)).to_have_value(re.compile(model))
        pays(page, model)


@pytest.fixture
def conversation(page: Page, app: PacedApp) -> Page:
    """A tab with a conversation that has begun."""
    sign_in(page, app.server)
    line_up(page, FAST)
    ask(page, "Begin")
    ended(page)
    return page


def test_a_tab_follows_the_model_that_another_chose_and_chooses_again(
    conversation: Page, context: BrowserContext
) -> None:
    with tab(context) as other:
        other.goto(conversation.url)
        settled(other)
        for chooses, follows, model in ((other, conversation, BUILT_IN), (conversation, other, FAST)):
            choose(chooses, PICKER, model)
            pays(chooses, model)
            shows(follows, model)
            shows(chooses, model)


def choose_beside_the_parameters(page: Page, model: str) -> None:
    page.get_by_role("button", name="Parameters").click()
    dialog = page.get_by_role("dialog")
    its = dialog.get_by_role("combobox", name="Model of this column")
    its.click()
    its.fill(model)
    page.get_by_role("option").filter(has_text=model).first.click()
    dialog.get_by_role("button", name="Save", exact=True).click()
    expect(dialog).to_be_hidden()
    settled(page)


def test_the_picker_shows_what_was_chosen_beside_the_parameters(conversation: Page) -> None:
    choose_beside_the_parameters(conversation, FASTER)
    shows(conversation, FASTER)


def test_the_picker_of_a_new_conversation_shows_what_was_chosen_beside_the_parameters(
    page: Page, app: PacedApp
) -> None:
    sign_in(page, app.server)
    line_up(page, FAST)
    choose_beside_the_parameters(page, FASTER)
    shows(page, FASTER)
    choose(page, PICKER, BUILT_IN)
    shows(page, BUILT_IN)


def test_sharing_that_one_tab_ended_stays_ended_in_the_other(conversation: Page, context: BrowserContext) -> None:
    scroll_up(conversation)
    conversation.get_by_role("button", name="Share").click()
    conversation.get_by_text("Share with company").click()
    expect(conversation.get_by_test_id("stCode")).to_be_visible()
    with tab(context) as other:
        other.goto(conversation.url)
        settled(other)
        other.get_by_role("button", name="Share").click()
        other.get_by_text("Share with company").click()
        expect(other.get_by_text("Only you can read it.")).to_be_visible()
        for _ in range(2):
            rerun(conversation)
            expect(conversation.get_by_text("Shared", exact=True)).to_have_count(0)
        rerun(other)
        expect(other.get_by_text("Shared", exact=True)).to_have_count(0)
