"""Where a person reads what models, providers and others wrote: fourteen places, and the way to each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType

from playwright.sync_api import Page, expect

from tests.e2e.conftest import settled
from tests.e2e.steps import PICKER, ask, choose, ended
from tests.security.hostile_world import COLUMNS, HostileWorld, run_file_of

# All that stands in the page: texts, attributes and what fields hold, in elements with a root of their own too.
EVERYTHING = """() => {
  const found = [];
  const walk = (root) => {
    found.push(root.textContent);
    for (const one of root.querySelectorAll("*")) {
      found.push(...[...one.attributes].map((attribute) => attribute.value), one.value ?? "");
      if (one.shadowRoot) walk(one.shadowRoot);
    }
  };
  walk(document.documentElement);
  return found.join("\\n");
}"""
# A frame is drawn, and what it wants to fetch is asked for.
IDLE = "() => new Promise((done) => requestAnimationFrame(() => requestIdleCallback(done, { timeout: 2000 })))"
STRAY_LINKS = """(home) => [...document.querySelectorAll("a[href]")].filter((one) => one.href.startsWith(home)
  && !(one.relList.contains("noopener") && one.relList.contains("noreferrer") && one.target === "_blank"))
  .map((one) => one.outerHTML)"""


class Eye:
    """Looks at a page of a person, and remembers all that was ever in it."""

    def __init__(self, page: Page, world: HostileWorld) -> None:
        self.page, self.world = page, world
        self.seen = ""
        self.stray: list[str] = []
        self.stopped: list[str] = []

    def look(self, *, running: bool = False) -> None:
        """Waits until the page is drawn and quiet."""
        if not running:
            settled(self.page)
        self.page.evaluate(IDLE)
        self.seen += self.page.evaluate(EVERYTHING)
        self.stray += self.page.evaluate(STRAY_LINKS, self.world.collector.origin)
        self.stopped += self.page.evaluate("globalThis.stopped.splice(0)")

    def visit(self, path: str) -> None:
        """Opens a page by its address."""
        self.page.goto(self.world.server.url + path)
        self.page.get_by_role("button", name="Sign out").wait_for()
        self.look()

    def talk(self, surface: str) -> None:
        """Opens the conversation that was furnished for a surface, once its answers are there."""
        self.page.goto(f"{self.world.server.url}/?conversation={self.world.conversations[surface]}")
        expect(self.page.get_by_role("button", name="Export")).to_be_visible()
        expect(self.page.get_by_test_id("stChatMessage").first).to_be_visible()
        self.look()

    def close(self) -> None:
        """Closes the dialog that is open."""
        self.page.get_by_role("dialog").get_by_role("button", name="Close").click()
        expect(self.page.get_by_role("dialog")).to_be_hidden()

    def dialog(self) -> None:
        """Looks at the dialog that was just asked for."""
        expect(self.page.get_by_role("dialog")).to_be_visible()
        self.look()


def _by(count: int, texts: Sequence[str]) -> Iterator[Sequence[str]]:
    return (texts[begin : begin + count] for begin in range(0, len(texts), count))


def _running(eye: Eye) -> None:
    eye.visit("/")
    choose(eye.page, PICKER, "runs")
    ask(eye.page, "Go on")
    expect(eye.page.locator(".live")).to_contain_text("and")
    eye.look(running=True)
    eye.world.gate.set()
    ended(eye.page)
    eye.look()


def _answer(surface: str) -> Callable[[Eye], None]:
    return lambda eye: eye.talk(surface)


def _several(surface: str) -> Callable[[Eye], None]:
    def show(eye: Eye) -> None:
        for name in (name for name in eye.world.conversations if name.startswith(surface)):
            eye.talk(name)

    return show


def _compared(eye: Eye) -> None:
    eye.talk("the words compared")
    eye.page.get_by_role("button", name="Compare the words").click()
    eye.dialog()


def _source(eye: Eye) -> None:
    eye.talk("reasoning and source")
    eye.page.get_by_text("Reasoning", exact=True).click()
    eye.look()
    eye.page.get_by_role("button", name="Source").click()
    expect(eye.page.get_by_test_id("stCode")).to_be_visible()
    eye.look()


def _models(eye: Eye) -> None:
    _several("models")(eye)
    eye.page.get_by_role("button", name="New conversation").click()
    settled(eye.page)
    eye.page.get_by_role("combobox", name=PICKER).click()
    expect(eye.page.get_by_role("option").first).to_be_visible()
    eye.look()


def _titles(eye: Eye) -> None:
    eye.talk("messages")
    for number, name in enumerate(name for name in eye.world.conversations if name.startswith("titles")):
        eye.talk(name)
        search = eye.page.get_by_role("textbox", name="Search conversations")
        search.fill(f"page {number} ")
        search.press("Enter")
        expect(
            eye.page.locator(".st-key-conversations button").filter(has_text=f"page {number} ").first
        ).to_be_visible()
        eye.look()


def _chatbots(eye: Eye) -> None:
    eye.visit("/chatbot-settings")
    eye.page.get_by_text("Instructions", exact=True).last.click()
    for instructions in eye.page.get_by_test_id("stExpander").all():
        if instructions.get_by_test_id("stText").count() == 0:
            instructions.get_by_text("Instructions", exact=True).click()
    eye.look()
    eye.page.get_by_role("button", name="Edit").last.click()
    eye.dialog()


def _keys(eye: Eye) -> None:
    eye.visit("/api-keys")
    for button in ("What we store", "Delete"):
        eye.page.get_by_role("button", name=button, exact=True).first.click()
        eye.dialog()
        eye.close()


def _verdict(eye: Eye) -> None:
    eye.visit("/api-keys")
    for some in _by(4, eye.world.plant("a key's verdict", lines=False)):
        eye.world.fake.refused = " ".join(some)
        eye.page.get_by_role("button", name="Test again").first.click()
        expect(eye.page.get_by_role("dialog")).to_contain_text(some[0].rpartition("/")[2][:4])
        eye.dialog()
        eye.close()
    eye.world.fake.refused = None


def _usage(eye: Eye) -> None:
    for split in ("Model", "Key", "Person", "Chatbot"):
        eye.visit(f"/usage?split={split}")
        eye.page.locator(".usage-table tr.part button").last.click()
        expect(eye.page.locator(".attempts tbody tr").first).to_be_visible()
        eye.look()


def _run_file(eye: Eye) -> None:
    texts = eye.world.plant("a run file", longest=120, lines=False)
    for some in _by(COLUMNS, texts):
        eye.visit("/")
        eye.page.get_by_role("button", name="Open a run file").click()
        field = eye.page.get_by_role("dialog").locator("input[type=file]")
        made = run_file_of(some[0], some)
        field.set_input_files({"name": "run.json", "mimeType": "application/json", "buffer": made})
        expect(eye.page.get_by_role("button", name="Run it anew")).to_be_visible()
        eye.dialog()


SURFACES: Mapping[str, Callable[[Eye], None]] = MappingProxyType(
    {
        "a running answer": _running,
        "a finished answer": _answer("a finished answer"),
        "a finished answer with formulas": _answer("a finished answer with formulas"),
        "a shared conversation": _answer("a shared conversation"),
        "the words compared": _compared,
        "reasoning and source": _source,
        "an error": _several("an error"),
        "models": _models,
        "titles and messages": _titles,
        "chatbots": _chatbots,
        "keys": _keys,
        "a key's verdict": _verdict,
        "usage": _usage,
        "a run file": _run_file,
    }
)
READ_BY_ANOTHER = frozenset({"a shared conversation"})
