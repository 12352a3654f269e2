"""The difference of two texts: nothing of either is lost, and what is called the same is the same."""

from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from byok.services.word_diff import MOST_WORDS, Passage, alike, compare, words

TEXTS = st.text(max_size=60) | st.lists(
    st.sampled_from(
        ["one", "two", "don't", " ", "  ", "\n", "\r\n", ",", "```", "中", "文", "が", "e\u0301", "\0", ""]
    ),
    max_size=40,
).map("".join)


def squeezed(text: str) -> str:
    return "".join(text.split())


def holds(left: str, right: str) -> list[Passage]:
    """The passages, once they have been held against the two texts."""
    found = compare(left, right)
    assert "".join(one.left for one in found) == left.lstrip()
    assert "".join(one.right for one in found) == right.lstrip()
    for one in found:
        assert not one.same or squeezed(one.left) == squeezed(one.right)
        assert one.left or one.right
    assert all(one.same != two.same for one, two in itertools.pairwise(found))
    assert 0 <= alike(found) <= 1
    return found


def shown(left: str, right: str) -> list[tuple[str, str] | str]:
    return [one.left if one.same else (one.left, one.right) for one in holds(left, right)]


@given(TEXTS, TEXTS)
def test_joined_by_side_the_passages_are_the_texts_and_same_ones_agree_apart_from_blanks(left: str, right: str) -> None:
    holds(left, right)


@given(TEXTS)
def test_a_text_is_the_same_as_itself_word_for_word(text: str) -> None:
    assert all(one.same for one in holds(text, text))
    assert alike(compare(text, text)) == 1


def test_words_that_only_one_says_stand_apart_from_what_both_say() -> None:
    assert shown("The cat sat.", "The dog sat.") == ["The ", ("cat ", "dog "), "sat."]


def test_blanks_alone_are_no_difference() -> None:
    assert shown("one two\n\nthree", " one  two three ") == ["one two\n\nthree"]


def test_a_word_with_an_apostrophe_is_one_word_and_punctuation_stands_alone() -> None:
    assert words("Don't stop, it’s on.") == ["Don't ", "stop", ", ", "it’s ", "on", "."]


def test_an_empty_text_differs_from_another_in_all_of_it() -> None:
    assert compare("", " \n") == []
    assert alike([]) == 1
    assert compare("", "a b") == [Passage(same=False, left="", right="a b")]
    assert alike(compare("", "a b")) == 0


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        ("我喜欢红色的花", "我喜欢白色的花", ["我喜欢", ("红", "白"), "色的花"]),
        ("2024年我们用GPT模型", "2025年我们用GPT模型", [("2024", "2025"), "年我们用GPT模型"]),
        ("猫が好きです", "犬が好きです", [("猫", "犬"), "が好きです"]),
        ("ｶﾀｶﾅ", "ｶﾀﾀﾅ", ["ｶﾀ", ("ｶ", "ﾀ"), "ﾅ"]),
        ("𠮷野家", "吉野家", [("𠮷", "吉"), "野家"]),
    ],
)
def test_chinese_and_japanese_are_compared_by_character(left: str, right: str, expected: list[object]) -> None:
    assert shown(left, right) == expected


def test_the_share_that_both_have_counts_words() -> None:
    assert alike(compare("a b c d", "a b x d")) == 0.75


def test_texts_of_twenty_thousand_words_are_compared_word_by_word() -> None:
    drawn = random.Random(7)  # noqa: S311 - no secret
    left = [str(drawn.randrange(1000)) for _ in range(MOST_WORDS)]
    right = [word if drawn.random() < 0.8 else str(drawn.randrange(1000)) for word in left]
    found = holds(" ".join(left), " ".join(right))
    assert 0.75 < alike(found) < 1


def test_texts_of_two_hundred_thousand_words_are_compared_line_by_line() -> None:
    lines = [" ".join(f"{place}.{word}" for word in range(10)) for place in range(10_000)]
    changed = [line.replace(".5 ", ".x ") if place == 5_000 else line for place, line in enumerate(lines)]
    found = holds("\n".join(lines), "\n".join(changed))
    assert [one.same for one in found] == [True, False, True]
    assert found[1].left == lines[5_000] + "\n"


def test_texts_of_very_many_lines_differ_as_one_between_what_both_begin_and_end_with() -> None:
    left = ["begin", *(f"l{place}" for place in range(3 * MOST_WORDS)), "end"]
    right = ["begin", *(f"r{place}" for place in range(3 * MOST_WORDS)), "end"]
    assert [one.same for one in holds("\n".join(left), "\n".join(right))] == [True, False, True]
