"""Usage: what each person sees, that the line adds up, and that the demo's past months say they are samples."""

from __future__ import annotations

import json
import re
from datetime import date
from typing import Any, cast

import pytest
from streamlit.testing.v1 import AppTest

from byok.core import ledger
from byok.core.model_names import ModelName
from byok.ground.clock import utc_now
from byok.services.attempts import WHICH
from tests.pages.front import Front, choose, strings, words
from tests.web.test_usage_table import cells
from web.usage import attempts, elsewhere


def metrics(tab: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in tab.metric}


def past(demo: Front, person: str) -> AppTest:
    """The last month but this one."""
    tab = demo.visit(person, "Usage")
    month = tab.selectbox(key="period")
    return month.select(month.options[1]).run()


def sent(tab: AppTest) -> str:
    """The table's HTML, as the page hands it to the browser."""
    (html,) = (
        json.loads(one.proto.json)["html"]
        for one in tab.get("bidi_component")
        if "html" in (one.proto.json or "") and "Usage in" in one.proto.json
    )
    return str(html)


def table(tab: AppTest) -> list[list[str]]:
    return cells(sent(tab))


def figures(tab: AppTest) -> tuple[int, int, int]:
    found = re.search(
        r"([\d,]+) answered BYOK requests? \+ ([\d,]+) plan messages? = ([\d,]+) answers?\*\*", words(tab)
    )
    assert found
    byok, plan, answers = (int(figure.replace(",", "")) for figure in found.groups())
    return byok, plan, answers


def htmls(tab: AppTest) -> str:
    return "\n".join(one.proto.body for one in tab.get("html"))


def meter(tab: AppTest) -> str:
    return next(text for one in tab.main.get("progress") for text in strings(one.proto) if "plan:" in text)


@pytest.mark.parametrize("person", ["ada", "bea", "max"])
def test_the_present_month_is_real_and_empty_and_says_three_steps(demo: Front, person: str) -> None:
    tab = demo.look(person, "Usage")
    assert "Nothing was asked in this time" in words(tab)
    assert "1. Open the **Playground**\n2. Choose a model and ask something\n3. Come back" in words(tab)
    assert "Sample data" not in "\n".join(one.value for one in tab.main.markdown)
    assert "The same tokens elsewhere" not in words(tab)
    assert set(metrics(tab).values()) == {"0", "$0.00"}


@pytest.mark.parametrize(
    ("person", "text"),
    [
        ("ada", "Pro plan: **10,000** of 10,000 messages left"),
        ("max", "Pro plan: **10,000** of 10,000 messages left"),
        ("bea", "Basic plan: **2,000** of 2,000 messages left"),
        ("finn", "Free Trial plan: **3** of 50 messages left"),
    ],
)
def test_what_is_left_of_the_allowance_is_a_meter_that_says_where_it_leads(demo: Front, person: str, text: str) -> None:
    found = meter(demo.look(person, "Usage"))
    assert found.startswith(f"{text} · ")
    assert re.search(r"(at this pace|the month has just begun)", found)


def test_a_past_month_has_no_meter(demo: Front) -> None:
    assert not past(demo, "ada").main.get("progress")


def test_the_trial_has_used_47_of_50(demo: Front) -> None:
    tab = demo.look("finn", "Usage")
    assert figures(tab) == (0, 47, 47)
    assert metrics(tab)["Plan messages"] == "47"
    assert table(tab)[-1] == ["Total", "0", "0", "0", "$0.00", "0", "—", "47", *table(tab)[0][8:]]


@pytest.mark.parametrize("person", ["ada", "max", "bea", "finn"])
def test_two_past_months_of_samples_are_there_and_say_so(demo: Front, person: str) -> None:
    tab = past(demo, person)
    options = tab.selectbox(key="period").options
    assert len([one for one in options if re.fullmatch(r"\d{4}-\d\d", one)]) == 3
    assert options[3:] == ["Last 7 days", "Last 30 days", "Last 90 days", "Last 400 days", "From … to …"]
    assert "Sample data" in "\n".join(one.value for one in tab.main.markdown)


@pytest.mark.parametrize("person", ["ada", "max", "bea", "finn"])
def test_the_line_adds_up_to_the_totals_of_the_table(demo: Front, person: str) -> None:
    tab = past(demo, person)
    byok, plan, answers = figures(tab)
    assert byok + plan == answers > 0
    for column, total in ((-1, answers), (7, plan)):
        numbers = [int(line[column].replace(",", "")) for line in table(tab)]
        assert sum(numbers[:-1]) == numbers[-1] == total


