"""Hostile Markdown from models -> safe HTML, whole or as it grows. Runs no HTML of theirs, fetches nothing by itself.

Two walls: markdown-it writes HTML that it made itself, and a sanitiser then keeps only a short list of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markdown_it.token import Token
from pygments.styles import get_style_by_name
from pygments.token import STANDARD_TYPES

from web.markdown_rules import Cache, References, parse, target, write


def render(text: str, *, math: bool = False) -> str:
    """The whole text as HTML that is safe to put into a page.

    Args:
        math: formulas become MathML; what is none, or cannot be drawn, stays as it was written.
    """
    return "".join(block.html for block in _blocks(text, {}, Cache(), math=math))


def pygments_css() -> str:
    """The colours of code for `pre.code`, in a light page and in a dark one, without a background of their own."""
    light, dark = get_style_by_name("default"), get_style_by_name("github-dark")
    rules = []
    for token, name in STANDARD_TYPES.items():
        here, there = light.style_for_token(token), dark.style_for_token(token)
        day, night = (f"#{style['color']}" if style["color"] else "currentcolor" for style in (here, there))
        looks = f"color: light-dark({day}, {night});" if day != night else ""
        looks += " font-weight: bold;" if here["bold"] else ""
        looks += " font-style: italic;" if here["italic"] else ""
        if name and looks:
            rules.append(f"pre.code .{name} {{ {looks.strip()} }}")
    return "\n".join(rules)


SETTLED = ("paragraph_open", "heading_open", "hr", "fence", "table_open")


@dataclass(slots=True)
class _Block:
    """A top-level block: its lines within the text it was parsed from, its source and its HTML.

    `begins`: how many lines show that it begins. `settled`: a blank line behind it ends it, whatever follows.
    """

    start: int
    end: int
    source: str
    html: str
    begins: int
    settled: bool


class Blocks:
    """A growing text as a list of HTML blocks; of what is finished nothing is parsed twice.

    A block is finished when another follows it and the lines that begin the other are complete; a paragraph and the
    like already behind a blank line. Only a link's
    definition that comes later can still change it: then those blocks that name its label are rendered again.
    """

    def __init__(self) -> None:
        self._done = ""  # the text of the finished blocks
        self._finished: list[_Block] = []
        self._defined: References = {}  # what the finished text defines
        self._seen: References = {}  # with what the tail defined when it was last looked at
        self._cache = Cache()  # of the tail
        self._sent: list[str] = []

    def feed(self, whole_text: str) -> list[tuple[int, str]]:
        """Takes the whole text so far and returns what changed since the last call.

        Returns:
            (index, HTML) pairs in order of index; joined by index, all HTML given so far is the text rendered. A block
            that is no more comes with an empty string.
        """
        text = whole_text.replace("\r\n", "\n").replace("\r", "\n")
        if not text.startswith(self._done):  # not the same text, longer: begin anew
            self._done, self._finished, self._defined, self._seen = "", [], {}, {}
        references = dict(self._defined)
        tail_text = text[len(self._done) :]
        tail = _blocks(tail_text, references, self._cache)
        self._apply_definitions(references)
        self._finish(tail_text, tail, references)
        return self._changes([block.html for block in self._finished] + [block.html for block in tail])

    def _apply_definitions(self, references: References) -> None:
        changed = {
            label
            for label in self._seen.keys() | references.keys()
            if target(self._seen.get(label)) != target(references.get(label))
        }
        self._seen = references
        if not changed:
            return
        for block in self._finished:
            # Letters as markdown-it compares them. One word of the label: a line's end may stand behind it.
            source = block.source.lower().upper()
            if any(label.split(" ")[0] in source for label in changed):
                block.html = "".join(again.html for again in _blocks(block.source, dict(references), Cache()))

    def _finish(self, tail_text: str, tail: list[_Block], references: References) -> None:
        """Moves the finished blocks from the tail; leaves at least the last one."""
        lines = tail_text.split("\n")  # the last one is not complete
        for count in range(len(tail) - 1, 0, -1):
            cut, before = tail[count].start, tail[count - 1]
            # Between two blocks only definitions stand; one that touches the block might still take lines from it.
            blank = cut > before.end and not lines[cut - 1].strip()
            begun = cut + tail[count].begins < len(lines)
            if not (blank and before.settled) and (not begun or (cut > before.end and not blank)):
                continue
            self._finished += tail[:count]
            self._done += "".join(line + "\n" for line in lines[:cut])
            self._defined = {
                label: found for label, found in references.items() if label in self._defined or found["map"][1] <= cut
            }
            self._cache = Cache()
            del tail[:count]
            return

    def _changes(self, now: list[str]) -> list[tuple[int, str]]:
        before, self._sent = self._sent, now
        gone = [""] * (len(before) - len(now))
        return [(index, html) for index, html in enumerate(now + gone) if index >= len(before) or before[index] != html]


def _blocks(text: str, references: References, cache: Cache, *, math: bool = False) -> list[_Block]:
    """Parses and renders; adds what the text defines to `references`."""
    lines = text.split("\n")
    found = []
    for group in _top_level(parse(text, references, cache, math=math)):
        start, end = group[0].map or (0, 0)
        opens = group[0].type
        begins = 2 if opens == "table_open" else 1
        html = write(group, cache, math=math)
        found.append(_Block(start, end, "\n".join(lines[start:end]), html, begins, opens in SETTLED))
    return found


def _top_level(tokens: Sequence[Token]) -> Iterator[list[Token]]:
    group: list[Token] = []
    depth = 0
    for token in tokens:
        group.append(token)
        depth += token.nesting
        if depth == 0:
            yield group
            group = []
