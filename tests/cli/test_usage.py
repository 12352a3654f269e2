"""`byok usage` and its commands: periods, parts, every attempt, and that it all adds up."""

from __future__ import annotations

import csv
import io
import sys
from contextlib import closing

import pytest

from byok.cli.main import run
from byok.core import ledger
from byok.core.model_names import ModelName
from byok.ground.clock import month_of, utc_now
from byok.ground.ids import new_id
from byok.process import Workbench
from tests.cli.conftest import Byok, Done


@pytest.fixture
def used(byok: Byok, acme: str) -> str:
    """A company with one answer on an own key."""
    assert byok("chat", "--company", acme, "--model", "byok:loop/small", "Hi").status == 0
    return acme


def table(done: Done) -> list[dict[str, str]]:
    assert done.status == 0, done.err
    return list(csv.DictReader(io.StringIO(done.out.lstrip("\ufeff"))))


def test_rows_can_be_days_and_their_parts_models(byok: Byok, used: str) -> None:
    found = byok("usage", "--company", used, "--rows", "day", "--split", "model", "--json").json
    (row,) = found["rows"]
    assert row["day"] == f"{utc_now():%Y-%m-%d}"
    assert [(part["name"], part["byok"]["requests"]) for part in row["parts"]] == [("small", 1)]


def test_any_days_can_be_asked_for_and_the_json_names_them(byok: Byok, used: str) -> None:
    today = f"{utc_now():%Y-%m-%d}"
    found = byok("usage", "--company", used, "--from", "2026-01-02", "--to", "2026-01-03", "--json").json
    assert (found["from"], found["to"], found["rows"]) == ("2026-01-02", "2026-01-03", [])
    assert byok("usage", "--company", used, "--from", today, "--json").json["total"]["byok"]["requests"] == 1


@pytest.mark.parametrize(
    ("options", "status"),
    [
        (["--from", "2026-02-01", "--to", "2026-01-01"], 1),
        (["--from", "0001-01-01", "--to", "0001-01-01"], 1),
        (["--month", "0001-01"], 1),
        (["--from", "2024-01-01", "--to", "2026-01-01"], 1),
        (["--to", "2026-01-01"], 2),
        (["--month", "2026-01", "--from", "2026-01-01"], 2),
    ],
)
def test_days_that_make_no_period_are_refused(byok: Byok, acme: str, options: list[str], status: int) -> None:
    assert byok("usage", "--company", acme, *options).status == status


def test_every_attempt_is_a_line_of_csv(byok: Byok, used: str) -> None:
    (one,) = table(byok("usage", "attempts", "--company", used))
    assert (one["Source"], one["Model asked"], one["Status"], one["Tokens in"]) == ("byok", "small", "complete", "3")
    assert (one["Estimated cost (USD)"], one["Person"]) == ("", "")


def test_the_table_as_csv_has_the_figures_of_the_json(byok: Byok, used: str) -> None:
    row, total = table(byok("usage", "--company", used, "--csv"))
    assert (row["Row"], total["Row"], row["Period (UTC)"]) == ("Loop", "Total", month_of(utc_now()))
    figures = byok("usage", "--company", used, "--json").json["rows"][0]["byok"]
    assert (row["BYOK requests"], row["BYOK tokens in"]) == (str(figures["requests"]), str(figures["tokens_in"]))


def test_verifying_says_that_all_figures_are_the_same(byok: Byok, used: str) -> None:
    done = byok("usage", "verify")
    assert (done.status, done.out.splitlines()[-1]) == (0, "All figures are the same.")
    found = byok("usage", "verify", "--company", used, "--json").json
    assert found == {"companies": 1, "attempts": 1, "differences": []}


def test_rebuilding_changes_nothing_where_all_is_well(byok: Byok, used: str) -> None:
    before = byok("usage", "--company", used, "--json").json
    assert byok("usage", "rebuild", "--company", used).out == "The days of 1 company were added up anew.\n"
    assert byok("usage", "--company", used, "--json").json == before


def test_a_correction_is_in_the_cost_of_the_month(byok: Byok, used: str) -> None:
    (one,) = table(byok("usage", "attempts", "--company", used))
    name = ("--company", used, "--attempt", one["Attempt"])
    assert byok("usage", "correct", *name, "--cost", "0.0125", "--reason", "invoice 7").status == 0
    assert byok("usage", "--company", used, "--json").json["total"]["byok"]["cost"] == "0.012500"
    (after,) = table(byok("usage", "attempts", "--company", used))
    assert (after["Estimated cost (USD)"], after["Corrections"]) == ("0.012500000000", "1")


