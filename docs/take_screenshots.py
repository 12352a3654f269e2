"""Takes pictures of the running product: a fresh demo, the built-in model, a real Chromium.

Run it with `uv run python docs/take_screenshots.py [folder]`; without one, the README's picture
alone is renewed in `docs/images`; with one, all pages in both sizes and themes are left there to be looked at.
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.e2e.conftest import FLAGS, HOW, Server, find_chromium, make_server, settled, sign_in  # noqa: E402
from tests.e2e.steps import add_column, ask, choose  # noqa: E402
from tests.e2e.team_page import choose_password, invited  # noqa: E402
from tests.e2e.usage_page import figure, split_by  # noqa: E402

SIZES = {"desktop": (1440, 900), "phone": (390, 844)}
MODEL = "Model (for each message)"
COLUMNS = (1, 2, 4, 8)


def save_local_key(page: Page, home: Path) -> None:
    """Walks Add Key for the built-in model, as a person would."""
    page.goto(page.url.split("?")[0].rstrip("/") + "/api-keys")
    page.get_by_role("button", name="Add Key").click()
    page.get_by_role("dialog").get_by_text("Local (llama.cpp)", exact=True).click()
    page.get_by_role("dialog").get_by_text("Show the built-in model's key").click()
    page.get_by_role("dialog").locator("code").last.wait_for()
    settled(page)
    page.get_by_label("Local (llama.cpp) key").fill((home / "local.key").read_text().strip())
    page.get_by_role("dialog").get_by_role("button", name="Test", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="Save").click()
    page.get_by_role("dialog").wait_for(state="hidden")
    settled(page)


def set_columns(page: Page, wanted: int) -> None:
    """Adds columns until there are so many: the model on the plan and on the own key in turn, with some parameters."""
    for number in range(2, wanted + 1):
        fields = {"Temperature": str(number / 10)} if number > 2 else {}
        add_column(page, "Plan" if number % 2 == 0 else "Your key", **fields)


def to_the_message(page: Page) -> None:
    """Scrolls to where the last message begins."""
    page.get_by_role("button", name="Edit").last.scroll_into_view_if_needed()
    page.mouse.move(700, 400)
    page.mouse.wheel(0, -220)


def walk_usage(page: Page, server: Server, shoot: Callable[[str], None]) -> None:
    """The table split, its end, its days in months, and the attempts behind a number."""
    page.goto(f"{server.url}/usage?period=Last+90+days")
    split_by(page, "Model")
    shoot("usage-models")
    page.locator(".usage-charts").scroll_into_view_if_needed()
    shoot("usage-charts")
    page.locator(".elsewhere").scroll_into_view_if_needed()
    shoot("usage-elsewhere")
    figure(page, "Mistral", "byok requests").click()
    page.get_by_role("dialog").locator(".attempts").wait_for()
    shoot("usage-attempts")
    page.keyboard.press("Escape")
    page.goto(f"{server.url}/usage?period=Last+400+days")
    page.get_by_role("radio", name="Days").or_(page.get_by_role("button", name="Days")).click()
    shoot("usage-days")


def walk_team(page: Page, server: Server, shoot: Callable[[str], None], username: str) -> None:
    """The people, an invitation and the page behind its link, a change of the password, and the audit log."""
    page.goto(f"{server.url}/team")
    link = invited(page, username.title(), username)
    shoot("team")
    page.get_by_role("button", name="Invite", exact=True).click()
    page.get_by_role("dialog").wait_for()
    shoot("team-invite")
    page.goto(f"{server.url}/audit-log")
    shoot("audit-log")
    page.goto(f"{server.url}/?invite=no-such-link")
    shoot("join-signed-in")
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("heading", name="This link does not work").wait_for()
    shoot("join-no-link")
    page.goto(server.url + link)
    page.get_by_role("heading", name="Choose your password").wait_for()
    shoot("join")
    choose_password(page, "too short")
    page.get_by_text("A password needs at least").wait_for()
    shoot("join-refused")
    choose_password(page, "nine tin whistles")
    page.get_by_role("button", name="Sign out").wait_for()
    if (sidebar := page.get_by_test_id("stExpandSidebarButton")).is_visible():
        sidebar.click()
    page.get_by_role("button", name="Change password").click()
    page.get_by_role("dialog").wait_for()
    shoot("change-password")
    page.goto(f"{server.url}/team")
    shoot("team-member")


def tour(browser: Browser, server: Server, folder: Path, size: str, theme: str, *, first: bool) -> None:
    """One walk through the pages in one size and theme."""
    width, height = SIZES[size]
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=theme)  # type: ignore[arg-type]
    page = context.new_page()
    taken = [0]

    def shoot(name: str) -> None:
        settled(page)
        page.wait_for_timeout(600)  # fonts and fades
        taken[0] += 1
        page.screenshot(path=folder / f"{name}-{size}-{theme}.png")

    page.goto(server.url)
    page.get_by_role("button", name="Continue as Ada - Pro admin").wait_for()
    shoot("sign-in")
    sign_in(page, server)
    if first:
        save_local_key(page, server.home)
    page.goto(server.url)
    choose(page, MODEL, "Your key")
    for columns in COLUMNS if len(sys.argv) > 1 else (4,):
        set_columns(page, columns)
        ask(page, "Write a short welcome message for new customers of a bookshop.")
        page.get_by_text(re.compile(r"first token \d+")).nth(columns - 1).wait_for(timeout=180_000)
        settled(page)
        to_the_message(page)
        shoot(f"playground-{columns}")
        page.goto(server.url)
        settled(page)
        choose(page, MODEL, "Your key")
    for name in ("api-keys", "chatbot-settings", "usage"):
        page.goto(f"{server.url}/{name}")
        shoot(name)
    walk_usage(page, server, shoot)
    page.goto(f"{server.url}/api-keys")
    page.get_by_role("button", name="Add Key").click()
    page.get_by_role("dialog").wait_for()
    shoot("add-key")
    walk_team(page, server, shoot, f"zoe-{size}-{theme}")
    context.close()


def main() -> None:
    """Takes them all; the README's picture is the desktop's, light."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "images"
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as home, sync_playwright() as playwright:
        path = find_chromium(playwright)
        if path is None:
            raise SystemExit(HOW)
        server = make_server(Path(home))
        server.start()
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        try:
            walks = [(size, theme) for size in SIZES for theme in ("light", "dark")]
            for number, (size, theme) in enumerate(walks if len(sys.argv) > 1 else walks[:1]):
                tour(browser, server, folder, size, theme, first=number == 0)
        finally:
            browser.close()
            server.stop()
    if len(sys.argv) == 1:
        (folder / "playground-4-desktop-light.png").replace(folder / "playground.png")
        for other in folder.glob("*-desktop-light.png"):
            other.unlink()


if __name__ == "__main__":
    main()
