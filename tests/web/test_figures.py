"""How figures and compared words are drawn: exact, a dash where nothing is known, and nothing hostile gets through."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from byok.ground.ids import new_id
from byok.services.numbers import column_numbers, standing
from byok.services.word_diff import compare
from tests.services.answers import answer
from web import formats
from web.playground import comparison, summary

HOSTILE = "<img src=x onerror=alert(1)> \"'&lt; </div></del><script>x</script> <!--"
ONE, TWO = new_id(), new_id()


class Drawn(HTMLParser):
    """What a browser would see: tags with their attributes, the text, and the text in each `del` and `ins`."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.marked: list[tuple[str, str]] = []
        self._in: list[str] = []
        self.feed(html)
        self.close()
        assert self._in == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag != "br":
            self._in.append(tag)
        if tag in ("del", "ins"):
            self.marked.append((tag, ""))

    def handle_endtag(self, tag: str) -> None:
        assert self._in.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data
        if self._in[-1] in ("del", "ins"):
            tag, before = self.marked.pop()
            self.marked.append((tag, before + data))

    def handle_comment(self, data: str) -> None:
        raise AssertionError(data)


@pytest.mark.parametrize(
    ("write", "value", "text"),
    [
        (formats.whole_ms, None, "—"),
        (formats.whole_ms, 0, "0 ms"),
        (formats.whole_ms, 4217, "4,217 ms"),
        (formats.rate, None, "—"),
        (formats.rate, Decimal("84.2"), "84.2"),
        (formats.rate, Decimal("1234.0"), "1,234.0"),
        (formats.exact, None, "—"),
        (formats.exact, 0, "$0"),
        (formats.exact, 1, "$0.000000000001"),
        (formats.exact, 122_600_000, "$0.0001226"),
        (formats.exact, 10 * 10**12, "$10"),
        (formats.exact, 1_234_500_000_000_000, "$1,234.5"),
        (formats.exact, 2**63 - 1, "$9,223,372.036854775807"),
        (formats.about, None, "—"),
        (formats.about, 122_600_000, "≈ $0.0001226"),
    ],
)
def test_a_figure_is_written_to_the_last_digit_and_a_dash_where_it_is_not_known(
    write: Callable[[Any], str], value: object, text: str
) -> None:
    assert write(value) == text


@given(st.integers(0, 2**63 - 1))
def test_money_that_is_compared_loses_no_digit(pico: int) -> None:
    assert int(Decimal(formats.exact(pico).replace(",", "").removeprefix("$")).scaleb(12)) == pico


def sides(left: str, right: str, *, only: bool = False, label: str = "1 · fake-1") -> tuple[Drawn, Drawn]:
    found = compare(left, right)
    one, two = (comparison._side(found, left=is_left, only=only, label=label) for is_left in (True, False))
    return Drawn(one), Drawn(two)


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=40).map(lambda text: f"{HOSTILE}{text}"), st.text())
def test_compared_texts_are_shown_letter_by_letter_whatever_they_hold(left: str, right: str) -> None:
    for drawn, text in zip(sides(left, right, label=HOSTILE), (left, right), strict=True):
        assert drawn.text == text.lstrip()
        assert {tag for tag, _ in drawn.tags} <= {"div", "del", "ins"}
        assert drawn.tags[0][1]["aria-label"] == HOSTILE
        assert all(set(attributes) == {"title"} for _, attributes in drawn.tags[1:])


def test_what_only_one_says_is_told_by_its_element_and_its_title_not_by_colour_alone() -> None:
    left, right = sides("The cat sat.", "The dog sat.")
    assert (left.marked, right.marked) == ([("del", "cat")], [("ins", "dog")])
    assert left.tags[1] == ("del", {"title": "only here"})


def test_only_differences_shows_a_few_words_around_each_and_says_how_many_are_left_out() -> None:
    same = " ".join(f"w{place}" for place in range(100))
    left, _ = sides(f"cat {same} cat {same}", f"dog {same} dog {same}", only=True)
    assert left.text == (
        "cat w0 w1 w2 w3 w4 w5 … 88 words … w94 w95 w96 w97 w98 w99 cat w0 w1 w2 w3 w4 w5 … 94 words … "
    )
    assert left.marked == [("del", "cat"), ("del", "cat")]


def test_only_differences_leaves_out_lines_and_chinese_as_well_as_words_with_blanks_between() -> None:
    left, _ = sides("猫" + "中文" * 50, "犬" + "中文" * 50, only=True)
    assert left.text == "猫中文中文中文 … 94 words … "
    lines = "".join(f"a{place}\n" for place in range(50))
    left, _ = sides(f"cat\n{lines}", f"dog\n{lines}", only=True)
    assert left.text.startswith("cat\na0\na1\na2\na3\na4\na5 … 44 words … ")


def test_only_differences_leaves_out_nothing_where_one_word_would_be_missed() -> None:
    left, _ = sides("cat a b c d e f g", "dog a b c d e f g", only=True)
    assert left.text == "cat a b c d e f g"


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=80))
def test_only_differences_is_escaped_too(text: str) -> None:
    for drawn in sides(f"cat {HOSTILE * 3}{text}", f"dog {HOSTILE * 3}{text}", only=True):
        assert {tag for tag, _ in drawn.tags} <= {"div", "del", "ins"}


FOUND = [
    column_numbers(ONE, [answer(ONE, figures={"ttft_ms": ms, "tokens_out": 1500}) for ms in (100, 300)], repeats=2),
    column_numbers(TWO, [answer(TWO, figures={"ttft_ms": 200, "cost_pico": 7})], repeats=2),
]
CALLED = {ONE: f"1 · {HOSTILE}", TWO: "2 · fake-2"}


def test_the_cards_name_who_comes_first_with_the_figure_and_a_dash_where_nobody_does() -> None:
    drawn = Drawn(summary._cards(standing(FOUND), FOUND, CALLED))
    assert drawn.text == (
        f"First token {CALLED[ONE]} and {CALLED[TWO]} 200 msFastest —"
        f"Cheapest {CALLED[TWO]} $0.000000000007Longest {CALLED[ONE]} 1,500 tokens"
    )
    assert {tag for tag, _ in drawn.tags} == {"ul", "li", "b", "span", "em"}


def test_the_table_of_a_race_has_the_median_with_least_and_most_and_how_many_answered() -> None:
    html = summary._table(FOUND, CALLED, race=True)
    assert "<td>200 ms<br><small>100 ms to 300 ms</small></td>" in html
    assert "<small>2 of 2</small>" in html
    assert Drawn(html).text.startswith("Median, with least and most below it.")


def test_the_table_is_one_that_a_screen_reader_can_walk() -> None:
    drawn = Drawn(summary._table(FOUND, CALLED, race=False))
    scopes = [attributes.get("scope") for tag, attributes in drawn.tags if tag == "th"]
    assert (scopes.count("col"), scopes.count("row")) == (8, 2)
    assert ("div", {"class": "figures", "tabindex": "0", "role": "region", "aria-label": "Numbers"}) in drawn.tags
    assert drawn.text.count("—") == 4 * 2 + 2  # four of seven are known of neither column, and two of one alone
