"""Answers belong to the process, not to the page: they go on, can be stopped, and survive what happens."""

from __future__ import annotations

import re
import signal
import time

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import Server, settled, sign_in
from tests.e2e.paced_app import PacedApp
from tests.e2e.steps import ask, growing, line_up

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

STORY = "Write a long story about a lighthouse keeper and her cat, with ten chapters."
LONG, SHORT = "plain-50-4000", "plain-200-40"
WORDS = re.compile(r"\w+ \w+ \w+ \w+")


def test_an_answer_goes_on_while_its_page_is_reloaded(page: Page, app: PacedApp) -> None:
    sign_in(page, app.server)
    line_up(page, LONG)
    ask(page, STORY)
    expect(growing(page)).to_have_text(WORDS, timeout=40_000)
    page.reload()
    expect(growing(page).or_(page.get_by_text("first token"))).to_contain_text(
        re.compile(r"\w+ \w+|first token"), timeout=40_000
    )
    stop = page.get_by_role("button", name="Stop", exact=True)
    if stop.is_visible():
        stop.click()
    expect(page.get_by_text(re.compile(r"first token \d+"))).to_be_visible(timeout=40_000)


def test_a_second_tab_reads_the_same_answer_as_it_grows(page: Page, app: PacedApp) -> None:
    sign_in(page, app.server)
    line_up(page, LONG)
    ask(page, STORY)
    expect(growing(page)).to_have_text(WORDS, timeout=40_000)
    other = page.context.new_page()
    other.goto(page.url)
    expect(growing(other)).to_have_text(WORDS, timeout=40_000)
    page.get_by_role("button", name="Stop", exact=True).click()
    expect(page.get_by_text("Stopped. What had arrived is kept.")).to_be_visible()
    expect(other.get_by_text("Stopped. What had arrived is kept.")).to_be_visible()


def test_an_answer_is_whole_in_the_end_although_its_stream_was_refused_at_first(page: Page, app: PacedApp) -> None:
    """A browser gives up on a stream for good when a proxy answers with a page of its own."""
    sign_in(page, app.server)
    line_up(page, LONG)
    page.route("**/app/stream?**", lambda route: route.fulfill(status=502, body="bad gateway"), times=1)
    ask(page, STORY)
    expect(growing(page)).to_have_text(WORDS, timeout=40_000)
    page.get_by_role("button", name="Stop", exact=True).click()
    expect(page.get_by_text("Stopped. What had arrived is kept.")).to_be_visible()


def test_a_dialog_that_opens_while_an_answer_grows_stays_open_when_it_ends(page: Page, app: PacedApp) -> None:
    sign_in(page, app.server)
    line_up(page, "plain-20-80")
    ask(page, STORY)
    expect(growing(page)).to_have_text(WORDS, timeout=40_000)
    page.get_by_role("button", name="Rename").click()
    title = page.get_by_role("dialog").get_by_label("Title")
    expect(title).to_be_visible()
    expect(page.get_by_text(re.compile(r"first token \d+"))).to_be_visible(timeout=40_000)
    settled(page)
    expect(title).to_be_visible()


def test_another_persons_conversation_is_not_shown(page: Page, app: PacedApp) -> None:
    sign_in(page, app.server)
    line_up(page, SHORT)
    ask(page, "Say hello in one short sentence.")
    expect(page.get_by_text(re.compile(r"first token \d+"))).to_be_visible(timeout=60_000)
    address = page.url
    assert "conversation=" in address
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("button", name="Continue as Max - Pro member").click()
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    page.goto(address)
    expect(page.get_by_text("That conversation is not here any more, or not yours.")).to_be_visible()
    expect(page.get_by_text("Say hello in one short sentence.")).to_have_count(0)


@pytest.mark.slow
def test_after_a_kill_9_the_partial_answer_is_there_and_marked_interrupted(page: Page, own_server: Server) -> None:
    own_server.start()
    sign_in(page, own_server)
    ask(page, STORY)
    # Texts are kept at most a second behind: wait until the database has some.
    expect(growing(page)).to_have_text(re.compile(r"(\w+\W+){40}"), timeout=40_000)
    address = page.url
    own_server.stop(signal.SIGKILL)
    own_server.start()
    page.goto(address)
    expect(page.get_by_text("Interrupted: the process that wrote it ended.")).to_be_visible(timeout=30_000)
    settled(page)
    expect(page.get_by_test_id("stChatMessage").nth(1)).to_contain_text(re.compile(r"\w+ \w+ \w+"))


@pytest.mark.slow
def test_a_process_that_is_told_to_stop_does_so_at_once_and_keeps_what_streams(page: Page, own_server: Server) -> None:
    own_server.start()
    sign_in(page, own_server)
    ask(page, STORY)
    expect(growing(page)).to_have_text(WORDS, timeout=40_000)
    address = page.url
    began = time.monotonic()
    own_server.stop(signal.SIGTERM)
    assert time.monotonic() - began < 5  # the open stream used to hold it until the answer ended
    own_server.start()
    page.goto(address)
    expect(page.get_by_text("Interrupted: the process that wrote it ended.")).to_be_visible(timeout=30_000)
    expect(page.get_by_test_id("stChatMessage").nth(1)).to_contain_text(WORDS)
