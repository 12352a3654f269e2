"""The built-in model twice, side by side: on the plan and on the company's own key, each paid by whom it says."""

from __future__ import annotations

import json
import subprocess

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import ROOT, Server, sign_in
from tests.e2e.paced_app import BYOK, COMPANY
from tests.e2e.steps import PICKER, add_column, ask, choose, column, ended, go

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(180)]


def add_local_key(server: Server) -> None:
    which = ("--company", COMPANY, "--provider", "local", "--label", "Local", "--json")
    added = subprocess.run(
        [*BYOK, "key", "add", *which],
        cwd=ROOT,
        env=server.env,
        input=(server.home / "local.key").read_text(),
        text=True,
        capture_output=True,
        check=False,
    )
    assert added.returncode == 0, added.stderr
    assert json.loads(added.stdout)["verdict"] == "accepted"


def test_the_plans_model_and_the_own_key_answer_side_by_side_and_each_is_counted_once(
    page: Page, own_server: Server
) -> None:
    own_server.start()
    sign_in(page, own_server)
    add_local_key(own_server)
    page.reload()
    choose(page, PICKER, "Plan")
    add_column(page, "Your key", Answer_length="60")
    expect(page.get_by_text("Before sending: 1 plan message (Plan · 10,000 of 10,000 left) · Your key")).to_be_visible()
    ask(page, "Say hello in one short sentence.")
    ended(page, timeout=90_000)
    expect(column(page, 1)).to_contain_text("Plan · Local (llama.cpp)")
    expect(column(page, 1)).to_contain_text("plan message")
    expect(column(page, 2)).to_contain_text("Your key · Local (llama.cpp) …")
    expect(column(page, 2)).to_contain_text("cost —")
    go(page, "Usage")
    expect(page.get_by_text("1 answered BYOK request + 1 plan message = 2 answers")).to_be_visible()