def test_one_row_a_provider_and_the_total_last(demo: Front) -> None:
    names = [line[0] for line in table(past(demo, "ada"))]
    assert names == ["OpenAI", "Google Gemini", "Mistral", "Groq", "Local (llama.cpp)", "Total"]


def test_a_provider_of_the_plan_alone_has_no_cost(demo: Front) -> None:
    tab = past(demo, "bea")
    assert {line[1] for line in table(tab)} == {"0"}
    assert metrics(tab)["BYOK estimated cost"] == "$0.00"


def test_a_member_sees_his_own_calls_and_is_told_so(demo: Front) -> None:
    assert "These are your own calls. Admins see those of the whole company." in words(demo.look("max", "Usage"))
    assert "These are your own calls" not in words(demo.look("ada", "Usage"))
    assert figures(past(demo, "max"))[2] < figures(past(demo, "ada"))[2]


def test_the_page_says_who_bills_and_offers_the_table_and_its_attempts_as_csv(demo: Front) -> None:
    tab = past(demo, "ada")
    assert "Billed directly by the provider. Aimy adds no markup." in words(tab)
    assert [one.proto.label for one in tab.get("download_button")] == ["Download CSV", "All attempts as CSV"]


@pytest.mark.parametrize(
    ("split", "part"), [("Model", "gpt-5.4-mini"), ("Key", "…4f2a"), ("Person", "Ada"), ("Chatbot", "No chatbot")]
)
def test_rows_can_be_split(demo: Front, split: str, part: str) -> None:
    tab = choose(past(demo, "ada"), "Split by", split)
    assert 'class="part"' in sent(tab)
    assert any(part in line[0] for line in table(tab))
    assert figures(tab) == figures(past(demo, "ada"))


@pytest.mark.parametrize(("rows", "first"), [("Days", r"\d{4}-\d\d-\d\d"), ("Months", r"\d{4}-\d\d")])
def test_rows_can_be_days_or_months_and_latency_is_still_by_provider(demo: Front, rows: str, first: str) -> None:
    tab = past(demo, "ada")
    tab.segmented_control(key="rows").set_value(rows).run()
    assert all(re.fullmatch(first, line[0]) for line in table(tab)[:-1])
    assert "First token, keys and plan: median, and nine of ten" in htmls(tab)
    assert "Google Gemini</span>" in htmls(tab)


@pytest.mark.parametrize(("days", "a"), [("Last 7 days", "day"), ("Last 90 days", "day"), ("Last 400 days", "month")])
def test_charts_of_more_than_a_quarter_show_months(demo: Front, days: str, a: str) -> None:
    tab = demo.visit("finn", "Usage")
    tab.selectbox(key="period").select(days).run()
    assert f"Requests a {a}" in htmls(tab)
    assert "title=" in htmls(tab)


def test_days_of_ones_own_may_be_half_chosen_and_too_many_are_refused_with_the_sidebar_still_there(demo: Front) -> None:
    tab = demo.visit("finn", "Usage")
    tab.selectbox(key="period").select("From … to …").run()
    first, last = cast("tuple[date, date]", tab.date_input(key="days").value)
    assert figures(tab) == (0, 47, 47)
    # Found anew each time: a widget speaks for the run that drew it, and this run may draw others.
    tab.date_input(key="days").set_value((last,)).run()
    assert not tab.exception
    tab.date_input(key="days").set_value((first.replace(year=first.year - 2), last)).run()
    assert "That is more than 400 days" in words(tab)
    assert "Sign out" in [button.label for button in tab.sidebar.button]


def dialog(demo: Front, person: str, name: str, **where: Any) -> AppTest:
    """The page after a click on a number of the table."""
    tab = past(demo, person)
    tab.session_state["usage-open"] = json.dumps({"name": name, "where": where})
    return tab.run()


