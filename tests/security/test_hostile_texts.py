"""A company in which every text means ill, read in Chromium place by place: nothing leaves without a click."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from playwright.sync_api import Browser, Page, Request

from tests.e2e.conftest import browser, profile, settled, tab
from tests.security.beacons import EVERY, KINDS, SILENT, collector
from tests.security.conftest import Tally
from tests.security.hostile_world import HostileWorld, hostile_world
from tests.security.surfaces import READ_BY_ANOTHER, SURFACES, Eye

__all__ = ["browser"]
pytestmark = [pytest.mark.browser, pytest.mark.threat(23)]

WHOLE = len(SURFACES) * len(EVERY)
NOTE_WHAT_WAS_STOPPED = """
  globalThis.stopped = [];
  document.addEventListener("securitypolicyviolation", (one) => stopped.push(one.blockedURI));
"""


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(WHOLE // 10, id="tenth", marks=[pytest.mark.slow, pytest.mark.timeout(300)]),
        pytest.param(WHOLE, id="whole", marks=[pytest.mark.soak, pytest.mark.timeout(1200)]),
    ],
)
def world(
    request: pytest.FixtureRequest, seeded_home: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[HostileWorld]:
    each = math.ceil(request.param / len(SURFACES) / len(KINDS))
    with hostile_world(tmp_path_factory.mktemp("hostile"), seeded_home, each=each) as made:
        yield made


@pytest.fixture(scope="module")
def pages(browser: Browser, world: HostileWorld) -> Iterator[dict[str, Page]]:
    """A tab of Ada's, whose company it is, and one of Max's, her colleague."""
    with profile(browser) as hers, profile(browser) as his, tab(hers) as ada, tab(his) as max_:
        found = {"ada": ada, "max": max_}
        for username, page in found.items():
            page.add_init_script(NOTE_WHAT_WAS_STOPPED)
            page.goto(world.server.url)
            page.locator(f".st-key-as-{username} button").click()
            page.get_by_role("button", name="Sign out").wait_for()
            settled(page)
        yield found


@pytest.mark.parametrize("surface", SURFACES)
def test_no_text_calls_home_from_where_it_is_read(
    pages: dict[str, Page], world: HostileWorld, tally: Tally, surface: str
) -> None:
    page = pages["max" if surface in READ_BY_ANOTHER else "ada"]
    asked: list[str] = []

    def note(request: Request) -> None:
        asked.append(request.url)

    page.on("request", note)
    eye = Eye(page, world)
    SURFACES[surface](eye)
    page.remove_listener("request", note)
    for text in world.texts[surface]:
        (path,) = {f"/{one}" for one in re.findall(rf"{re.escape(world.collector.origin)}/(\d{{4}})", text)}
        tally.tried()
        assert f"{world.collector.origin}{path}" in eye.seen, f"{text!r} was never on the screen"
    for url in asked:
        if url.startswith(world.collector.origin):
            tally.leaked(f"asked for: {world.planted.where[url.removeprefix(world.collector.origin)]}")
    for what, found in (("held back by the policy alone", eye.stopped), ("a link without rel", eye.stray)):
        for one in found:
            tally.leaked(f"{what}: {one}")
    assert (world.collector.heard, world.collector.opened) == ([], 0)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_collector_hears_each_of_them_from_a_page_that_takes_no_care(browser: Browser) -> None:
    careless = MarkdownIt("commonmark", {"html": True}).enable("table")
    unheard = []
    with collector() as serves, browser.new_context() as context:
        for number, payload in enumerate(payload for _, payload in EVERY if payload not in SILENT):
            with collector() as hears:
                html = careless.render(payload.format(u=f"{hears.origin}/beacon"))
                serves.pages[f"/{number}"] = f"<!DOCTYPE html><body>{html}</body>".encode()
                page = context.new_page()  # one for each: some of them lead their page away, whenever they get to it
                page.goto(f"{serves.origin}/{number}", wait_until="commit")
                if not hears.first.wait(10):
                    unheard.append(payload)
                page.close()
    assert unheard == []
