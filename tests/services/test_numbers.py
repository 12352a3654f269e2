"""Figures of answers: what is known is exact, what is not stays unknown, and who stands first is told fairly."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from byok.ground.ids import new_id
from byok.services.numbers import ColumnNumbers, Numbers, Spread, column_numbers, numbers_of, spread, standing
from byok.services.numbers import turn_numbers as numbers_of_turn
from tests.services.answers import answer, turn

ONE, TWO, THREE = new_id(), new_id(), new_id()
TIMED = {"ttft_ms": 500, "duration_ms": 2500}


def rate(*, reasoning: str = "", **figures: Any) -> Decimal | None:
    return numbers_of(answer(ONE, reasoning=reasoning, figures={**TIMED, **figures})).tokens_per_s


def test_tokens_a_second_are_the_texts_over_the_time_from_its_first_piece_to_the_end() -> None:
    assert rate(tokens_out=100) == Decimal("50.0")


def test_reasoning_counts_neither_among_the_tokens_nor_in_the_time() -> None:
    assert rate(tokens_out=1100, tokens_reasoning=1000, reasoning="Hm.") == Decimal("50.0")


def test_where_a_model_reasoned_and_nobody_says_how_much_its_rate_is_not_known() -> None:
    assert rate(tokens_out=1100, reasoning="Hm.") is None


@pytest.mark.parametrize(
    "figures",
    [
        {"tokens_out": None},
        {"tokens_out": 0},
        {"tokens_out": 5, "ttft_ms": None},
        {"tokens_out": 5, "duration_ms": None},
        {"tokens_out": 5, "duration_ms": 500},
        {"tokens_out": 5, "tokens_reasoning": 5},
        {"tokens_out": 5, "tokens_reasoning": 9},
    ],
)
def test_a_rate_that_cannot_be_told_is_not_made_up(figures: dict[str, Any]) -> None:
    assert rate(**figures) is None


def test_a_rate_is_rounded_once_to_a_tenth() -> None:
    assert rate(tokens_out=1, duration_ms=3500) == Decimal("0.3")
    assert rate(tokens_out=2, duration_ms=3500) == Decimal("0.7")


def test_an_answer_without_a_receipt_has_no_figures() -> None:
    assert numbers_of(answer(ONE, receipt=None)) == Numbers()


def test_what_the_provider_did_not_count_stays_unknown() -> None:
    assert numbers_of(answer(ONE)) == Numbers()


def test_a_message_of_the_plan_has_no_cost_even_where_a_price_is_known() -> None:
    assert numbers_of(answer(ONE, figures={"source": "plan", "cost_pico": 5})).cost_pico is None
    assert numbers_of(answer(ONE, figures={"cost_pico": 0})).cost_pico == 0


def versions(*ttfts: int | None) -> list[Any]:
    return [answer(ONE, version=place, figures={"ttft_ms": ms}) for place, ms in enumerate(ttfts, 1)]


def test_outside_of_a_race_the_newest_version_counts_alone() -> None:
    found = column_numbers(ONE, versions(100, 900), repeats=1)
    assert (found.answers, found.asked, found.median("ttft_ms")) == (1, 1, Decimal(900))


def test_of_a_race_every_answer_counts_with_median_least_and_most() -> None:
    found = column_numbers(ONE, versions(100, 900, 300), repeats=3)
    assert found.spreads == {"ttft_ms": Spread(Decimal(300), Decimal(100), Decimal(900), 3)}
    assert (found.answers, found.asked) == (3, 3)


def test_an_unknown_figure_of_a_race_is_left_out_and_never_taken_for_0() -> None:
    found = column_numbers(ONE, versions(100, None, 300), repeats=3)
    assert found.spreads["ttft_ms"] == Spread(Decimal(200), Decimal(100), Decimal(300), 2)
    assert (found.answers, found.asked) == (3, 3)


@pytest.mark.parametrize("not_yet", [{"text": ""}, {"state": "running"}])
def test_what_has_no_text_or_still_runs_was_asked_but_has_not_answered(not_yet: dict[str, Any]) -> None:
    two = [*versions(100), answer(ONE, version=2, figures={"ttft_ms": 7}, **not_yet)]
    found = column_numbers(ONE, two, repeats=2)
    assert (found.answers, found.asked, found.median("ttft_ms")) == (1, 2, Decimal(100))


def test_the_median_of_two_whole_numbers_is_whole_and_of_two_rates_has_a_tenth() -> None:
    assert spread([1, 2]) == Spread(Decimal(2), Decimal(1), Decimal(2), 2)
    assert spread([Decimal("1.0"), Decimal("1.1")]) == Spread(Decimal("1.0"), Decimal("1.0"), Decimal("1.1"), 2)
    assert spread([None, None]) is None


@given(st.lists(st.none() | st.integers(0, 2**63 - 1), max_size=5))
def test_a_median_lies_between_least_and_most_of_what_is_known(values: list[int | None]) -> None:
    known, found = [value for value in values if value is not None], spread(values)
    if found is None:
        assert known == []
    else:
        assert (int(found.least), int(found.most), found.count) == (min(known), max(known), len(known))
        assert found.least <= found.median <= found.most
        assert found.median == int(found.median)


def columns(figure: str, *values: int | None) -> list[ColumnNumbers]:
    return [
        column_numbers(which, [answer(which, figures={figure: value})], repeats=1)
        for which, value in zip((ONE, TWO, THREE), values, strict=True)
    ]


def test_the_least_comes_first_by_time_and_cost_and_the_most_by_length() -> None:
    assert standing(columns("ttft_ms", 300, 100, 200)).soonest == (TWO,)
    assert standing(columns("cost_pico", 30, 10, 20)).cheapest == (TWO,)
    assert standing(columns("tokens_out", 30, 10, 20)).longest == (ONE,)


def test_all_that_share_the_first_place_stand_there() -> None:
    assert standing(columns("cost_pico", 10, 30, 10)).cheapest == (ONE, THREE)


def test_a_column_whose_figure_is_not_known_is_never_first() -> None:
    assert standing(columns("cost_pico", None, 5, 9)).cheapest == (TWO,)


def test_where_nothing_is_known_nobody_stands_first() -> None:
    found = standing(columns("cost_pico", None, None, None))
    assert (found.soonest, found.fastest, found.cheapest, found.longest) == ((), (), (), ())


def test_the_fastest_is_the_one_with_the_most_tokens_a_second() -> None:
    quick, slow = ({"tokens_out": 100, "ttft_ms": 0, "duration_ms": ms} for ms in (1000, 2000))
    found = numbers_of_turn(turn([answer(ONE, figures=slow), answer(TWO, figures=quick)]), [ONE, TWO])
    assert standing(found).fastest == (TWO,)


def test_a_column_that_was_not_asked_is_not_compared() -> None:
    assert [one.column_id for one in numbers_of_turn(turn([answer(TWO)]), [ONE, TWO])] == [TWO]
