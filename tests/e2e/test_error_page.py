"""A page that fails, in a real browser: the person sees our words and an id, and the log knows that id."""

from __future__ import annotations

import json
import shutil
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.certificates import trusted
from tests.e2e.conftest import Server, make_server, settled, sign_in
from tests.e2e.failing_app import SECRET
from tests.e2e.test_whole_way import Frames

pytestmark = pytest.mark.browser


def entries(server: Server) -> list[dict[str, Any]]:
    """What the process has logged."""
    return [json.loads(line) for line in server.log if line.startswith("{")]


def error_id(where: Page | Locator) -> str:
    """The id on the page."""
    expect(where.get_by_text("Error id")).to_be_visible()
    return where.get_by_test_id("stCode").last.inner_text().strip()


def logged(server: Server, request_id: str) -> dict[str, Any]:
    """The one entry under an id. The log is there before the page, but its reader may be a moment late."""
    for _ in range(200):
        found = [one for one in entries(server) if one.get("request") == request_id]
        if found:
            (entry,) = found
            return entry
        threading.Event().wait(0.02)
    raise AssertionError(f"nothing under {request_id}")


def test_a_page_that_fails_shows_an_id_that_is_in_the_log_and_nothing_of_the_reason(
    seeded_home: Path, tmp_path: Path, page: Page
) -> None:
    home = shutil.copytree(seeded_home, tmp_path / "home")
    server = make_server(home, BYOK_LOG="json")
    frames = Frames(page)
    try:
        server.start()
        sign_in(page, server)
        with closing(sqlite3.connect(home / "byok.sqlite3")) as database:
            database.execute("ALTER TABLE chatbot RENAME TO lost_chatbots")
            database.commit()
        page.get_by_test_id("stSidebarNav").get_by_role("link", name="Chatbot Settings").click()
        expect(page.get_by_text("Something went wrong here")).to_be_visible()
        request_id = error_id(page)
        entry = logged(server, request_id)
    finally:
        server.stop()
    assert entry["error"] == "sqlalchemy.exc.OperationalError"
    assert any("chatbot_settings.py" in place for place in entry["trace"])
    assert (entry["level"], entry["logger"]) == ("error", "web.error_page")
    written = "".join(server.log)
    assert "no such table" not in written
    assert "Uncaught app execution" not in written
    received = b"".join(frames.received)
    assert request_id.encode() in received
    for word in (b"no such table", b"OperationalError", b"sqlalchemy", b"SELECT"):
        assert word not in received
    assert "no such table" not in page.content()


@pytest.fixture(scope="module")
def failing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = make_server(tmp_path_factory.mktemp("failing"))
    server.script = "tests/e2e/failing_app.py"
    server.env["PYTHONPATH"] = "."
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.mark.slow
@pytest.mark.parametrize("where", ["In the page", "In a callback", "In a fragment", "In a dialog"])
def test_wherever_it_fails_the_words_stay_here(failing: Server, page: Page, where: str) -> None:
    frames = Frames(page)
    page.goto(failing.url)
    if where == "In a dialog":
        page.get_by_role("button", name="Open a dialog").click()
    page.get_by_role("button", name=where).click()
    entry = logged(failing, error_id(page))
    assert (entry["error"], entry["message"]) == ("RuntimeError", "a page run failed")
    assert "failing_app.py" in entry["trace"][-1]
    assert page.get_by_test_id("stException").count() == 0
    for found in (b"".join(frames.received).decode("utf-8", "replace"), page.content(), "".join(failing.log)):
        assert SECRET not in found


@pytest.mark.slow
def test_an_error_of_the_tree_says_what_to_do_next(failing: Server, page: Page) -> None:
    page.goto(failing.url)
    page.get_by_role("button", name="On purpose").click()
    expect(page.get_by_text("Members cannot do <b>that</b>. Ask an admin of your company.")).to_be_visible()
    assert logged(failing, error_id(page))["level"] == "warning"


@pytest.mark.slow
def test_what_ends_or_repeats_a_run_on_purpose_is_no_error(failing: Server, page: Page) -> None:
    page.goto(failing.url)
    expect(page.get_by_text("Drawn to the end")).to_be_visible()
    page.get_by_role("button", name="Again").click()
    expect(page.get_by_text("Drawn to the end, again")).to_be_visible()
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_text("Drawn to the end, again")).to_be_hidden()
    settled(page)
    assert page.get_by_text("Error id").count() == 0


@pytest.mark.slow
def test_a_route_that_fails_answers_with_an_id_that_is_in_the_log(failing: Server) -> None:
    with httpx.Client(verify=trusted(), trust_env=False) as client:
        answer = client.get(f"{failing.url}/fails", headers={"X-Request-Id": "mine"})
        page = client.get(f"{failing.url}/")
    assert answer.status_code == 500
    assert answer.json()["id"] == answer.headers["x-request-id"] != "mine"
    assert logged(failing, answer.json()["id"])["error"] == "RuntimeError"
    assert SECRET not in answer.text + "".join(failing.log)
    assert len(page.headers["x-request-id"]) == 12
