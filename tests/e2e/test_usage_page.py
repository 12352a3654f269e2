"""The Usage page in Chromium: its files say what the screen says, it follows answers as they end, by keyboard too."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.conftest import profile, settled, sign_in, tab
from tests.e2e.paced_app import PacedApp, paced_app
from tests.e2e.steps import ask, choose, ended
from tests.e2e.test_accessibility import bad
from tests.e2e.usage_page import WHEN, Elsewhere, downloaded, figure, row, rows, split_by, table
from web import formats

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(300)]

FAST = "plain-200-40"
WITHIN = 2.0  # seconds from the end of an answer


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PacedApp]:
    with paced_app(tmp_path_factory.mktemp("paced"), FAST) as running:
        yield running


@pytest.fixture
def page(browser: Browser, app: PacedApp) -> Iterator[Page]:
    with profile(browser) as context, tab(context) as opened:
        sign_in(opened, app.server, path="/usage")
        yield opened


def past(page: Page) -> None:
    """Two whole months of samples, and whatever the tests did in this one."""
    choose(page, "Period (UTC)", "Last 90 days")
    expect(table(page)).to_be_visible()


def pico(dollars: str) -> int | None:
    return int(Decimal(dollars).scaleb(12)) if dollars else None


def whole(text: str) -> int | None:
    return int(text) if text else None


def test_the_csv_of_the_table_is_the_table_number_by_figure(page: Page) -> None:
    past(page)
    split_by(page, "Key")
    read, kept = rows(page), downloaded(page, page.get_by_role("button", name="Download CSV"))
    assert len(read) == len(kept) > 8
    for one, line in zip(read, kept, strict=True):
        ttft, cost = whole(line["BYOK first token, about the median (ms)"]), pico(line["BYOK estimated cost (USD)"])
        at_least = "≥ " if line["BYOK cost is at least that"] == "yes" and cost is not None else ""
        numbers = ["BYOK requests", "BYOK tokens in", "BYOK tokens out"]
        plan = ["Plan messages", "Plan tokens in", "Plan tokens out", "Plan errors", "Answers"]
        assert one.cells == [
            line["Part"] if one.kind == "part" else line["Row"],
            *(formats.count(int(line[name])) for name in numbers),
            at_least + formats.dollars(cost),
            formats.count(int(line["BYOK errors"])),
            formats.DASH if ttft is None else f"≈ {formats.milliseconds(ttft)}",
            *(formats.count(int(line[name])) for name in plan),
        ]
    assert [line["Row"] for line in kept][-1] == "Total"


def test_the_attempts_behind_a_number_are_as_many_as_it_says_on_the_screen_and_in_their_file(page: Page) -> None:
    past(page)
    button = figure(page, "Mistral", "byok requests")
    count = int(button.inner_text().replace(",", ""))
    button.click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("heading")).to_contain_text("Requests: Mistral, your keys")
    listed = dialog.locator(".attempts tbody tr")
    expect(listed).to_have_count(50)
    dialog.get_by_role("button", name="Show more").click()
    expect(listed).to_have_count(count)
    kept = downloaded(page, dialog.get_by_role("button", name="Download CSV"))
    read = dialog.locator(".attempts table").evaluate(
        "(table) => [...table.tBodies[0].rows]"
        ".map((row) => [...row.cells].map((cell) => cell.innerText.split('\\n')[0]))"
    )
    assert len(kept) == count
    for cells, line in zip(read, kept, strict=True):
        tokens = [formats.count(whole(line[f"Tokens {way}"])) for way in ("in", "out")]
        assert cells == [
            line["Reserved at (UTC)"],
            line["Model asked"],
            {"byok": "Your key", "plan": "Plan"}[line["Source"]],
            line["Person"],
            line["Status"].capitalize(),
            f"{tokens[0]} in, {tokens[1]} out",
            formats.exact(pico(line["Estimated cost (USD)"])),
            formats.whole_ms(whole(line["First token (ms)"])),
            formats.whole_ms(whole(line["Duration (ms)"])),
        ]


def test_all_attempts_as_csv_add_up_to_the_total(page: Page) -> None:
    past(page)
    total = rows(page)[-1].cells
    kept = downloaded(page, page.get_by_role("button", name="All attempts as CSV"))
    own = [line for line in kept if line["Source"] == "byok"]
    answered = [line for line in kept if line["Answered"] == "yes"]
    assert formats.count(len(answered)) == total[-1]
    assert (
        formats.count(len([line for line in own if line["Answered"] == "yes" or line["Status"] == "error"])) == total[1]
    )
    assert formats.count(sum(int(line["Tokens in"] or 0) for line in own)) == total[2]
    cost = sum(pico(line["Estimated cost (USD)"]) or 0 for line in own)
    assert formats.dollars(cost) == total[4].removeprefix("≥ ")
    assert len({line["Attempt"] for line in kept}) == len(kept)


def test_an_answer_in_another_tab_is_on_the_page_within_two_seconds_without_a_reload(page: Page, app: PacedApp) -> None:
    elsewhere = Elsewhere(app.server.home)
    elsewhere.book("byok:paced/before", cost_pico=10**12)
    split_by(page, "Model")
    row(page, "Paced").locator("button.fold").click()
    expect(row(page, "before")).to_be_hidden()
    with tab(page.context) as other:
        other.goto(app.server.url)
        settled(other)
        choose(other, "Model (for each message)", FAST)
        ask(other, "Count me")
        ended(other)
    expect(figure(page, "Paced", "byok requests")).to_have_text("2")
    expect(row(page, FAST)).to_be_hidden()  # a group that is folded stays folded
    figure(page, "Paced", "byok requests").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.locator(".attempts tbody tr")).to_have_count(2)
    late = []
    for count in (3, 4, 5):
        seen = page.evaluate_handle(f"() => ({{ when: ({WHEN})('{count} answered BYOK requests') }})")
        end = elsewhere.book("byok:paced/after", cost_pico=10**12)
        late.append(seen.evaluate("(one) => one.when") - end.timestamp())
    assert sorted(late)[1] <= WITHIN, late
    expect(dialog).to_be_visible()
    expect(figure(page, "Paced", "byok requests")).to_have_text("5")
    expect(row(page, "after")).to_be_hidden()


def test_a_budget_follows_answers_and_its_open_dialog_stays(page: Page, app: PacedApp) -> None:
    page.get_by_role("button", name="Set budget").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("US dollars a month").fill("1000")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_be_hidden()
    spent = page.get_by_test_id("stProgress").filter(has_text="of $1,000.00")
    expect(spent).to_be_visible()
    before = spent.inner_text()
    page.get_by_role("button", name="Edit").click()
    expect(dialog.get_by_label("US dollars a month")).to_have_value("1000.00")
    Elsewhere(app.server.home).book("byok:paced/dear", cost_pico=900 * 10**12)
    expect(spent).not_to_have_text(before)
    expect(page.get_by_text("80 % reached")).to_be_visible()
    expect(dialog).to_be_visible()
    dialog.get_by_role("button", name="Close").click()
    page.locator(".st-key-budget-drop-all button").click()
    dialog.get_by_role("button", name="Remove").click()
    expect(page.get_by_text("No budget limits what own keys cost in a month.")).to_be_visible()


def test_what_is_left_of_the_plan_is_the_same_in_the_sidebar_and_on_the_page_as_messages_are_used(
    page: Page, app: PacedApp
) -> None:
    meter, card = page.get_by_test_id("stMain"), page.get_by_test_id("stSidebar")
    expect(card).to_contain_text(re.compile(r"Plan · [\d,]+ of"))  # the card is filled after the page
    left = re.search(r"Plan · ([\d,]+) of", card.inner_text())
    assert left is not None
    count = int(left[1].replace(",", ""))
    elsewhere = Elsewhere(app.server.home)
    for _ in range(2):
        elsewhere.book("plan:local/smollm2-135m-instruct")
        count -= 1
        expect(meter).to_contain_text(f"Pro plan: {count:,} of 10,000 messages left")
        expect(card).to_contain_text(f"Plan · {count:,} of 10,000 left")


def test_the_table_is_used_by_keyboard_and_the_focus_comes_back_to_the_figure(page: Page) -> None:
    past(page)
    split_by(page, "Person")
    fold = row(page, "Mistral").locator("button.fold")
    fold.focus()
    page.keyboard.press("Enter")
    expect(fold).to_have_attribute("aria-expanded", "false")
    page.keyboard.press("Space")
    expect(fold).to_have_attribute("aria-expanded", "true")
    page.keyboard.press("Tab")
    focused = figure(page, "Mistral", "byok requests")
    expect(focused).to_be_focused()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog.locator(".attempts tbody tr").first).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(focused).to_be_focused()


def test_another_choice_of_models_is_priced_at_once_and_stays_when_the_days_change(page: Page) -> None:
    past(page)
    priced = page.locator(".elsewhere tbody").last
    expect(priced).to_contain_text("gpt-5.4-mini")
    picker = page.get_by_role("combobox", name="Models to compare with")
    picker.click()
    picker.fill("claude-haiku-4-5")
    page.get_by_role("option", name="Anthropic (Claude) · claude-haiku-4-5", exact=True).click()
    expect(priced).to_contain_text(re.compile(r"claude-haiku-4-5 Anthropic \(Claude\)\s*≈ \$"))
    page.keyboard.press("Escape")
    choose(page, "Period (UTC)", "Last 30 days")
    expect(priced).to_contain_text("claude-haiku-4-5")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_state_of_the_page_has_a_serious_violation(browser: Browser, app: PacedApp, theme: str) -> None:
    with profile(browser, color_scheme=theme) as context, tab(context) as page:
        sign_in(page, app.server, label="Continue as Max - Pro member", path="/usage")
        found = bad(page, "empty")
        past(page)
        found += bad(page, "providers")
        split_by(page, "Model")
        found += bad(page, "models")
        figure(page, "Mistral", "byok requests").click()
        expect(page.get_by_role("dialog").locator(".attempts tbody tr").first).to_be_visible()
        found += bad(page, "dialog")
        page.keyboard.press("Escape")
        page.get_by_role("radio", name="Days").or_(page.get_by_role("button", name="Days")).click()
        found += bad(page, "days")
        assert not found, "\n".join(found)


def test_on_a_phone_the_page_is_no_wider_than_its_screen(browser: Browser, app: PacedApp) -> None:
    with profile(browser, viewport={"width": 390, "height": 844}) as context, tab(context) as page:
        sign_in(page, app.server, path="/usage")
        past(page)
        split_by(page, "Model")
        expect(page.locator(".usage-charts figure")).to_have_count(3)
        for part in ("html", "[data-testid=stMain]"):
            assert page.locator(part).evaluate("(part) => part.scrollWidth") <= 390
