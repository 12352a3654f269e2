"""Several models side by side in a browser: asked, stopped, failing, asked again, compared, shared, exported."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from tests.e2e.conftest import profile, settled, sign_in, tab
from tests.e2e.paced import Seen
from tests.e2e.paced_app import PacedApp, add_key, delete_key
from tests.e2e.steps import add_column, answer_of, ask, column, ended, fill, go, growing, line_up, scroll_up

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]

FAST, FASTER, SLOW = "plain-200-40", "plain-400-30", "pace-50-300"
PACED = "pace-400-40"
TOKEN = re.compile(r"\bt\d{13}\b")
NUMBERS = re.compile(r"first token \d+")


@pytest.fixture(scope="module")
def context(browser: Browser) -> Iterator[BrowserContext]:
    """Ada's profile."""
    with profile(browser) as opened:
        yield opened


@pytest.fixture(scope="module")
def signed_in_tab(context: BrowserContext, app: PacedApp) -> Iterator[Page]:
    with tab(context) as opened:
        sign_in(opened, app.server)
        yield opened


@pytest.fixture
def page(signed_in_tab: Page) -> Page:
    """The one tab of all these tests, with a conversation that has not begun yet."""
    settled(signed_in_tab)
    signed_in_tab.keyboard.press("Escape")
    signed_in_tab.get_by_role("button", name="New conversation").click()
    expect(signed_in_tab.get_by_text("Ask something, or try one of these")).to_be_visible()
    settled(signed_in_tab)
    return signed_in_tab


def asked(app: PacedApp, text: str) -> list[Seen]:
    """The requests that end with this message, in order of arrival."""
    return [one for one in app.provider.seen() if one.body["messages"][-1]["content"] == text]


def dialog(page: Page) -> Locator:
    return page.get_by_role("dialog")


def exported(page: Page, label: str) -> bytes:
    scroll_up(page)
    page.get_by_role("button", name="Export").click()
    with page.expect_download() as coming:
        page.get_by_role("button", name=label).click()
    return Path(coming.value.path()).read_bytes()


def test_one_message_goes_to_all_columns_and_each_shows_its_numbers(page: Page, app: PacedApp) -> None:
    line_up(page, FAST, PACED, FASTER)
    ask(page, "To all of you")
    ended(page)
    for number, model in enumerate((FAST, PACED, FASTER), 1):
        card = column(page, number)
        expect(card).to_contain_text(f"{number} · {model}")
        expect(card).to_contain_text(re.compile(r"Your key · Paced ….{4}"))
        count = model.rsplit("-", 1)[1]
        expect(card).to_contain_text(
            re.compile(rf"first token \d+ ms · .* tokens/s · 4 tokens in · {count} out · cost ≈")
        )
    assert sorted(one.model for one in asked(app, "To all of you")) == sorted((FAST, PACED, FASTER))


def test_a_message_can_go_to_one_column_alone(page: Page, app: PacedApp) -> None:
    line_up(page, FAST, FASTER)
    page.get_by_role("radio", name="2", exact=True).or_(page.get_by_role("button", name="2", exact=True)).click()
    settled(page)
    ask(page, "To the second alone")
    ended(page)
    expect(column(page, 2)).to_contain_text(NUMBERS)
    expect(column(page, 1)).to_have_count(0)
    assert [one.model for one in asked(app, "To the second alone")] == [FASTER]


def test_beside_refused_hanging_and_broken_answers_a_good_one_ends_and_each_can_be_run_alone(
    page: Page, app: PacedApp
) -> None:
    line_up(page, FAST, "refuse-401", "hang", "drop-50")
    ask(page, "Who answers?")
    expect(column(page, 1)).to_contain_text(NUMBERS)
    for number in (2, 4):
        problem = column(page, number).get_by_role("alert")
        expect(problem).to_be_visible()
        assert 20 < len(problem.inner_text().strip()) < 300
    expect(column(page, 2).get_by_role("alert")).to_contain_text("key")
    expect(column(page, 4)).to_contain_text("The harbour was quiet")
    expect(column(page, 3).locator(".live")).to_be_visible()
    column(page, 3).get_by_role("button", name="Stop", exact=True).click()
    ended(page)
    expect(column(page, 3)).to_contain_text("Stopped.")
    column(page, 4).get_by_role("button", name="Run again").click()
    app.provider.seen_when(lambda _: len(asked(app, "Who answers?")) == 5)
    ended(page)
    expect(column(page, 4).get_by_role("alert")).to_be_visible()
    models = [one.model for one in asked(app, "Who answers?")]
    assert sorted(models[:4]) == ["drop-50", "hang", FAST, "refuse-401"]
    assert models[4:] == ["drop-50"]


