"""A person in a Chromium of his own, in the thread that made it, who asks and then does what ends an answer."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType

import pytest
from playwright.sync_api import Error, Page, expect, sync_playwright

from tests.e2e.conftest import FLAGS, HOW, Server, find_chromium, settled, sign_in
from tests.e2e.ending_kinds import Choice, Ending
from tests.e2e.endings import Asked
from tests.e2e.steps import PICKER, ask, choose, ended, go, growing

RECEIPT = re.compile(r"first token \d+")
WORDS = re.compile(r"\w+ \w+ \w+")
# Not as it is laid out: of what lies below the page's edge a browser lays out nothing.
TEXTS = "(lives) => lives.map((live) => [...live.querySelectorAll('p')].map((one) => one.textContent).join(' '))"
TURNS = 5  # questions in one conversation: more would make its page, and each click on it, slower


class Person:
    """Signed in as Ada. `close` in the thread that made it."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._playwright = sync_playwright().start()
        path = find_chromium(self._playwright)
        if path is None:
            self._playwright.stop()
            pytest.skip(HOW)
        self._browser = self._playwright.chromium.launch(executable_path=path, args=FLAGS)
        # A small page that does not move leaves the machine to the others.
        self._context = self._browser.new_context(viewport={"width": 1024, "height": 720}, reduced_motion="reduce")
        self.page = self._context.new_page()
        sign_in(self.page, server)
        self._turns = 0

    def close(self) -> None:
        """Ends the browser."""
        self._browser.close()
        self._playwright.stop()

    def run(self, ending: Ending, questions: Iterable[tuple[str, Choice]]) -> list[Asked]:
        """Asks each of these and ends each answer so. What goes on is not waited for."""
        return [self._once(ending, text, choice) for text, choice in questions]

    def ask(self, text: str, choice: Choice) -> str:
        """Asks on the Playground, and waits until text has begun.

        Returns:
            What is there of it then; nothing where the answer was over before the page had shown any.
        """
        self._to_the_playground()
        chosen = self.page.get_by_role("combobox", name=PICKER).input_value()
        if choice.line not in chosen:
            choose(self.page, PICKER, choice.line)
        self._turns += 1
        before = _receipts(self.page)
        ask(self.page, text)
        return _begun(self.page, before)

    def come_back(self) -> None:
        """Opens the app anew, as after its restart."""
        self._turns = 0
        self.page.goto(self._server.url)
        self.page.get_by_role("button", name="Sign out").wait_for()
        settled(self.page)

    def _once(self, ending: Ending, text: str, choice: Choice) -> Asked:
        asked = Asked(ending, text, choice)
        try:
            began = self.ask(text, choice)
            if not began:
                return replace(asked, at=time.time())
            asked = replace(asked, began=began, at=ACTS[ending.name](self.page))
        except (Error, AssertionError) as error:
            self.page.close()
            return replace(asked, trouble=f"{type(error).__name__}: {error}"[:500])
        if ending.name in ("click away", "reload"):
            self._turns = TURNS
        return asked

    def _to_the_playground(self) -> None:
        if self.page.is_closed():
            self.page = self._context.new_page()
            self.come_back()
        elif self._turns >= TURNS:
            if self.page.get_by_test_id("stChatInputTextArea").count() == 0:
                go(self.page, "Playground")
            if "conversation=" in self.page.url:
                self.page.get_by_role("button", name="New conversation").click()
            expect(self.page.get_by_text("Ask something, or try one of these")).to_be_visible()
            settled(self.page)
            self._turns = 0


def _receipts(page: Page) -> int:
    settled(page)
    return page.get_by_text(RECEIPT).count()


def _begun(page: Page, receipts: int) -> str:
    """Waits until an answer has text that grows, and returns it; nothing where it is over: there is one more receipt.

    While a page is drawn anew, what was on it before can stand there twice: that is waited for first.
    """
    settled(page)
    over = page.get_by_text(RECEIPT).nth(receipts)
    begun = growing(page).filter(has_text=WORDS)
    while True:
        begun.or_(over).first.wait_for()
        texts = begun.evaluate_all(TEXTS)  # without waiting: it may be over the next moment, or drawn anew
        if texts or over.count():
            return str(texts[-1]) if texts else ""


def _shows(page: Page, what: str | re.Pattern[str]) -> None:
    expect(page.get_by_test_id("stChatMessage").last).to_contain_text(what)


def _complete(page: Page) -> float:
    ended(page)
    _shows(page, RECEIPT)
    return 0.0


def _stop(page: Page) -> float:
    page.get_by_role("button", name="Stop", exact=True).click()
    at = time.time()
    ended(page)
    _shows(page, "Stopped. What had arrived is kept.")
    return at


def _click_away(page: Page) -> float:
    page.get_by_test_id("stSidebarNav").get_by_role("link", name="API Keys").click()
    at = time.time()
    expect(page.get_by_role("heading", name="API Keys", exact=True)).to_be_visible()
    settled(page)
    return at


def _close_tab(page: Page) -> float:
    page.close()
    return time.time()


def _reload(page: Page) -> float:
    before = _receipts(page)
    page.reload(wait_until="commit")
    at = time.time()
    page.get_by_role("button", name="Sign out").wait_for()
    _begun(page, before)
    return at


def _reset(page: Page) -> float:
    ended(page)
    expect(page.get_by_test_id("stChatMessage").last.get_by_test_id("stAlert")).to_be_visible()
    return 0.0


# Each returns the moment when its ending had begun, in seconds since the epoch; 0 where that is the provider's to say.
ACTS: Mapping[str, Callable[[Page], float]] = MappingProxyType(
    {
        "complete": _complete,
        "stop": _stop,
        "click away": _click_away,
        "close tab": _close_tab,
        "reload": _reload,
        "provider reset": _reset,
    }
)
