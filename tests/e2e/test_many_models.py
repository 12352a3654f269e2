"""Hundreds of models in a browser: found by typing, shown with what they cost, and typed where no list came."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import ROOT, Server, make_server, settled, sign_in
from tests.e2e.steps import ask, choose
from tests.providers.crowd import Crowd, crowd
from tests.providers.server import ProviderServer

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(180)]
MODEL = "Model (for each message)"


@pytest.fixture
def many(tmp_path: Path) -> Iterator[tuple[Server, ProviderServer]]:
    with crowd(tmp_path) as (provider, file):
        app = make_server(tmp_path / "home", BYOK_PROVIDERS=str(file))
        yield app, provider
        app.stop()


def add_key(app: Server, provider: ProviderServer) -> None:
    """By command line, as an operator would, with the demo seeded on the way."""
    byok = [sys.executable, "-c", "from byok.cli.main import main; main()"]
    which = ["--company", "northwind-labs", "--provider", "openrouter", "--label", "Team"]
    added = subprocess.run(
        [*byok, "key", "add", *which, "--json"],
        cwd=ROOT,
        env=app.env,
        input=provider.behaviour.key,
        text=True,
        capture_output=True,
        check=False,
    )
    assert added.returncode == 0, added.stderr
    assert json.loads(added.stdout)["verdict"] == "accepted"


def test_one_of_450_models_is_found_by_typing_and_answers(page: Page, many: tuple[Server, ProviderServer]) -> None:
    app, provider = many
    add_key(app, provider)
    app.start()
    sign_in(page, app)
    picker = page.get_by_role("combobox", name=MODEL)
    picker.click()
    picker.fill("hazel/m-347")
    found = page.get_by_role("option")
    expect(found.first).to_contain_text("Hazel/M-347")
    expect(found.first).to_contain_text("200,000 tokens · $0.6 in, $1.8 out")
    found.first.click()
    settled(page)
    ask(page, "Hello")
    expect(page.get_by_text("Grüße, world 😀")).to_be_visible()
    sent = [one.body["model"] for one in provider.requests if one.method == "POST"]
    assert sent == ["hazel/m-347"]


def test_where_the_list_never_came_a_models_id_is_typed(page: Page, many: tuple[Server, ProviderServer]) -> None:
    app, provider = many
    assert isinstance(provider.behaviour, Crowd)
    provider.behaviour.down = True
    add_key(app, provider)
    app.start()
    sign_in(page, app)
    choose(page, MODEL, "Your key · OpenRouter")
    page.get_by_label("Model id at OpenRouter").fill("elm/m-004")
    page.get_by_label("Model id at OpenRouter").press("Enter")
    settled(page)
    ask(page, "Hello")
    expect(page.get_by_text("Grüße, world 😀")).to_be_visible()
    sent = [one.body["model"] for one in provider.requests if one.method == "POST"]
    assert sent == ["elm/m-004"]


def test_a_chatbot_keeps_its_model_while_the_id_of_another_is_still_to_be_typed(
    page: Page, many: tuple[Server, ProviderServer]
) -> None:
    app, provider = many
    assert isinstance(provider.behaviour, Crowd)
    provider.behaviour.down = True
    add_key(app, provider)
    app.start()
    sign_in(page, app, path="/chatbot-settings")
    before = page.get_by_test_id("stMain").inner_text()
    page.get_by_role("button", name="Edit").first.click()
    choose(page, "Default model", "Your key · OpenRouter")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label("Model id at OpenRouter")).to_be_visible()
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.get_by_text("No model was chosen yet.")).to_be_visible()
    dialog.get_by_label("Close").click()
    settled(page)
    assert page.get_by_test_id("stMain").inner_text() == before