def test_stop_ends_one_column_and_stop_all_the_rest(page: Page, app: PacedApp) -> None:
    line_up(page, "pace-20-200", "hang", "pace-50-1000")
    ask(page, "Stop us")
    for number in (1, 3):
        expect(column(page, number).locator(".live")).to_contain_text(TOKEN)
    column(page, 3).get_by_role("button", name="Stop", exact=True).click()
    app.provider.seen_when(lambda _: [one.model for one in asked(app, "Stop us") if one.aborted] == ["pace-50-1000"])
    expect(column(page, 3)).to_contain_text("Stopped. What had arrived is kept.")
    expect(growing(page)).to_have_count(2)
    page.get_by_role("button", name="Stop all").click()
    app.provider.seen_when(lambda _: all(one.aborted for one in asked(app, "Stop us")))
    ended(page)
    expect(column(page, 1)).to_contain_text(TOKEN)
    expect(column(page, 2)).to_contain_text("Stopped.")


@pytest.mark.slow
def test_a_reload_and_a_second_tab_midway_show_the_whole_texts_and_nothing_is_asked_twice(
    page: Page, context: BrowserContext, app: PacedApp
) -> None:
    line_up(page, SLOW, "pace-50-250")
    ask(page, "Reload me")
    expect(column(page, 1).locator(".live")).to_contain_text(TOKEN)
    with tab(context) as other:
        other.goto(page.url)
        expect(column(other, 2).locator(".live")).to_contain_text(TOKEN)
        page.reload()
        for reader in (page, other):
            expect(column(reader, 1)).to_contain_text(NUMBERS)
            ended(reader)
            for number, tokens in ((1, 300), (2, 250)):
                assert len(TOKEN.findall(answer_of(column(reader, number)))) == tokens
    assert sorted(one.model for one in asked(app, "Reload me")) == ["pace-50-250", SLOW]


@pytest.mark.slow
def test_answers_go_on_while_another_page_is_open(page: Page, app: PacedApp) -> None:
    line_up(page, SLOW, FAST)
    ask(page, "Look away")
    expect(column(page, 1).locator(".live")).to_contain_text(TOKEN)
    go(page, "Usage")
    go(page, "Playground")
    page.get_by_role("button", name="Look away").first.click()
    expect(column(page, 1)).to_contain_text(NUMBERS)
    assert len(TOKEN.findall(answer_of(column(page, 1)))) == 300
    assert len(asked(app, "Look away")) == 2


def test_an_edited_message_is_run_again_and_its_earlier_wording_stays_reachable(page: Page, app: PacedApp) -> None:
    line_up(page, PACED, FAST)
    ask(page, "First wording")
    ended(page)
    page.get_by_role("button", name="Edit").click()
    dialog(page).get_by_label("Message").fill("Second wording")
    dialog(page).get_by_role("button", name="Run again").click()
    expect(page.get_by_text("2 of 2")).to_be_visible()
    ended(page)
    (first,) = (one for one in asked(app, "First wording") if one.model == PACED)
    (second,) = (one for one in asked(app, "Second wording") if one.model == PACED)
    assert len(second.body["messages"]) == 1
    expect(column(page, 1)).to_contain_text(f"a{second.id} t")
    page.get_by_role("button", name="Earlier wording").click()
    expect(page.get_by_text("1 of 2")).to_be_visible()
    expect(page.get_by_test_id("stChatMessage").filter(has_text="First wording")).to_be_visible()
    expect(column(page, 1)).to_contain_text(f"a{first.id} t")


def test_an_answer_run_again_is_another_version_and_the_first_stays_reachable(page: Page, app: PacedApp) -> None:
    line_up(page, PACED, FAST)
    ask(page, "Say it again")
    ended(page)
    column(page, 1).get_by_role("button", name="Run again").click()
    expect(column(page, 1).get_by_role("radio", name="2")).to_be_visible()
    ended(page)
    first, second = (one for one in asked(app, "Say it again") if one.model == PACED)
    expect(column(page, 1)).to_contain_text(f"a{second.id} t")
    column(page, 1).get_by_role("radio", name="1").click()
    expect(column(page, 1)).to_contain_text(f"a{first.id} t")
    assert len(asked(app, "Say it again")) == 3


