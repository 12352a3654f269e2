"""A list that is renewed behind an open page: the browser names models as they were called, and nobody is moved."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest
import respx
from playwright.sync_api import Locator, Page, expect

from byok.ground.tables import ModelMenu
from byok.process import Workbench
from tests.e2e.conftest import Server, settled, sign_in
from tests.e2e.steps import choose
from tests.pages.front import Front
from tests.seeded import settings_of

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(180)]

MODEL = "Model (for each message)"
FIRST: dict[str, Any] = {"id": "first", "name": "first"}
SECOND: dict[str, Any] = {"id": "second", "name": "second"}


def rerun(page: Page) -> None:
    """Has the page drawn again, as any click on it does."""
    search = page.get_by_placeholder("Search")
    search.fill("x" if search.input_value() == "" else "")
    search.press("Enter")
    settled(page)


def test_a_choice_outlives_every_renewal_and_a_click_on_an_old_name_chooses_that_model(
    page: Page, own_server: Server
) -> None:
    own_server.start()
    router = respx.Router(assert_all_called=False)
    # Another process over the same database, as a replica is.
    replica = Workbench.open(
        settings_of(own_server.home), what="command", transport=httpx.MockTransport(router.async_handler)
    )
    key = Front(replica, router).save_key(models=("first", "second"))

    def renew(*models: dict[str, Any], gone: tuple[dict[str, Any], ...] = ()) -> None:
        with replica.db.write() as session:
            menu = session.get_one(ModelMenu, key.id)
            menu.models, menu.gone = list(models), list(gone)
            session.add(menu)

    def picker() -> Locator:
        return page.get_by_role("combobox", name=MODEL)

    try:
        sign_in(page, own_server)
        choose(page, MODEL, f"Your key · OpenAI …{key.hint} · second")
        for context in (128_000, 256_000):
            renew(FIRST, {**SECOND, "context": context})
            rerun(page)
            expect(picker()).to_have_value(re.compile(f"second · {context:,} tokens"))
        renew(FIRST, gone=({**SECOND, "since": "2026-11-20"},))
        for _ in range(2):
            rerun(page)
            expect(picker()).to_have_value(re.compile(r"second · no longer in OpenAI's list since 2026-11-20"))
        renew({**FIRST, "context": 64_000}, SECOND)  # the page still shows how the first one was called before
        choose(page, MODEL, f"Your key · OpenAI …{key.hint} · first")
        expect(picker()).to_have_value(re.compile("first · 64,000 tokens"))
        expect(page.get_by_text(f"Your key · OpenAI …{key.hint}", exact=True)).to_be_visible()
    finally:
        replica.close()