def costs(done: Done) -> list[str]:
    """The cost of each row, the total last, as a person reads it."""
    _, head, *lines = done.out.splitlines()
    start, end = head.index("COST $"), head.index("ERRORS")
    return [line[start:end].strip() for line in lines[:2]]


def correct(byok: Byok, slug: str, cost: str) -> None:
    """Gives the newest attempt a cost: the provider's answers have none."""
    attempt_id = table(byok("usage", "attempts", "--company", slug))[0]["Attempt"]
    done = byok("usage", "correct", "--company", slug, "--attempt", attempt_id, "--cost", cost, "--reason", "invoice")
    assert done.status == 0, done.err


@pytest.fixture
def half_priced(byok: Byok, used: str) -> str:
    """A company with one answer of a known cost and one without."""
    correct(byok, used, "1.5")
    assert byok("chat", "--company", used, "--model", "byok:loop/small", "Hi").status == 0
    return used


def test_a_small_cost_is_printed_to_its_last_digit(byok: Byok, used: str) -> None:
    assert costs(byok("usage", "--company", used)) == ["-", "-"]
    correct(byok, used, "0.000012")
    assert costs(byok("usage", "--company", used)) == ["0.000012", "0.000012"]


def test_a_cost_in_which_a_call_is_missing_says_that_it_is_at_least_so_much(byok: Byok, half_priced: str) -> None:
    done = byok("usage", "--company", half_priced)
    assert costs(done) == ["≥ 1.50", "≥ 1.50"]
    assert "1 call unpriced: the cost is at least the total shown." in done.out


def test_a_cost_that_lacks_a_call_stopped_before_any_text_is_at_least_so_much(byok: Byok, used: str) -> None:
    correct(byok, used, "1.5")
    with closing(Workbench.open(what="command")) as bench, bench.db.write_core() as connection:
        attempt_id = ledger.reserve(
            connection,
            company_id=bench.accounts.company(used).id,
            process_id=new_id(),
            name=ModelName.parse("byok:loop/small"),
            at=utc_now(),
            plan_messages=0,
        )
        stopped = ledger.Outcome("stopped", answered=False, taken_on=True)
        assert ledger.settle(connection, attempt_id, stopped, at=utc_now())
    done = byok("usage", "--company", used)
    assert costs(done) == ["≥ 1.50", "≥ 1.50"]
    assert "Calls that ended before any text may have been charged" in done.out


def test_where_the_output_has_no_sign_for_at_least_it_is_said_in_ascii(
    half_priced: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(file, encoding="cp1252", write_through=True))
    assert run(["usage", "--company", half_priced]) == 0
    assert b">= 1.50" in file.getvalue()


def test_a_correction_without_any_figure_asks_for_one(byok: Byok, used: str) -> None:
    (one,) = table(byok("usage", "attempts", "--company", used))
    done = byok("usage", "correct", "--company", used, "--attempt", one["Attempt"], "--reason", "none")
    assert done.status == 2
    assert "Error: Say what it really was: --cost, --tokens-in or --tokens-out." in done.err


def test_a_correction_to_the_figures_that_an_attempt_has_already_says_so(byok: Byok, used: str) -> None:
    (one,) = table(byok("usage", "attempts", "--company", used))
    name = ("--company", used, "--attempt", one["Attempt"])
    done = byok("usage", "correct", *name, "--tokens-in", one["Tokens in"], "--reason", "none")
    assert (done.status, done.err) == (1, "byok: The attempt has these figures already.\n")


def test_the_messages_used_are_those_of_a_month_that_is_named(byok: Byok, acme: str) -> None:
    others = ("--from", "2026-01-02", "--to", "2026-02-03")
    for asked, month in ((others, month_of(utc_now())), (("--month", "2026-01"), "2026-01")):
        done = byok("usage", "--company", acme, *asked)
        assert done.out.splitlines()[-1].startswith(f"Pro, {month}: 0 of ")
        assert byok("usage", "--company", acme, *asked, "--json").json["allowance"]["month"] == month


def test_a_company_before_a_command_of_usage_is_wrong_usage(byok: Byok, acme: str) -> None:
    assert byok("usage", "--company", acme, "verify").status == 2
