"""Hostile Markdown from models -> safe HTML, whole or as it grows. Runs no HTML of theirs, fetches nothing by itself.

Two walls: markdown-it writes HTML that it made itself, and a sanitiser then keeps only a short list of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import nh3
from markdown_it import MarkdownIt
from markdown_it.common.utils import escapeHtml
from markdown_it.renderer import RendererHTML
from markdown_it.rules_core import StateCore
from markdown_it.token import Token
from markdown_it.utils import OptionsDict
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from pygments.token import STANDARD_TYPES
from pygments.util import ClassNotFound

SAFE_LINK: Final = re.compile(r"(https?://|mailto:)\S", re.IGNORECASE)
CODE_CHUNK: Final = 2_000
"""Characters of code that are coloured at once: a long block is coloured in pieces, so that it can grow cheaply."""

_ALIGN: Final = re.compile(r"text-align:(left|center|right)")
_LANGUAGE: Final = re.compile(r"[A-Za-z0-9_+#.-]{1,30}")
References = dict[str, dict[str, Any]]
Coloured = dict[tuple[str, str], str]  # (language, code) -> HTML


def render(text: str) -> str:
    """The whole text as HTML that is safe to put into a page."""
    return "".join(block.html for block in _blocks(text, {}, {}))


def pygments_css(dark: bool) -> str:
    """The colours of code for `pre.code`, without a background of their own."""
    style = "github-dark" if dark else "default"
    rules = str(HtmlFormatter(style=style, nobackground=True).get_style_defs("pre.code")).splitlines()
    return "\n".join(rule for rule in rules if rule.startswith("pre.code"))  # the others are about line numbers


@dataclass(slots=True)
class _Block:
    """A top-level block: its lines within the text it was parsed from, its source and its HTML."""

    start: int
    end: int
    source: str
    html: str


class Blocks:
    """A growing text as a list of HTML blocks; of what is finished nothing is parsed twice.

    A block is finished when another follows it and the line that begins the other is complete. Only a link's
    definition that comes later can still change it: then those blocks that name its label are rendered again.
    """

    def __init__(self) -> None:
        self._done = ""  # the text of the finished blocks
        self._finished: list[_Block] = []
        self._defined: References = {}  # what the finished text defines
        self._seen: References = {}  # with what the tail defined when it was last looked at
        self._coloured: Coloured = {}  # pieces of code in the tail
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
        tail = _blocks(tail_text, references, self._coloured)
        self._apply_definitions(references)
        self._finish(tail_text, tail, references)
        return self._changes([block.html for block in self._finished] + [block.html for block in tail])

    def _apply_definitions(self, references: References) -> None:
        changed = {
            label
            for label in self._seen.keys() | references.keys()
            if _target(self._seen.get(label)) != _target(references.get(label))
        }
        self._seen = references
        if not changed:
            return
        for block in self._finished:
            # Letters as markdown-it compares them. One word of the label: a line's end may stand behind it.
            source = block.source.lower().upper()
            if any(label.split(" ")[0] in source for label in changed):
                block.html = "".join(again.html for again in _blocks(block.source, dict(references), {}))

    def _finish(self, tail_text: str, tail: list[_Block], references: References) -> None:
        """Moves the finished blocks from the tail; leaves at least the last one."""
        lines = tail_text.split("\n")  # the last one is not complete
        for count in range(len(tail) - 1, 0, -1):
            cut, before = tail[count].start, tail[count - 1]
            # Between two blocks only definitions stand; one that touches the block might still take lines from it.
            if cut >= len(lines) - 1 or (cut > before.end and lines[cut - 1].strip()):
                continue
            self._finished += tail[:count]
            self._done += "".join(line + "\n" for line in lines[:cut])
            self._defined = {
                label: found for label, found in references.items() if label in self._defined or found["map"][1] <= cut
            }
            self._coloured.clear()
            del tail[:count]
            return

    def _changes(self, now: list[str]) -> list[tuple[int, str]]:
        before, self._sent = self._sent, now
        gone = [""] * (len(before) - len(now))
        return [(index, html) for index, html in enumerate(now + gone) if index >= len(before) or before[index] != html]


def _target(reference: dict[str, Any] | None) -> tuple[object, object] | None:
    return None if reference is None else (reference["href"], reference["title"])


def _blocks(text: str, references: References, coloured: Coloured) -> list[_Block]:
    """Parses and renders; adds what the text defines to `references`, and coloured code to `coloured`."""
    env: dict[str, Any] = {"references": references, "coloured": coloured}
    tokens = _MARKDOWN.parse(text, env)
    lines = text.split("\n")
    found = []
    for group in _top_level(tokens):
        start, end = group[0].map or (0, 0)
        html = _CLEANER.clean(_MARKDOWN.renderer.render(group, _MARKDOWN.options, env))
        found.append(_Block(start, end, "\n".join(lines[start:end]), html))
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


class _Renderer(RendererHTML):
    """What is written otherwise than markdown-it does: images as links, code in colours."""

    def image(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: MutableMapping[str, Any]) -> str:
        token = tokens[idx]
        alt = escapeHtml(self.renderInlineAsText(token.children, options, env))
        url = escapeHtml(str(token.attrGet("src") or ""))
        address = url if token.meta.get("in_link") else f'<a href="{url}">{url}</a>'
        return f"image: {alt} ({address})" if alt else f"image: {address}"

    def fence(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: MutableMapping[str, Any]) -> str:
        words = tokens[idx].info.split()
        language = words[0] if words and _LANGUAGE.fullmatch(words[0]) else ""
        label = f' data-language="{escapeHtml(language)}"' if language else ""
        body = "".join(_colour(language.lower(), chunk, env["coloured"]) for chunk in _chunks(tokens[idx].content))
        return f'<pre class="code"{label}><code>{body}</code></pre>\n'

    def code_block(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: MutableMapping[str, Any]) -> str:
        return f'<pre class="code"><code>{escapeHtml(tokens[idx].content)}</code></pre>\n'


def _chunks(code: str) -> Iterator[str]:
    start = 0
    while len(code) - start > CODE_CHUNK:
        cut = code.find("\n", start + CODE_CHUNK) + 1
        if not cut:
            break
        yield code[start:cut]
        start = cut
    yield code[start:]


def _colour(language: str, code: str, known: Coloured) -> str:
    if not language or len(code) > 4 * CODE_CHUNK:
        return escapeHtml(code)
    if (language, code) not in known:
        try:
            lexer = get_lexer_by_name(language, stripnl=False, ensurenl=False)
        except ClassNotFound:
            return escapeHtml(code)
        html = str(highlight(code, lexer, HtmlFormatter(nowrap=True)))
        if len(code) < CODE_CHUNK:  # it still grows
            return html
        known[language, code] = html
    return known[language, code]


def _prepare(state: StateCore) -> None:
    """Notes which images stand inside a link, and says alignment without a style."""
    for token in state.tokens:
        if token.type in ("th_open", "td_open"):
            aligned = _ALIGN.fullmatch(str(token.attrs.pop("style", "")))
            if aligned:
                token.attrs["align"] = aligned[1]
        depth = 0
        for child in token.children or ():
            depth += child.nesting if child.type in ("link_open", "link_close") else 0
            if child.type == "image":
                child.meta["in_link"] = depth > 0


def _parser() -> MarkdownIt:
    markdown = MarkdownIt(
        "commonmark", {"html": False, "linkify": False, "typographer": False}, renderer_cls=_Renderer
    ).enable(["table", "strikethrough"])
    markdown.validateLink = lambda url: SAFE_LINK.match(url) is not None  # type: ignore[method-assign]
    markdown.core.ruler.push("prepare", _prepare)
    return markdown


_TAGS: Final = {
    *("p", "br", "hr", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "ul", "ol", "li"),
    *("em", "strong", "s", "a", "code", "pre", "span"),
    *("table", "thead", "tbody", "tr", "th", "td"),
}
_MARKDOWN: Final = _parser()
_CLEANER: Final = nh3.Cleaner(
    tags=_TAGS,
    clean_content_tags=set(),
    attributes={"a": {"href", "title"}, "ol": {"start"}, "pre": {"data-language"}},
    allowed_classes={"span": {name for name in STANDARD_TYPES.values() if name}, "pre": {"code"}},
    tag_attribute_values={tag: {"align": {"left", "center", "right"}} for tag in ("th", "td")},
    set_tag_attribute_values={"a": {"target": "_blank"}},
    link_rel="noopener noreferrer nofollow",
    url_schemes={"http", "https", "mailto"},
    url_relative="deny",
)
