"""Providers and situations: each cell of the table, found over a real socket."""

from __future__ import annotations

import pytest

from tests.providers import table
from tests.providers.world import BEHAVIOURS

CELLS = [(one, situation) for situation in table.expected() for one in BEHAVIOURS]


@pytest.mark.parametrize(("provider_id", "situation"), CELLS)
def test_a_situation_comes_to_what_the_table_says(provider_id: str, situation: str) -> None:
    assert table.cell(provider_id, situation) == table.expected()[situation][provider_id]


def test_the_table_is_large_enough_and_expects_no_false_verdict() -> None:
    expected = table.expected()
    known = [text for row in expected.values() for text in row.values() if text != table.NOT_DOCUMENTED]
    assert table.false_verdicts(expected) == (0, 0)
    assert all(sum(row[one] != table.NOT_DOCUMENTED for row in expected.values()) >= 12 for one in BEHAVIOURS)
    assert len(known) >= 8 * 12


def test_a_false_verdict_would_be_counted() -> None:
    lie = {"wrong key": {"groq": "accepted | stop"}, "outage": {"groq": "rejected | KeyRejected"}}
    assert table.false_verdicts(lie) == (1, 1)


def test_the_printed_table_names_what_is_otherwise_than_expected() -> None:
    shown = table.show(lambda one, situation: "accepted | stop" if one == "groq" else table.expected()[situation][one])
    assert "groq, outage: accepted | stop, expected unreachable | ProviderDown" in shown
    assert f"false accepted {len(table.NO_PROOF)}, false rejected 0" in shown