def test_a_number_opens_its_attempts_in_words_that_others_may_have_written(demo: Front) -> None:
    tab = dialog(demo, "ada", "**Groq** :red[x]", provider_id="groq", source="byok", which="errors")
    assert "Errors: **Groq** :red[x], your keys" in words(tab)
    assert r"\*\*Groq\*\*" in "\n".join(text for one in tab for text in strings(getattr(one, "proto", None)))
    assert "RateLimitedError" in htmls(tab)
    (listed,) = (one.proto.body for one in tab.get("html") if "figures attempts" in one.proto.body)
    assert listed.count("<tr>") == 1 + int(next(line[5] for line in table(tab) if line[0] == "Groq"))


@pytest.mark.parametrize("where", [{"which": "everything"}, {"company_id": "x"}, {"key_id": "=1+1"}])
def test_what_no_number_of_the_table_means_is_refused_in_words(demo: Front, where: dict[str, str]) -> None:
    tab = dialog(demo, "ada", "x", **where)
    assert not tab.exception
    assert re.search("Usage knows no|is no ", words(tab))


def test_the_same_tokens_elsewhere_begins_with_standard_models_and_those_used_most(demo: Front) -> None:
    tab = past(demo, "ada")
    picker = tab.multiselect(key="elsewhere")
    assert picker.value[:3] == ["openai/gpt-5.4-mini", "mistral/mistral-small-latest", "gemini/gemini-3.5-flash-lite"]
    assert len(picker.options) > 400
    assert "What it really cost" in htmls(tab)
    assert "≈ $" in htmls(tab)
    assert "The operator has set no price a message" in words(tab)
    picker.set_value(["anthropic/claude-haiku-4-5"]).run()
    assert "claude-haiku-4-5" in htmls(tab)
    assert "mistral-small-latest <small>" not in htmls(tab)


def test_a_choice_of_models_is_still_there_after_days_without_any_answer(demo: Front) -> None:
    tab = past(demo, "ada")
    tab.multiselect(key="elsewhere").set_value(["anthropic/claude-haiku-4-5"]).run()
    month = tab.selectbox(key="period")
    before = month.value
    month.select(month.options[0]).run()
    assert "The same tokens elsewhere" not in words(tab)
    tab.selectbox(key="period").select(before).run()
    assert tab.multiselect(key="elsewhere").value == ["anthropic/claude-haiku-4-5"]


def test_more_models_than_can_be_compared_at_once_are_cut_short(demo: Front) -> None:
    tab = past(demo, "ada")
    tab.session_state[elsewhere.KEPT] = list(demo.bench.elsewhere.models())[: elsewhere.MOST + 5]
    tab.run()
    assert not tab.exception
    assert len(tab.multiselect(key="elsewhere").value) == elsewhere.MOST


def test_an_unpriced_call_says_at_least_and_what_waits_is_named(own: Front) -> None:
    ada = own.actor("ada")
    for model, cost in (("gpt-5.4", 10**12), ("<b>new</b>", None), ("slow", "open")):
        with own.bench.db.write_core() as connection:
            attempt_id = ledger.reserve(
                connection,
                company_id=ada.company_id,
                person_id=ada.person_id,
                process_id=own.bench.runner.enlist(),
                name=ModelName("byok", "openai", model),
                at=utc_now(),
                plan_messages=10,
            )
            outcome = ledger.Outcome("complete", answered=True, cost_pico=cost if isinstance(cost, int) else None)
            if cost != "open":
                ledger.settle(connection, attempt_id, outcome, at=utc_now())
    tab = choose(own.visit("ada", "Usage"), "Split by", "Model")
    assert metrics(tab)["BYOK estimated cost"] == "≥ $1.00"
    assert "1 call unpriced: the cost is at least the total shown." in words(tab)
    assert "2 calls without token counts: the tokens are at least those shown." in words(tab)
    assert "1 call still open" in words(tab)
    costs = {line[0]: (line[1], line[2], line[4]) for line in table(tab)}
    assert costs["<b>new</b>"] == ("1", "—", "—")
    assert costs["gpt-5.4"] == ("1", "—", "$1.00")
    assert costs["slow"] == ("0", "—", "—")
    assert "<b>new" not in sent(tab)


def test_the_card_in_the_sidebar_says_what_is_left_as_well(demo: Front) -> None:
    tab = demo.look("finn", "Usage")
    assert any("Plan · 3 of 50 left" in text for one in tab.sidebar.get("progress") for text in strings(one.proto))


def test_every_kind_of_number_has_a_title() -> None:
    assert set(attempts.TITLES) == set(WHICH)
