"""Usage: what each person sees, that the line adds up, and that the demo's past months say they are samples."""

from __future__ import annotations

import re

import pytest
from streamlit.testing.v1 import AppTest

from tests.pages.front import Front, words


def metrics(tab: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in tab.metric}


def past(demo: Front, person: str) -> AppTest:
    """The last month but this one."""
    tab = demo.visit(person, "Usage")
    month = tab.selectbox(key="month")
    return month.select(month.options[1]).run()


def figures(tab: AppTest) -> tuple[int, int, int]:
    found = re.search(r"([\d,]+) answered BYOK requests \+ ([\d,]+) plan messages = ([\d,]+) answers\*\*", words(tab))
    assert found
    byok, plan, answers = (int(figure.replace(",", "")) for figure in found.groups())
    return byok, plan, answers


@pytest.mark.parametrize("person", ["ada", "bea", "max"])
def test_the_present_month_is_real_and_empty_and_says_three_steps(demo: Front, person: str) -> None:
    tab = demo.look(person, "Usage")
    assert "Nothing was asked in this month" in words(tab)
    assert "1. Open the **Playground**\n2. Choose a model and ask something\n3. Come back" in words(tab)
    assert "Sample data" not in "\n".join(one.value for one in tab.main.markdown)
    assert not tab.dataframe


@pytest.mark.parametrize(
    ("person", "meter", "left"),
    [
        ("ada", "Pro plan: left of 10,000", "10,000"),
        ("max", "Pro plan: left of 10,000", "10,000"),
        ("bea", "Basic plan: left of 2,000", "2,000"),
        ("finn", "Free Trial plan: left of 50", "3"),
    ],
)
def test_what_is_left_of_the_allowance_is_a_meter(demo: Front, person: str, meter: str, left: str) -> None:
    assert metrics(demo.look(person, "Usage"))[meter] == left


def test_the_trial_has_used_47_of_50(demo: Front) -> None:
    tab = demo.look("finn", "Usage")
    assert figures(tab) == (0, 47, 47)
    assert metrics(tab)["Plan messages"] == "47"


@pytest.mark.parametrize("person", ["ada", "max", "bea", "finn"])
def test_two_past_months_of_samples_are_there_and_say_so(demo: Front, person: str) -> None:
    tab = past(demo, person)
    assert len(tab.selectbox(key="month").options) == 3
    assert "Sample data" in "\n".join(one.value for one in tab.main.markdown)


@pytest.mark.parametrize("person", ["ada", "max", "bea", "finn"])
def test_the_line_adds_up_to_the_totals_of_the_table(demo: Front, person: str) -> None:
    tab = past(demo, person)
    byok, plan, answers = figures(tab)
    assert byok + plan == answers > 0
    frame = tab.dataframe[0].value
    rows = [int(text.replace(",", "")) for text in frame["Answers"]]
    assert sum(rows[:-1]) == rows[-1] == answers
    messages = [int(text.replace(",", "")) for text in frame["Plan: messages"]]
    assert sum(messages[:-1]) == messages[-1] == plan


def test_one_row_a_provider_and_the_total_last(demo: Front) -> None:
    names = list(past(demo, "ada").dataframe[0].value["Provider"])
    assert names == ["OpenAI", "Google Gemini", "Mistral", "Groq", "Local (llama.cpp)", "Total"]


def test_a_provider_of_the_plan_alone_has_no_cost(demo: Front) -> None:
    frame = past(demo, "bea").dataframe[0].value
    assert set(frame["Your keys: requests"]) == {"0"}
    assert metrics(past(demo, "bea"))["BYOK estimated cost"] == "$0.00"


def test_a_member_sees_his_own_calls_and_is_told_so(demo: Front) -> None:
    assert "These are your own calls. Admins see those of the whole company." in words(demo.look("max", "Usage"))
    assert "These are your own calls" not in words(demo.look("ada", "Usage"))
    assert figures(past(demo, "max"))[2] < figures(past(demo, "ada"))[2]


def test_the_page_says_who_bills_and_offers_the_table_as_csv(demo: Front) -> None:
    tab = past(demo, "ada")
    assert "Billed directly by the provider. Aimy adds no markup." in words(tab)
    assert "Download CSV" in words(tab)
