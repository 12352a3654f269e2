"""The usage table, its charts, meter and comparison as HTML: what is read, what opens, and nothing hostile gets in."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest

from byok.core.first_tokens import EMPTY
from byok.core.ledger_figures import Figures
from byok.services.elsewhere import Basket, Comparison, Line, Model
from byok.services.pace import pace
from byok.services.periods import Period
from byok.services.usage import Step
from byok.services.usage_table import UsageRow, UsageTable
from tests.web.test_figures import HOSTILE, Drawn
from web.usage import attempts, charts, elsewhere, meter, table

NOVEMBER = Period.month("2026-11")
BUCKETS = (*EMPTY[:7], 4, *EMPTY[8:])  # four within 300 to 400 ms
OWN = Figures(answered=4, errors=1, tokens_in=12_345, tokens_out=678, cost_pico=10**12, first_tokens=BUCKETS)
PLAN = Figures(answered=2, tokens_in=20, tokens_out=10, cost_pico=None, first_tokens=BUCKETS)
NOTHING = Figures()


def row(name: str = "OpenAI", byok: Figures = OWN, plan: Figures = PLAN, **more: object) -> UsageRow:
    where = more.pop("where", {"provider_id": name})
    return UsageRow(name, name, byok, plan, where, **more)  # type: ignore[arg-type]


def made(*rows: UsageRow, period: Period = NOVEMBER) -> UsageTable:
    byok, plan = (sum((getattr(one, source) for one in rows), NOTHING) for source in ("byok", "plan"))
    return UsageTable(
        period=period,
        own=False,
        rows=rows,
        total=UsageRow("", "Total", byok, plan),
        allowance=100,
        used=0,
        plan_name="Pro",
        plan_sample=True,
        running_month="2026-11",
    )


def cells(html: str) -> list[list[str]]:
    """The text of each cell below the headings, row by row."""
    lines = re.findall(r"<tr[ >].*?</tr>", html)[2:]
    return [[Drawn(f"{cell}").text for cell in re.findall(r"<t[hd].*?</t[hd]>", line)] for line in lines]


def test_each_row_reads_own_keys_then_the_plan_then_the_answers() -> None:
    first, total = cells(table.html(made(row())))
    numbers = ["5", "12,345", "678", "$1.00", "1", "≈ 350 ms", "2", "20", "10", "0", "6"]
    assert first == ["OpenAI", *numbers]
    assert total == ["Total", *numbers]


def test_what_is_not_known_is_a_dash_and_what_lacks_prices_says_at_least() -> None:
    unknown = replace(OWN, tokens_in=None, tokens_out=None, cost_pico=None, unpriced=4, first_tokens=EMPTY)
    html = table.html(made(row("One", unknown), row("Two", replace(OWN, unpriced=1))))
    one, two, total = cells(html)
    assert one[1:7] == ["5", "—", "—", "—", "1", "—"]
    assert two[4] == total[4] == "≥ $1.00"


@pytest.mark.parametrize("lost", [replace(OWN, unbounded=1), replace(OWN, bound_pico=5 * 10**9)])
def test_a_call_that_may_have_been_charged_before_any_text_makes_the_cost_at_least(lost: Figures) -> None:
    found = made(row(byok=replace(lost, unanswered=1)))
    assert cells(table.html(found))[0][4] == "≥ $1.00"
    assert found.notes == (
        "1 call stopped or cut off before any text: neither answers nor errors.",
        "Calls that ended before any text may have been charged: the cost is at least the total shown.",
    )


def test_tokens_of_errors_alone_open_their_attempts_and_a_row_of_open_calls_opens_nothing() -> None:
    failed = Figures(errors=2, tokens_in=50, tokens_out=8_000, cost_pico=10**11)
    html = table.html(made(row(byok=failed, plan=NOTHING)))
    assert '<button data-of="byok settled">8,000</button>' in html
    waits = Figures(open=1, tokens_in=None, tokens_out=None, cost_pico=None)
    assert "<button" not in table.html(made(row(byok=waits, plan=NOTHING)))


def test_only_an_open_call_on_the_plan_is_said_to_hold_a_message() -> None:
    waits = Figures(open=1, tokens_in=None, tokens_out=None, cost_pico=None)
    (own,), (plan,) = made(row(byok=waits, plan=NOTHING)).notes, made(row(byok=NOTHING, plan=waits)).notes
    assert own == "1 call still open: in no figure until it ends."
    assert plan == "1 call still open: in no figure until it ends, but a plan message is held."


def test_every_number_opens_what_it_counts_and_zero_opens_nothing() -> None:
    html = table.html(made(row(where={"provider_id": "openai"}, plan=NOTHING)))
    drawn = Drawn(html)
    about = [json.loads(attributes["data-about"] or "") for tag, attributes in drawn.tags if "data-about" in attributes]
    assert about == [{"name": "OpenAI", "where": {"provider_id": "openai"}}, {"name": "Total", "where": {}}]
    of = [attributes["data-of"] for tag, attributes in drawn.tags if tag == "button"]
    a_row = ["byok requests", "byok settled", "byok settled", "byok settled", "byok errors", "byok answered"]
    assert of == [*a_row, "both answered"] * 2


@pytest.mark.parametrize("name", [HOSTILE, "=1+1", "**bold** :red[x] $x$", "\"}' onclick=alert(1) x='"])
def test_names_are_shown_letter_by_letter(name: str) -> None:
    part = row(name, where={"provider_id": name, "model": name})
    drawn = Drawn(table.html(made(row(name, parts=(part,)))))
    assert drawn.text.count(name) == 2
    assert {tag for tag, _ in drawn.tags} == {"table", "thead", "tbody", "tr", "th", "td", "button", "span"}
    allowed = {"class", "scope", "colspan", "rowspan", "id", "aria-label", "aria-expanded", "aria-controls"}
    allowed |= {"aria-hidden", "data-about", "data-of", "data-fold"}
    assert {one for _, attributes in drawn.tags for one in attributes} <= allowed
    told = [json.loads(attributes["data-about"] or "") for _, attributes in drawn.tags if "data-about" in attributes]
    assert told[1] == {"name": name, "where": {"provider_id": name, "model": name}}


def test_a_row_with_parts_folds_them_and_a_part_of_nobody_says_null() -> None:
    part = row("The operator", where={"provider_id": "OpenAI", "person_id": None})
    html = table.html(made(row(parts=(part,)), row("Groq")))
    assert re.findall(r'data-fold="(.*?)" aria-expanded="true" aria-controls="(.*?)"', html) == [("OpenAI", "parts-0")]
    assert '<tbody id="parts-0"><tr class="part"' in html
    assert "&quot;person_id&quot;: null" in html


def test_more_parts_than_a_browser_draws_are_left_to_the_csv() -> None:
    parts = tuple(row(f"m{number}") for number in range(table.MOST_PARTS + 1))
    long = made(row(parts=parts))
    assert table.too_many(long) == 2001
    assert "m7" not in table.html(long)
    assert table.too_many(made(row(parts=parts[1:]))) == 0
    assert "m7" in table.html(made(row(parts=parts[1:])))


def test_a_table_of_four_hundred_rows_is_a_few_hundred_kilobytes() -> None:
    assert len(table.html(made(*(row(f"vendor/model-with-a-name-{number}") for number in range(400))))) < 500_000


@pytest.mark.parametrize(
    "sent", [None, "", "[]", "{}", "null", '{"name": 1, "where": {}}', '{"name": "x", "where": []}', "{"]
)
def test_what_no_button_sends_opens_nothing(sent: str | None) -> None:
    assert attempts.opened(sent) is None


def step(name: str, byok: int = 0, plan: int = 0, cost: int = 0) -> Step:
    return Step(name, Figures(answered=byok, cost_pico=cost), Figures(answered=plan))


def drawn_charts(*steps: Step, a: str = "day") -> str:
    return charts.html(steps, made(row()), a=a)


def test_bars_are_as_high_as_their_share_of_the_axis_and_stacked_by_who_pays() -> None:
    html = drawn_charts(step("2026-11-01", 30, 10, 10**10), step("2026-11-02"))
    assert '<div title="2026-11-01: Your keys: 30, Plan: 10">' in html
    assert 'class="s1" style="height:25.00%"></i><i class="s0" style="height:75.00%"' in html
    assert "<span>40</span><span>20</span><span>0</span>" in html
    assert "<span>$0.01</span><span>$0.005</span><span>$0</span>" in html
    assert 'aria-label="Requests a day, 2026-11-01 to 2026-11-02: 30 your keys and 10 plan"' in html


@pytest.mark.parametrize("count", [1, 7, 31, 92, 400])
def test_a_chart_of_any_length_names_its_first_and_last_day(count: int) -> None:
    first = date(2025, 10, 21)
    days = [f"{first + timedelta(days=number)}" for number in range(count)]
    html = drawn_charts(*(step(day, 1, cost=5) for day in days))
    ticks = re.findall("<span>(.*?)</span>", re.findall(r'<div class="ticks[^>]*>(.*?)</div>', html)[0])
    one_year = days[0][:4] == days[-1][:4]
    ends = [f"{date.fromisoformat(days[place]):%d %b}" if one_year else days[place] for place in (0, -1)]
    assert [ticks[0], ticks[-1]] == ends
    assert len(ticks) == (count if count < 9 else 5 if one_year else 3)
    assert html.count("title=") == 2 * count + 1


def test_a_day_whose_cost_is_not_known_says_so_and_a_chart_of_no_cost_is_left_out() -> None:
    unknown = Step("2026-11-01", Figures(answered=1, unpriced=1, cost_pico=None), NOTHING)
    short = Step("2026-11-02", Figures(answered=2, unpriced=1, cost_pico=10**10), NOTHING)
    html = drawn_charts(unknown, short)
    assert '<div title="2026-11-01: Your keys: —"></div>' in html
    assert '<div title="2026-11-02: Your keys: ≥ $0.01"><i' in html
    assert "Estimated cost" not in drawn_charts(unknown, step("2026-11-02", 1))


def test_months_keep_their_year() -> None:
    assert "<span>2026-10</span><span>2026-11</span>" in drawn_charts(step("2026-10"), step("2026-11"), a="month")


def test_an_axis_ends_at_or_above_the_value_and_its_middle_is_a_whole_number() -> None:
    for value in [*range(3000), 10**9 + 1, 7 * 10**14]:
        top = charts.nice_top(value)
        assert top >= max(value, 2)
        assert top % 2 == 0
        assert top <= max(2, 2 * value)
    assert all(one <= other for one, other in pairwise(charts.nice_top(value) for value in range(2000)))


def test_latency_says_the_median_and_nine_of_ten_of_each_provider_that_answered() -> None:
    silent = row("Silent", NOTHING, NOTHING)
    html = charts.html([step("2026-11-01")], made(row(HOSTILE), silent), a="day")
    drawn = Drawn(html)
    assert HOSTILE in drawn.text
    assert "Silent" not in drawn.text
    assert "about 350 ms; nine of ten within 390 ms" in [attributes.get("title") for _, attributes in drawn.tags]
    assert "latency" not in charts.html([step("2026-11-01")], made(silent), a="day")


@pytest.mark.parametrize(
    ("used", "day", "text"),
    [
        (40, 16, "at this pace about 80 by 30 Nov (UTC)"),
        (75, 16, "at this pace used up on 21 Nov, before 30 Nov (UTC)"),
        (51, 16, "at this pace used up on 30 Nov (UTC)"),
        (100, 16, "used up; anew after 30 Nov (UTC)"),
        (3, 1, "the month has just begun; until 30 Nov (UTC)"),
    ],
)
def test_the_meter_says_where_the_month_leads(used: int, day: int, text: str) -> None:
    assert meter.outlook(pace(used, 100, now=datetime(2026, 11, day, tzinfo=UTC))) == text


def basket(**more: object) -> Basket:
    usual = {"answers": 4, "uncounted": 0, "unpriced": 0, "counted": 4, "tokens_in": 1000, "tokens_out": 50}
    found = {**usual, "real_pico": 10**12, "at_least": bool(more.get("unpriced")), **more}
    return Basket(**found)  # type: ignore[arg-type]


def comparison(own: Basket, plan: Basket, *lines: Line, message: int | None = None) -> Comparison:
    on_plan = None if message is None else message * own.answers
    return Comparison(own, plan, "Pro", message, on_plan, lines, "genai-prices 1.2.3", date(2026, 11, 24))


def compared(found: Comparison) -> list[list[str]]:
    return cells(elsewhere.html(found))


ELSE = Line(Model("openai/x", "OpenAI", "x"), 2 * 10**12, 5 * 10**10)


def test_the_comparison_begins_with_what_it_really_cost_and_says_each_difference() -> None:
    found = comparison(basket(), basket(real_pico=None), ELSE)
    assert compared(found) == [
        ["What it really cost", "$1.00", "", "—", ""],
        ["On the Pro plan", "—", "—", "—", ""],
        ["x OpenAI", "≈ $2.00", "+100 %", "≈ $0.0500", "—"],
    ]
    assert "The operator has set no price a message" in " ".join(elsewhere.notes(found))


def test_with_a_price_a_message_the_plan_is_compared_as_well() -> None:
    found = comparison(basket(), basket(real_pico=2 * 10**12), ELSE, message=5 * 10**11)
    assert compared(found)[:2] == [
        ["What it really cost", "$1.00", "", "$2.00", ""],
        ["On the Pro plan", "$2.00", "+100 %", "$2.00", ""],
    ]
    assert compared(found)[2][-1] == "−98 %"
    assert "On the plan: $0.5 a message." in list(elsewhere.notes(found))


def test_what_is_missing_makes_estimates_at_least_and_differences_one_sided_and_is_named() -> None:
    found = comparison(basket(uncounted=1), basket(answers=0, tokens_in=0, tokens_out=0, real_pico=None), ELSE)
    assert compared(found)[2] == ["x OpenAI", "≥ $2.00", "≥ +100 %"]  # without answers the plan has no columns
    assert "1 call without token counts left out: the estimates are at least those shown (≥)." in list(
        elsewhere.notes(found)
    )
    found = comparison(basket(unpriced=2), basket(answers=0), ELSE)
    assert compared(found)[0] == ["What it really cost", "≥ $1.00", ""]
    assert compared(found)[2] == ["x OpenAI", "≈ $2.00", "≤ +100 %"]
    assert "2 calls unpriced: what it really cost is at least that." in list(elsewhere.notes(found))


def test_what_nobody_knows_is_not_said_to_be_at_least_that() -> None:
    found = comparison(basket(unpriced=4, real_pico=None), basket(answers=0), ELSE)
    assert compared(found)[0] == ["What it really cost", "—", ""]
    assert "4 calls unpriced: what it cost is not known." in list(elsewhere.notes(found))


def test_a_cost_that_lacks_calls_without_an_answer_makes_differences_one_sided() -> None:
    found = comparison(basket(at_least=True), basket(answers=0), ELSE)
    assert compared(found)[0] == ["What it really cost", "≥ $1.00", ""]
    assert compared(found)[2] == ["x OpenAI", "≈ $2.00", "≤ +100 %"]
    assert "may have been charged: what it really cost is at least that." in " ".join(elsewhere.notes(found))
    neither = comparison(basket(at_least=True, uncounted=1), basket(answers=0), ELSE)
    assert compared(neither)[2] == ["x OpenAI", "≥ $2.00", "—"]


def test_models_names_are_escaped_in_the_comparison() -> None:
    line = Line(Model(HOSTILE, HOSTILE, HOSTILE), None, None)
    drawn = Drawn(elsewhere.html(comparison(basket(), basket(answers=0), line)))
    assert drawn.text.count(HOSTILE) == 2
    assert {tag for tag, _ in drawn.tags} <= {"div", "table", "thead", "tbody", "tr", "th", "td", "small", "br"}


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (None, "—"),
        (("=", Decimal("-4.24")), "−4.2 %"),
        (("=", Decimal(0)), "+0.0 %"),
        (("≤", Decimal("-30.4")), "≤ −30 %"),
        (("≥", Decimal(1234)), "≥ +1,234 %"),
    ],
)
def test_a_difference_reads_with_its_sign(found: tuple[str, Decimal] | None, text: str) -> None:
    assert elsewhere.percent(found) == text


def test_the_cost_of_the_plan_is_stacked_on_that_of_own_keys_where_a_message_has_a_price() -> None:
    steps, priced = [Step("2026-11-01", OWN, PLAN)], replace(made(row()), message_pico=5 * 10**11)
    assert "Estimated cost a day: your keys" in charts.html(steps, made(row()), a="day")
    drawn = charts.html(steps, priced, a="day")
    assert "Estimated cost a day<" in drawn
    assert 'title="2026-11-01: Your keys: $1, Plan: $1"' in drawn


def test_what_a_screen_reader_hears_of_a_cost_is_what_the_tile_says() -> None:
    def heard(own: Figures) -> str:
        drawn = charts.html([Step("2026-11-01", own, PLAN)], replace(made(row(byok=own)), message_pico=10**12), a="day")
        return drawn.partition("Estimated cost a day, ")[2].partition('"')[0]

    assert heard(replace(OWN, unpriced=1)) == "2026-11-01 to 2026-11-01: ≥ $1 your keys and $2 plan"
    assert heard(replace(OWN, unpriced=4, cost_pico=None)).endswith("— your keys and $2 plan")
