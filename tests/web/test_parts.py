"""Text of others in Markdown: it is read letter by letter, and opens no door."""

from __future__ import annotations

import pytest
from markdown_it import MarkdownIt

from web import parts

READ = MarkdownIt("commonmark", {"html": False})


@pytest.mark.parametrize(
    "text",
    [
        "# no title",
        "no title\n===",
        "&copy; &lt;b&gt;",
        "<b>x</b>",
        "![x](y)",
        "[x](y)",
        "1. one",
        "- one",
        "`a` *b* _c_",
    ],
)
def test_what_others_wrote_is_shown_letter_by_letter(text: str) -> None:
    html = READ.render(parts.plain_lines(text))
    assert html.replace("<br />\n", "\n") == _paragraph(text)


def test_the_lines_of_pasted_code_keep_their_indentation() -> None:
    assert parts.plain_lines("a:\n    b\n\n\tc") == "a\\:  \n\u00a0\u00a0\u00a0\u00a0b  \n  \n\u00a0\u00a0\u00a0\u00a0c"


def test_a_backtick_in_a_name_does_not_end_its_code() -> None:
    assert READ.render(parts.code("a` ![x](y)")) == "<p><code>a' ![x](y)</code></p>\n"


def test_an_empty_line_in_a_name_does_not_end_its_code_either() -> None:
    assert READ.render(parts.code("a\n\n![x](y)")) == "<p><code>a ![x](y)</code></p>\n"


def _paragraph(text: str) -> str:
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
    return f"<p>{escaped}</p>\n"