@pytest.mark.slow
def test_a_columns_model_can_change_between_messages_and_the_history_goes_with_it(page: Page, app: PacedApp) -> None:
    line_up(page, FAST, FASTER)
    ask(page, "Before the change")
    ended(page)
    page.get_by_role("button", name=f"1 · {FAST}").click()
    picker = dialog(page).get_by_role("combobox", name="Model of this column")
    picker.click()
    picker.fill(PACED)
    page.get_by_role("option").filter(has_text=PACED).first.click()
    dialog(page).get_by_role("button", name="Save", exact=True).click()
    expect(dialog(page)).to_be_hidden()
    ask(page, "After the change")
    ended(page)
    (changed,) = (one for one in asked(app, "After the change") if one.model == PACED)
    said = changed.body["messages"]
    assert [one["role"] for one in said] == ["user", "assistant", "user"]
    assert said[0]["content"] == "Before the change"
    assert said[1]["content"].startswith("The harbour was quiet")


def test_a_fair_race_says_its_cost_first_and_shows_median_and_spread_then(page: Page, app: PacedApp) -> None:
    line_up(page, FAST, FASTER)
    page.get_by_role("button", name="Fair race").click()
    fill(dialog(page), "Message to all columns", "On your marks")
    dialog(page).get_by_role("radio", name="2").click()
    expect(dialog(page)).to_contain_text("This race: 4 answers · cost at most")
    assert asked(app, "On your marks") == []
    dialog(page).get_by_role("button", name="Start the race").click()
    expect(page.get_by_text("each column was asked 2 times")).to_be_visible()
    ended(page)
    table = page.get_by_role("region", name="Numbers")
    expect(table).to_contain_text("Median, with least and most below it.")
    for number in (1, 2):
        expect(table.get_by_role("row").nth(number)).to_contain_text("2 of 2")
        expect(table.get_by_role("row").nth(number)).to_contain_text(re.compile(r"\d+ ms\s*\d+ ms to \d+ ms"))
    assert len(asked(app, "On your marks")) == 4


def test_the_words_of_two_answers_are_compared(page: Page, app: PacedApp) -> None:
    line_up(page, FAST, FASTER)
    ask(page, "Compare")
    ended(page)
    page.get_by_role("button", name="Compare the words").click()
    words = answer_of(column(page, 1)).split()
    expect(dialog(page).locator("del")).to_have_text(" ".join(words[30:]))
    expect(dialog(page).locator("ins")).to_have_count(0)
    expect(dialog(page)).to_contain_text("of the words are the same")
    dialog(page).get_by_text("Differences only").click()
    expect(dialog(page).locator(".diff").first).to_contain_text(re.compile(r"… \d+ words …"))
    expect(dialog(page).locator("del")).to_have_text(" ".join(words[30:]))


@pytest.mark.slow
def test_a_shared_conversation_is_read_by_its_company_and_by_no_other(
    page: Page, browser: Browser, app: PacedApp
) -> None:
    line_up(page, FAST, FASTER)
    ask(page, "For the whole company")
    ended(page)
    scroll_up(page)
    page.get_by_role("button", name="Share").click()
    page.get_by_text("Share with company").click()
    link = page.get_by_test_id("stCode").inner_text().strip()
    assert link.startswith(app.server.url)
    for person, reads in (("Max - Pro member", True), ("Bea - Basic admin", False)):
        with profile(browser) as theirs, tab(theirs) as tab_of_theirs:
            tab_of_theirs.goto(link)
            tab_of_theirs.get_by_role("button", name=f"Continue as {person}").click()
            tab_of_theirs.get_by_role("button", name="Sign out").wait_for()
            settled(tab_of_theirs)
            if reads:
                expect(tab_of_theirs.get_by_text("Shared by Ada")).to_be_visible()
                expect(column(tab_of_theirs, 2)).to_contain_text("The harbour was quiet")
                expect(tab_of_theirs.get_by_role("button", name="Run again")).to_have_count(0)
            else:
                expect(tab_of_theirs.get_by_text("is not here any more, or not yours")).to_be_visible()
                expect(tab_of_theirs.get_by_text("The harbour was quiet")).to_have_count(0)


def test_the_exported_numbers_are_those_on_the_screen_to_the_digit(page: Page, app: PacedApp) -> None:
    line_up(page, FAST, PACED)
    ask(page, "Numbers please")
    ended(page)
    shown = []
    expect(page.get_by_role("region", name="Numbers").get_by_role("row")).to_have_count(3)
    for row in page.get_by_role("region", name="Numbers").get_by_role("row").all()[1:]:
        cells = [cell.inner_text() for cell in row.get_by_role("cell").all()]
        shown.append([cell.replace(",", "").removesuffix(" ms").lstrip("$") for cell in cells])
    written = csv.DictReader(io.StringIO(exported(page, "CSV of the numbers").decode("utf-8-sig")))
    figures = ("First token (ms)", "Duration (ms)", "Tokens/s", "Tokens in", "Tokens out", "Tokens reasoning")
    saved = [[row[name] or "—" for name in (*figures, "Estimated cost (USD)")] for row in written]
    assert len(saved) == 2
    assert saved == shown
    for number, figures_of in enumerate(saved, 1):
        expect(column(page, number)).to_contain_text(f"cost ≈ ${figures_of[-1]}")


