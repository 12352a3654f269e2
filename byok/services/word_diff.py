"""The difference of two texts, word by word: what both say, what only one does. Blanks alone are no difference."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from rapidfuzz.distance import LCSseq

MOST_WORDS: Final = 20_000
"""Beyond so many words a text is compared line by line, and beyond so many lines as one: the comparison's memory
grows with the product of the two."""

# Chinese and Japanese are written without blanks: each character of theirs is a word.
_ALONE: Final = (
    r"\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f"
    r"\U0001b000-\U0001b16f\U00020000-\U0003fffd"
)
_WORD: Final = re.compile(rf"[{_ALONE}]\s*|[^\W{_ALONE}]+(?:['’][^\W{_ALONE}]+)*\s*|[^\w\s]\s*")
_LINE: Final = re.compile(r"[^\n]*\n?")


@dataclass(frozen=True, slots=True)
class Passage:
    """A stretch of both texts: the same words in both, or words that stand in one and not in the other.

    `left` and `right` differ in blanks at most where `same`; else either may be empty.
    """

    same: bool
    left: str
    right: str

    @property
    def words(self) -> int:
        """How many words the longer side has."""
        return max(len(words(self.left)), len(words(self.right)))


def compare(left: str, right: str) -> list[Passage]:
    """The passages in order; joined by side, they are the two texts without blanks at the start."""
    left, right = left.lstrip(), right.lstrip()
    one, two = _pieces(left, right)
    numbers: dict[str, int] = {}
    ours, theirs = ([numbers.setdefault(piece.strip(), len(numbers)) for piece in side] for side in (one, two))
    begin = _shared(ours, theirs)
    end = _shared(ours[begin:][::-1], theirs[begin:][::-1])
    differ = ours[begin : len(ours) - end], theirs[begin : len(theirs) - end]
    found = [Passage(same=True, left="".join(one[:begin]), right="".join(two[:begin]))]
    if max(map(len, differ)) > MOST_WORDS:
        gone, new = "".join(one[begin : len(one) - end]), "".join(two[begin : len(two) - end])
        found.append(Passage(same=False, left=gone, right=new))
    else:
        for step in LCSseq.opcodes(*differ):
            gone = "".join(one[begin + step.src_start : begin + step.src_end])
            new = "".join(two[begin + step.dest_start : begin + step.dest_end])
            found.append(Passage(same=step.tag == "equal", left=gone, right=new))
    found.append(Passage(same=True, left="".join(one[len(one) - end :]), right="".join(two[len(two) - end :])))
    return _merged(found)


def alike(passages: Sequence[Passage]) -> float:
    """Which share of the words both have, 0 to 1; 1 for two empty texts."""
    same = sum(passage.words for passage in passages if passage.same)
    every = same + sum(passage.words for passage in passages if not passage.same)
    return same / every if every else 1.0


def words(text: str) -> list[str]:
    """The words of a text, each with the blanks after it; punctuation stands alone."""
    return _WORD.findall(text)


def _pieces(left: str, right: str) -> tuple[list[str], list[str]]:
    one, two = words(left), words(right)
    if max(len(one), len(two)) <= MOST_WORDS:
        return one, two
    return [line for line in _LINE.findall(left) if line], [line for line in _LINE.findall(right) if line]


def _shared(one: Sequence[int], two: Sequence[int]) -> int:
    """How many both begin with."""
    return next((at for at, (a, b) in enumerate(zip(one, two, strict=False)) if a != b), min(len(one), len(two)))


def _merged(found: Sequence[Passage]) -> list[Passage]:
    """Neighbours of one kind as one, empty ones left out."""
    whole: list[Passage] = []
    for passage in found:
        if not passage.left and not passage.right:
            continue
        if whole and whole[-1].same == passage.same:
            before = whole.pop()
            passage = Passage(passage.same, before.left + passage.left, before.right + passage.right)
        whole.append(passage)
    return whole
