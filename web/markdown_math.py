r"""Where formulas stand in Markdown: `$..$`, `$$..$$`, `\(..\)`, `\[..\]`. Not in code, and not in sums of money.

These rules are our own: each looks at a bounded stretch of text, so that no answer can make them slow.
"""

from __future__ import annotations

from collections.abc import MutableMapping, Sequence
from typing import Any, Final

from markdown_it import MarkdownIt
from markdown_it.common.utils import escapeHtml
from markdown_it.renderer import RendererHTML
from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from markdown_it.utils import OptionsDict

from web.mathml import LONGEST, NotDrawnError, mathml

_CLOSE: Final = {"$$": "$$", "$": "$", r"\(": r"\)", r"\[": r"\]"}
_DISPLAY: Final = ("$$", r"\[")


def add_math(markdown: MarkdownIt) -> None:
    """Lets `markdown` find and draw formulas."""
    markdown.inline.ruler.before("escape", "math", _inline)
    markdown.block.ruler.before("fence", "math_block", _block, {"alt": ["paragraph", "reference", "blockquote"]})
    markdown.add_render_rule("math", _draw_inline)
    markdown.add_render_rule("math_block", _draw_block)


def _opener(text: str, position: int) -> str | None:
    return next((opener for opener in _CLOSE if text.startswith(opener, position)), None)


def _closing(text: str, start: int, end: int, closer: str) -> int:
    """Where the first `closer` stands that no backslash escapes; -1 where none does."""
    while (found := text.find(closer, start, end)) >= 0:
        before = text[start:found]
        if (len(before) - len(before.rstrip("\\"))) % 2 == 0:
            return found
        start = found + 1
    return -1


def _is_price(text: str, position: int, end: int) -> bool:
    """Whether these two dollars rather are signs of a currency."""
    before = text[position - 1 : position]  # empty at the beginning
    inside = text[position + 1 : end]
    return before.isalnum() or inside != inside.strip() or text[end + 1 : end + 2].isdigit()


def _inline(state: StateInline, silent: bool) -> bool:
    opener = _opener(state.src, state.pos)
    if opener is None:
        return False
    start = state.pos + len(opener)
    closer = _CLOSE[opener]
    end = _closing(state.src, start, min(state.posMax, start + LONGEST + len(closer)), closer)
    content = state.src[start:end]
    # Code binds more tightly than anything else.
    if end < 0 or not content.strip() or "`" in content or (opener == "$" and _is_price(state.src, state.pos, end)):
        return False
    if not silent:
        token = state.push("math", "math", 0)
        token.content, token.markup = content, opener
    state.pos = end + len(closer)
    return True


def _block(state: StateBlock, start_line: int, end_line: int, silent: bool) -> bool:
    opener = _opener(state.src, state.bMarks[start_line] + state.tShift[start_line])
    if opener not in _DISPLAY or state.is_code_block(start_line):
        return False
    lines = _block_lines(state, start_line, end_line, opener)
    content = "\n".join(lines).strip()[2:-2] if lines else ""
    if not content.strip():
        return False
    if not silent:
        token = state.push("math_block", "math", 0)
        token.block, token.content, token.markup = True, content, opener
        token.map = [start_line, start_line + len(lines)]
        state.line = start_line + len(lines)
    return True


def _block_lines(state: StateBlock, start_line: int, end_line: int, opener: str) -> list[str]:
    """The lines from the opener to the one that ends with its closer; none where the text goes on otherwise."""
    closer = _CLOSE[opener]
    lines: list[str] = []
    length = 0
    for number in range(start_line, end_line):
        line = state.src[state.bMarks[number] + state.tShift[number] : state.eMarks[number]].rstrip()
        after = line[len(opener) :] if number == start_line else line
        if not line or (lines and state.sCount[number] < state.blkIndent):
            return []
        lines.append(line)
        length += len(line) + 1
        closed = _closing(after, 0, len(after), closer)
        if closed >= 0:
            return lines if closed == len(after) - len(closer) else []
        if length > LONGEST or after.startswith(opener):
            return []
    return []


def _draw_inline(
    renderer: RendererHTML, tokens: Sequence[Token], idx: int, options: OptionsDict, env: MutableMapping[str, Any]
) -> str:
    token = tokens[idx]
    display = token.markup in _DISPLAY
    try:
        drawn = mathml(token.content, display=display)
    except NotDrawnError:
        return f"<code>{_source(token)}</code>"
    return f'<span class="math">{drawn}</span>' if display else drawn


def _draw_block(
    renderer: RendererHTML, tokens: Sequence[Token], idx: int, options: OptionsDict, env: MutableMapping[str, Any]
) -> str:
    try:
        return f'<div class="math">{mathml(tokens[idx].content, display=True)}</div>\n'
    except NotDrawnError:
        return f'<pre class="code"><code>{_source(tokens[idx])}\n</code></pre>\n'


def _source(token: Token) -> str:
    return escapeHtml(source(token))


def source(token: Token) -> str:
    """A formula as it was written."""
    return f"{token.markup}{token.content}{_CLOSE[token.markup]}"
