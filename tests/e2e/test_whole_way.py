"""The whole way in a browser, against the built-in model, nothing mocked: from a pasted key to a usage row."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import Page, WebSocket, expect

from tests.e2e.conftest import Server, settled, sign_in
from tests.e2e.steps import ask, choose, files_that_hold, fill, go, growing

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

STORY = "Write a long story about a lighthouse keeper and her cat, with ten chapters."
MODEL = "Model (for each message)"


class Frames:
    """Every websocket frame of a tab, in both directions."""

    def __init__(self, page: Page) -> None:
        self.sent: list[bytes] = []
        self.received: list[bytes] = []
        page.on("websocket", self._follow)

    def _follow(self, socket: WebSocket) -> None:
        socket.on("framesent", lambda frame: self.sent.append(_bytes(frame)))
        socket.on("framereceived", lambda frame: self.received.append(_bytes(frame)))


def _bytes(frame: str | bytes) -> bytes:
    return frame.encode() if isinstance(frame, str) else frame


def paste_and_test(page: Page, key: str) -> None:
    page.get_by_label("Local (llama.cpp) key").fill(key)
    page.get_by_role("dialog").get_by_role("button", name="Test", exact=True).click()


def ciphertexts(home: Path) -> list[bytes]:
    with closing(sqlite3.connect(home / "byok.sqlite3")) as database:
        return [row[0] for row in database.execute("select ciphertext from api_key")]


def save_key_of_the_built_in_model(page: Page, server: Server) -> None:
    """Signs in, is refused with a wrong key, saves the right one, and looks for it in all that the tab received."""
    frames = Frames(page)
    sign_in(page, server)

    # A wrong key is rejected and cannot be saved.
    go(page, "API Keys")
    expect(page.get_by_text("No keys yet")).to_be_visible()
    page.get_by_role("button", name="Add Key").click()
    page.get_by_role("dialog").get_by_text("Local (llama.cpp)", exact=True).click()
    paste_and_test(page, "not-" + "the-key-of-this-model")
    expect(page.get_by_role("dialog").get_by_text(re.compile(r"Rejected$"))).to_be_visible()
    expect(page.get_by_role("dialog").get_by_role("button", name="Save")).to_be_disabled()

    # The right one is accepted, and saved.
    key = (server.home / "local.key").read_text().strip()
    paste_and_test(page, key)
    expect(page.get_by_role("dialog").get_by_text(re.compile(r"Accepted$"))).to_be_visible()
    page.get_by_role("dialog").get_by_role("button", name="Save").click()
    expect(page.get_by_text(f"…{key[-4:]}").first).to_be_visible()
    expect(page.get_by_role("dialog")).to_be_hidden()

    # After a reload nothing but the submitting frame ever held the key.
    page.reload()
    expect(page.get_by_role("heading", name="API Keys")).to_be_visible()
    settled(page)
    assert key not in page.content()
    assert [frame for frame in frames.received if key.encode() in frame] == []
    assert len([frame for frame in frames.sent if key.encode() in frame]) == 1


def test_a_pasted_key_is_proven_and_saved_and_only_the_frame_that_submits_it_ever_holds_it(
    page: Page, own_server: Server
) -> None:
    own_server.start()
    save_key_of_the_built_in_model(page, own_server)


@pytest.mark.slow
def test_from_a_pasted_key_to_a_streamed_answer_and_a_usage_row(page: Page, own_server: Server) -> None:
    own_server.start()
    home = own_server.home
    save_key_of_the_built_in_model(page, own_server)

    # The BYOK model answers; one answer is stopped midway.
    go(page, "Playground")
    choose(page, MODEL, "Your key")
    ask(page, STORY)
    expect(growing(page)).to_have_text(re.compile(r"\w+ \w+ \w+"), timeout=40_000)
    page.get_by_role("button", name="Stop", exact=True).click()
    expect(page.get_by_text("Stopped. What had arrived is kept.")).to_be_visible()
    expect(page.get_by_text(re.compile(r"Your key · Local \(llama\.cpp\) …")).last).to_be_visible()

    # One finishes while the person is on another page. So small a model would otherwise go on to its limit.
    page.get_by_role("button", name="Parameters").click()
    fill(page.get_by_role("dialog"), "Answer length (tokens)", "150")
    page.get_by_role("dialog").get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("dialog")).to_be_hidden()
    settled(page)
    ask(page, "Give me three tips for a good night's sleep.")
    expect(growing(page)).to_be_visible()
    address = page.url
    go(page, "Usage")
    go(page, "Chatbot Settings")
    page.goto(address)
    expect(page.get_by_text(re.compile(r"first token \d+")).nth(1)).to_be_visible(timeout=60_000)

    # A dialog opens while an answer streams, and stays open when it ends.
    ask(page, "Write a short welcome message for new customers.")
    expect(page.get_by_role("button", name="Stop", exact=True)).to_be_visible()
    page.get_by_role("button", name="Rename").click()
    expect(page.get_by_role("dialog").get_by_label("Title")).to_be_visible()
    expect(page.get_by_text(re.compile(r"first token \d+")).nth(2)).to_be_visible(timeout=60_000)
    expect(page.get_by_role("dialog").get_by_label("Title")).to_be_visible()
    page.keyboard.press("Escape")

    # Usage: exactly these BYOK requests, the plan untouched.
    go(page, "Usage")
    expect(page.get_by_text("3 answered BYOK requests + 0 plan messages = 3 answers")).to_be_visible()
    expect(page.get_by_text("Plan · 10,000 of 10,000 left")).to_be_visible()

    # One standard message: the plan counts one.
    go(page, "Playground")
    choose(page, MODEL, "Plan")
    ask(page, "Say hello in one short sentence.")
    expect(page.get_by_text(re.compile(r"first token \d+"))).to_be_visible(timeout=60_000)
    go(page, "Usage")
    expect(page.get_by_text("3 answered BYOK requests + 1 plan message = 4 answers")).to_be_visible()
    expect(page.get_by_text("Plan · 9,999 of 10,000 left")).to_be_visible()

    # The BYOK model becomes a chatbot's default.
    go(page, "Chatbot Settings")
    page.get_by_role("button", name="New chatbot").click()
    page.get_by_role("dialog").get_by_label("Name").fill("Lighthouse")
    choose(page, "Default model", "Your key")
    page.get_by_role("dialog").get_by_role("button", name="Save").click()
    expect(page.get_by_text("Lighthouse")).to_be_visible()
    expect(page.get_by_role("dialog")).to_be_hidden()

    # The key is deleted: named beforehand what loses its model, gone afterwards, bytes and all.
    sealed = ciphertexts(home)
    assert len(sealed) == 1
    assert files_that_hold(home, sealed[0]) != []
    go(page, "API Keys")
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("dialog").get_by_text("Lighthouse")).to_be_visible()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_text("No keys yet")).to_be_visible()
    expect(page.get_by_text("being erased from the database")).to_be_hidden()
    assert files_that_hold(home, sealed[0]) == []
    go(page, "Chatbot Settings")
    expect(page.get_by_text("Choose another model for this chatbot; none is chosen for it.")).to_be_visible()
    go(page, "Playground")
    page.get_by_role("combobox", name=MODEL).click()
    expect(page.get_by_role("option").first).to_be_visible()
    expect(page.get_by_role("option").filter(has_text="Your key")).to_have_count(0)
