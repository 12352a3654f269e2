"""An admin names who answers when the plan is used up; then it is, and everybody reads who answered and who paid."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect
from pydantic import SecretStr

from byok.core import rollups
from byok.core.model_names import ModelName
from byok.ground.clock import day_of, utc_now
from byok.ground.settings import Settings
from byok.ground.tables.rollups import NOBODY
from byok.process import Workbench
from byok.services.access import Actor
from tests.e2e.conftest import Server, settled, sign_in
from tests.e2e.steps import PICKER, ask, choose, ended, go

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(180)]

STANDARD = ModelName("plan", "local", "smollm2-135m-instruct")


class Replica:
    """Another process over the same database."""

    def __init__(self, server: Server) -> None:
        settings = Settings(home=server.home, demo=True, demo_password=SecretStr("demo-" + "password-1"))
        self.bench = Workbench.open(settings, what="command")
        (ada,) = (one for one in self.bench.accounts.people("northwind-labs") if one.username == "ada")
        self.ada = Actor(self.bench.accounts.company("northwind-labs").id, ada.id)

    def save_local_key(self) -> None:
        draft = self.bench.keys.draft(self.ada, provider_id="local", pasted=self.bench.local.key)
        assert self.bench.keys.test_draft(self.ada, draft.id).verdict == "accepted"
        self.bench.keys.save_draft(self.ada, draft.id, label="Team")

    def use_up(self) -> None:
        """As if today every message that is left had been answered."""
        allowance, used = self.bench.usage.allowance(self.ada)
        name = (STANDARD.source, STANDARD.provider_id, STANDARD.model)
        place = (self.ada.company_id, day_of(utc_now()), *name, NOBODY, NOBODY, NOBODY)
        with self.bench.db.write_core() as connection:
            rollups.add(connection, [rollups.Settled(place, {"answered": allowance - used})])


def name_a_fallback(page: Page) -> None:
    """Sets in Chatbot Settings that the company's own key answers instead."""
    go(page, "Chatbot Settings")
    page.get_by_role("button", name="Edit").nth(1).click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_text("Answer with another model instead", exact=True).click()
    choose(page, "Model that answers instead", "Your key")
    expect(dialog.get_by_text("answers, billed to your Local (llama.cpp) key.")).to_be_visible()


def test_a_fallback_is_set_in_words_and_what_it_answers_says_so(page: Page, own_server: Server) -> None:
    own_server.start()
    replica = Replica(own_server)
    try:
        replica.save_local_key()
        sign_in(page, own_server)
        name_a_fallback(page)
        page.get_by_role("dialog").get_by_role("button", name="Save").click()
        then = "If the plan is used up or a budget is reached, then smollm2-135m-instruct answers, billed to your Local"
        expect(page.get_by_text(then)).to_be_visible()
        replica.use_up()
        go(page, "Playground")
        choose(page, "Chatbot", "Plain Words")
        expect(page.get_by_role("combobox", name=PICKER)).to_have_value(
            "Plan · Local (llama.cpp) · smollm2-135m-instruct · used up · tiny offline model: shows the flow, not the "
            "quality"
        )
        expect(page.get_by_text("smollm2-135m-instruct answers instead, billed to your Local")).to_be_visible()
        ask(page, "Rewrite this so that it is friendly: Your request was denied.")
        ended(page)
        said = f"Answered by byok:local/{STANDARD.model} instead of {STANDARD}: the plan was used up."
        expect(page.get_by_text(said)).to_be_visible()
        expect(page.get_by_text("Your key · Local (llama.cpp) …").last).to_be_visible()
        settled(page)
        allowance, used = replica.bench.usage.allowance(replica.ada)
        assert allowance == used
    finally:
        replica.bench.close()
