"""How Markdown from models is parsed, written as HTML and sanitised. Keeps no text but in the cache it is given."""

from __future__ import annotations

import re
from collections.abc import Iterator, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import nh3
from markdown_it import MarkdownIt
from markdown_it.common.utils import escapeHtml
from markdown_it.renderer import RendererHTML
from markdown_it.rules_core import StateCore
from markdown_it.rules_core.text_join import text_join
from markdown_it.token import Token
from markdown_it.utils import OptionsDict
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from pygments.token import STANDARD_TYPES
from pygments.util import ClassNotFound

from web import mathml
from web.markdown_math import add_math, source

CODE_CHUNK: Final = 2_000
"""Characters of code that are coloured at once: a long block is coloured in pieces, so that it can grow cheaply."""

References = dict[str, dict[str, Any]]

_SAFE_LINK: Final = re.compile(r"(https?://|mailto:)\S", re.IGNORECASE)
_ALIGN: Final = re.compile(r"text-align:(left|center|right)")
_LANGUAGE: Final = re.compile(r"[A-Za-z0-9_+#.-]{1,30}")


@dataclass(slots=True)
class Cache:
    """What the last parse of a growing text found, for the next one. A fresh one is always right."""

    inline: dict[str, list[Token]] = field(default_factory=dict)
    targets: dict[str, object] = field(default_factory=dict)
    coloured: dict[tuple[str, str], str] = field(default_factory=dict)


def parse(text: str, references: References, cache: Cache, *, math: bool = False) -> list[Token]:
    """The tokens of `text`; what it defines is added to `references`."""
    markdown = WITH_MATH if math else MARKDOWN
    return markdown.parse(text, {"references": references, "cache": cache})


def write(tokens: Sequence[Token], cache: Cache, *, math: bool = False) -> str:
    """Safe HTML of the tokens of whole top-level blocks."""
    markdown, cleaner = (WITH_MATH, MATH_CLEANER) if math else (MARKDOWN, CLEANER)
    html = str(markdown.renderer.render(tokens, markdown.options, {"cache": cache}))
    if len(tokens) == 1 and tokens[0].type == "fence":  # its pieces are clean already
        return html
    return cleaner.clean(html)


def target(reference: dict[str, Any] | None) -> tuple[object, object] | None:
    """Where a definition leads: what tells two of them apart."""
    return None if reference is None else (reference["href"], reference["title"])


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
        body = "".join(_colour(language.lower(), chunk, env["cache"]) for chunk in _chunks(tokens[idx].content))
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


def _colour(language: str, code: str, cache: Cache) -> str:
    known = cache.coloured.get((language, code))
    if known is not None:
        return known
    html = escapeHtml(code)
    # A line this long is no code that anybody reads; lexers may take very long over it.
    if language and len(code) <= 4 * CODE_CHUNK:
        try:
            lexer = get_lexer_by_name(language, stripnl=False, ensurenl=False)
            html = highlight(code, lexer, HtmlFormatter(nowrap=True))
        except ClassNotFound:
            pass
    html = CLEANER.clean(html)
    if len(code) >= CODE_CHUNK:  # a shorter piece still grows
        cache.coloured[language, code] = html
    return html


def _inline(state: StateCore) -> None:
    """Parses what stands within blocks, as markdown-it's rule of this name does, but each text once."""
    cache: Cache = state.env["cache"]
    targets: dict[str, object] = {label: target(found) for label, found in state.env["references"].items()}
    before = cache.inline if targets == cache.targets else {}
    cache.targets, cache.inline = targets, {}
    fresh = []
    for token in state.tokens:
        if token.type != "inline":
            continue
        token.children = before.get(token.content)
        if token.children is None:
            token.children = []
            state.md.inline.parse(token.content, state.md, state.env, token.children)
            fresh.append(token)
        cache.inline[token.content] = token.children
    text_join(StateCore("", state.md, state.env, fresh))  # once for each: a second time would break them
    cache.inline.update((token.content, token.children or []) for token in fresh)


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
                for part in child.children or ():
                    if part.type == "math":  # of what names an image only text is written
                        part.type, part.content = "text", source(part)


def _parser(*, math: bool = False) -> MarkdownIt:
    markdown = MarkdownIt(
        "commonmark", {"html": False, "linkify": False, "typographer": False}, renderer_cls=_Renderer
    ).enable(["table", "strikethrough"])
    markdown.validateLink = lambda url: _SAFE_LINK.match(url) is not None  # type: ignore[method-assign]
    markdown.disable("text_join")
    markdown.core.ruler.at("inline", _inline)
    markdown.core.ruler.push("prepare", _prepare)
    if math:
        add_math(markdown)
    return markdown


_TAGS: Final = {
    *("p", "br", "hr", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "ul", "ol", "li"),
    *("em", "strong", "s", "a", "code", "pre", "span"),
    *("table", "thead", "tbody", "tr", "th", "td"),
}
_ATTRIBUTES: Final = {"a": {"href", "title"}, "ol": {"start"}, "pre": {"data-language"}}
_CLASSES: Final = {"span": {name for name in STANDARD_TYPES.values() if name}, "pre": {"code"}}


def _cleaner(tags: set[str], attributes: dict[str, set[str]], classes: dict[str, set[str]]) -> nh3.Cleaner:
    return nh3.Cleaner(
        tags=tags,
        clean_content_tags=set(),
        attributes=attributes,
        allowed_classes=classes,
        tag_attribute_values={tag: {"align": {"left", "center", "right"}} for tag in ("th", "td")},
        set_tag_attribute_values={"a": {"target": "_blank"}},
        link_rel="noopener noreferrer nofollow",
        url_schemes={"http", "https", "mailto"},
        url_relative="deny",
    )


MARKDOWN: Final = _parser()
CLEANER: Final = _cleaner(_TAGS, _ATTRIBUTES, _CLASSES)
WITH_MATH: Final = _parser(math=True)
MATH_CLEANER: Final = _cleaner(
    _TAGS | mathml.ELEMENTS | {"div"},
    {**_ATTRIBUTES, **{element: set(mathml.ATTRIBUTES) for element in mathml.ELEMENTS}},
    {**_CLASSES, "span": _CLASSES["span"] | {"math"}, "div": {"math"}},
)
