"""Run files as data frames: kinds that can be relied on, exact costs, nothing unknown taken for 0."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from byok.core.parameters import Parameters
from byok.frames import ANSWERS, COLUMNS, TURNS, RunFrames, read_run
from byok.ground.errors import InvalidInputError
from byok.services.conversation_views import ThreadView
from byok.services.run_export import run_file
from tests.services.answers import AT, answer, column, thread, turn

PAGE = Path(__file__).parents[1] / "docs" / "notebook.md"
EXACT = 9_007_199_254_740_993  # a float would round it
WHOLE = [name for name, kind in ANSWERS.items() if kind == "Int64"]
REAL = [name for name, kind in ANSWERS.items() if kind == "float64"]


def frames(found: ThreadView) -> RunFrames:
    return read_run(run_file(found, at=AT).dump())


def two_answers() -> ThreadView:
    """One with every figure, one with none."""
    known: dict[str, Any] = {
        "ttft_ms": 500,
        "duration_ms": 2500,
        "tokens_in": 11,
        "tokens_out": 100,
        "tokens_cached": 0,
        "cost_pico": EXACT,
        "price_origin": "list",
        "price_date": "2026-11-20",
        "price_in_pico": 250_000_000_000,
    }
    one, two = column(parameters=Parameters(stop=("a", "b"), seed=7, temperature=1)), column(1)
    answers = [answer(one.id, figures=known, parameters=one.parameters), answer(two.id, reasoning="Hm.")]
    first = turn(answers, repeats=2)
    return thread([one, two], [first, turn([answer(two.id)], text="So?", parent=first.id)])


def kinds(frame: pd.DataFrame) -> dict[str, str]:
    return {str(name): str(kind) for name, kind in frame.dtypes.items()}


@pytest.mark.parametrize(
    "found",
    [two_answers(), thread([column()], []), thread([one := column()], [turn([answer(one.id, receipt=None)])])],
    ids=["figures", "no message", "no figures"],
)
def test_the_columns_and_their_kinds_are_the_same_whatever_a_run_holds(found: ThreadView) -> None:
    made = frames(found)
    assert kinds(made.columns) == COLUMNS
    assert kinds(made.turns) == TURNS
    assert kinds(made.answers) == ANSWERS


def test_what_is_not_known_is_missing_and_not_0() -> None:
    answers = frames(two_answers()).answers
    for name in (*WHOLE[3:], *REAL):
        assert pd.isna(answers[name][1]), name
    assert answers["tokens_cached"][0] == 0  # that it is 0 is known


def test_whole_numbers_stay_exact_beside_missing_ones() -> None:
    answers = frames(two_answers()).answers
    assert answers["cost_pico"].to_list() == [EXACT, pd.NA, pd.NA]
    assert answers["cost_usd"][0] == pytest.approx(9007.199254740993)
    assert answers["tokens_per_s"][0] == 50.0
    assert answers["price_in_usd_per_million"][0] == 0.25


def test_stop_texts_are_lists_and_empty_where_none_is_set() -> None:
    made = frames(two_answers())
    assert made.columns["stop"].to_list() == [["a", "b"], []]
    assert made.answers["stop"].to_list() == [["a", "b"], [], []]
    assert made.columns["seed"].to_list() == [7, pd.NA]


def test_turns_say_what_they_follow() -> None:
    turns = frames(two_answers()).turns
    assert turns["follows"].to_list() == [pd.NA, 1]
    assert turns["repeats"].to_list() == [2, 1]
    assert turns["text"].to_list() == ["Hi", "So?"]


def test_a_run_is_read_from_a_path_as_from_bytes(tmp_path: Path) -> None:
    data = run_file(two_answers(), at=AT).dump()
    (tmp_path / "run.json").write_bytes(data)
    for path in (tmp_path / "run.json", str(tmp_path / "run.json")):
        pd.testing.assert_frame_equal(read_run(path).answers, read_run(data).answers)


def test_what_is_no_run_file_is_refused_in_a_sentence() -> None:
    with pytest.raises(InvalidInputError, match="no run file"):
        read_run(b"[]")


def test_the_cell_of_the_notebook_page_runs_and_says_what_it_should(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cells = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    (cell,) = (cell for cell in cells if "read_run" in cell)
    (tmp_path / "run.json").write_bytes(run_file(two_answers(), at=AT).dump())
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(cell, names)  # noqa: S102 - the page's own cell
    (row,) = names["by_model"].reset_index().to_dict("records")
    assert row == {
        "model": "byok:fake/fake-1",
        "answers": 3,
        "first_token_ms": 500,
        "tokens_per_s": 50.0,
        "cost_pico": EXACT,
    }