@pytest.mark.slow
def test_an_exported_run_file_is_opened_and_run_anew(page: Page, app: PacedApp, tmp_path: Path) -> None:
    line_up(page, FAST)
    add_column(page, PACED, Temperature="0.3", Seed="7")
    ask(page, "Once more from the top")
    ended(page)
    file = tmp_path / "run.json"
    file.write_bytes(exported(page, "JSON, to run anew"))
    assert json.loads(file.read_text())["format"] == "aimy-byok-run"
    page.get_by_role("button", name="New conversation").click()
    page.get_by_role("button", name="Open a run file").click()
    dialog(page).locator("input[type=file]").set_input_files(file)
    expect(dialog(page)).to_contain_text("1 message · 2 answers · cost at most")
    dialog(page).get_by_role("button", name="Run it anew").click()
    expect(dialog(page)).to_be_hidden()
    app.provider.seen_when(lambda _: len(asked(app, "Once more from the top")) == 4)
    ended(page)
    expect(column(page, 2)).to_contain_text(NUMBERS)
    bodies = [one.body for one in sorted(asked(app, "Once more from the top"), key=lambda one: (one.model, one.id))]
    assert bodies[0] == bodies[1]
    assert bodies[2] == bodies[3]
    assert (bodies[0]["temperature"], bodies[0]["seed"]) == (0.3, 7)
    assert "temperature" not in bodies[2]


def test_the_keyboard_sends_goes_from_column_to_column_and_stops(page: Page, app: PacedApp) -> None:
    line_up(page, "pace-20-200", "hang")
    ask(page, "By keyboard")
    expect(growing(page)).to_have_count(2)
    expect(page.get_by_test_id("stChatInputTextArea")).to_be_focused()
    page.keyboard.press("Alt+ArrowRight")
    expect(column(page, 1)).to_be_focused()
    page.keyboard.press("Alt+ArrowRight")
    expect(column(page, 2)).to_be_focused()
    page.keyboard.press("Escape")
    app.provider.seen_when(lambda _: [bool(one.aborted) for one in asked(app, "By keyboard")] == [True, True])
    ended(page)


def test_esc_stops_the_one_answer_that_is_running(page: Page, app: PacedApp) -> None:
    line_up(page, "hang")
    ask(page, "Alone, by keyboard")
    expect(growing(page)).to_have_count(1)
    app.provider.seen_when(lambda _: len(asked(app, "Alone, by keyboard")) == 1)
    page.keyboard.press("Escape")
    app.provider.seen_when(lambda _: [bool(one.aborted) for one in asked(app, "Alone, by keyboard")] == [True])
    ended(page)


def test_before_sending_it_says_who_pays_and_how_much_at_most(page: Page) -> None:
    line_up(page, FAST)
    expect(
        page.get_by_text(re.compile(r"Before sending: Your key · Paced ….{4}: cost at most — \(no answer"))
    ).to_be_visible()
    page.get_by_role("button", name="Parameters").click()
    fill(dialog(page), "Answer length (tokens)", "100")
    dialog(page).get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text(re.compile(r"cost at most \$0\.\d+ for a message of up to 4,000"))).to_be_visible()
    add_column(page, "smollm2")
    before = page.get_by_text(re.compile("^Before sending"))
    expect(before).to_contain_text("1 plan message (Plan · 10,000 of 10,000 left) · Your key · Paced …")


@pytest.mark.slow
def test_a_column_whose_key_is_gone_says_so_before_sending(page: Page, app: PacedApp) -> None:
    spare = add_key(app.server, "Spare")
    page.reload()
    settled(page)
    line_up(page, FAST)
    add_column(page, f"(Spare) · {FASTER}")
    ask(page, "While both keys are there")
    ended(page)
    delete_key(app.server, spare)
    page.reload()
    settled(page)
    expect(page.get_by_text("Column 2 cannot be asked")).to_be_visible()
    ask(page, "Now that one is gone")
    ended(page)
    assert [one.model for one in asked(app, "Now that one is gone")] == [FAST]
