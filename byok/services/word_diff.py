"""The difference of two texts, word by word: what both say, what only one does. Blanks alone are no difference."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from rapidfuzz.distance import LCSseq

MOST_WORDS: Final = 20_000
"""Beyond so many words a text is compared line by line: the comparison's memory grows with the product of the two."""

_WORD: Final = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]\s*|\w+(?:['’]\w+)*\s*|[^\w\s]\s*")
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
        return max(len(_WORD.findall(self.left)), len(_WORD.findall(self.right)))


def compare(left: str, right: str) -> list[Passage]:
    """The passages in order; joined by side, they are the two texts without blanks at the start."""
    left, right = left.lstrip(), right.lstrip()
    one, two = _pieces(left, right)
    ours, theirs = [piece.strip() for piece in one], [piece.strip() for piece in two]
    begin = _shared(ours, theirs)
    end = _shared(ours[begin:][::-1], theirs[begin:][::-1])
    middle = slice(begin, len(ours) - end), slice(begin, len(theirs) - end)
    found = [Passage(same=True, left="".join(one[:begin]), right="".join(two[:begin]))]
    for step in LCSseq.opcodes(ours[middle[0]], theirs[middle[1]]):
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


def _pieces(left: str, right: str) -> tuple[list[str], list[str]]:
    one, two = _WORD.findall(left), _WORD.findall(right)
    if max(len(one), len(two)) <= MOST_WORDS:
        return one, two
    return [line for line in _LINE.findall(left) if line], [line for line in _LINE.findall(right) if line]


def _shared(one: Sequence[str], two: Sequence[str]) -> int:
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
