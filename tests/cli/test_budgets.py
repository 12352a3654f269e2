"""`byok budget` and `byok price`, and what they do to `byok chat`."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Byok
from tests.cli.loopback import Loopback


def test_a_budget_is_set_listed_and_cleared(byok: Byok, acme: str) -> None:
    at = ("--company", acme)
    assert byok("budget", "list", *at).out == "No budgets: own keys are not limited here.\n"
    done = byok("budget", "set", *at, "--provider", "loop", "--limit", "50.00")
    assert done.out == "Set: Loop, $50.00 a month, 100 unpriced calls.\n"
    byok("budget", "set", *at, "--limit", "0.000001", "--unpriced-calls", "3")
    assert byok("budget", "list", *at, "--json").json == [
        {
            "provider": None,
            "name": "All own keys",
            "limit": "0.000001",
            "spent": "0.00",
            "held": "0.00",
            "left": "0.000001",
            "share": "0.0000",
            "state": "ok",
            "unpriced_calls": {"allowed": 3, "used": 0},
        },
        {
            "provider": "loop",
            "name": "Loop",
            "limit": "50.00",
            "spent": "0.00",
            "held": "0.00",
            "left": "50.00",
            "share": "0.0000",
            "state": "ok",
            "unpriced_calls": {"allowed": 100, "used": 0},
        },
    ]
    assert "Loop          50.00     0.00     0.00    0.0     ok     0 of 100\n" in byok("budget", "list", *at).out
    assert byok("budget", "clear", *at, "--provider", "loop").out == "Removed.\n"
    assert [row["provider"] for row in byok("budget", "list", *at, "--json").json] == [None]
    assert byok("budget", "clear", *at, "--provider", "loop").err == "byok: There is no such budget.\n"


@pytest.mark.parametrize("limit", ["much", "nan", "1e400000"])
def test_an_amount_that_is_none_is_wrong_usage_or_refused(byok: Byok, acme: str, limit: str) -> None:
    done = byok("budget", "set", "--company", acme, "--limit", limit)
    assert done.status in (1, 2)
    assert (done.out, byok("budget", "list", "--company", acme, "--json").json) == ("", [])


def test_a_price_is_set_listed_and_cleared(byok: Byok, acme: str) -> None:
    at = ("--company", acme, "--provider", "loop")
    assert byok("price", "list", "--company", acme).out == "No own prices: those of the lists hold.\n"
    done = byok("price", "set", *at, "--model", "small", "--in", "0.25", "--out", "2.00")
    assert done.out == ("Set: Loop, small: $0.25 in, $2 out for a million tokens. It holds for answers from now on.\n")
    assert byok("price", "set", *at, "--multiplier", "0.85", "--json").json["multiplier"] == "0.85"
    listed = byok("price", "list", "--company", acme, "--json").json
    assert [(row["model"], row["multiplier"], row["in"], row["out"]) for row in listed] == [
        (None, "0.85", None, None),
        ("small", None, "0.25", "2"),
    ]
    assert byok("price", "clear", *at, "--model", "small").out == "Removed.\n"
    assert len(byok("price", "list", "--company", acme, "--json").json) == 1
    both = byok("price", "set", *at, "--multiplier", "1", "--in", "1", "--out", "1")
    assert both.err == "byok: Give either a multiplier or both prices, in and out.\n"


def test_a_chat_is_priced_by_the_companys_price_and_refused_by_its_budget(
    byok: Byok, acme: str, provider: Loopback
) -> None:
    ask = ("chat", "--company", acme, "--model", "byok:loop/small", "Hi")
    byok("price", "set", "--company", acme, "--provider", "loop", "--in", "0", "--out", "2.00")
    byok("budget", "set", "--company", acme, "--provider", "loop", "--limit", "0.01")
    done = byok(*ask)
    assert done.status == 0, done.err
    assert "$0.000004 (your price)" in done.err
    assert provider.asked[-1]["max_tokens"] == 4096
    byok("budget", "set", "--company", acme, "--provider", "loop", "--limit", "0.005")
    refused = byok(*ask)
    assert (refused.status, refused.out) == (1, "")
    assert refused.err.startswith("byok: The Loop budget for ")
    assert "has $0.004996 of $0.005 left, and this call may cost up to $0.008192." in refused.err
    short = byok(*ask[:-1], "--max-tokens", "100", "Hi")
    assert short.status == 0, short.err


@pytest.mark.parametrize(
    ("limit", "shown", "share", "state"),
    [
        ("0.000004", "100.0", "1.0000", "stopped"),
        ("0.000004000001", "99.9", "0.9999", "warn"),
        ("0.000005", "80.0", "0.8000", "warn"),
        ("0.000005000001", "79.9", "0.7999", "ok"),
    ],
)
def test_a_budget_is_not_said_to_be_further_than_it_is(
    byok: Byok, acme: str, limit: str, shown: str, share: str, state: str
) -> None:
    at = ("--company", acme)
    byok("price", "set", *at, "--provider", "loop", "--in", "0", "--out", "2.00")
    assert byok("chat", *at, "--model", "byok:loop/small", "Hi").status == 0  # $0.000004
    byok("budget", "set", *at, "--limit", limit)
    (row,) = byok("budget", "list", *at, "--json").json
    assert (row["share"], row["state"]) == (share, state)
    assert f" {shown} " in byok("budget", "list", *at).out
