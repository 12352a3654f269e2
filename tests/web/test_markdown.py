"""What models write is hostile: nothing of it runs, and nothing is fetched before a click."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from web.markdown import Blocks, pygments_css, render

TAGS = {
    *("p", "br", "hr", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "ul", "ol", "li"),
    *("em", "strong", "s", "a", "code", "pre", "span"),
    *("table", "thead", "tbody", "tr", "th", "td"),
}
ATTRIBUTES = {"href", "title", "target", "rel", "start", "class", "align", "data-language"}

PIECES = st.sampled_from(
    [
        *("\n", "\n", "\n\n", "\r", "\r\n", " ", "  ", "    ", "\t", "\x00", "a", "b", "word ", "é", "Σς", ".", "\\"),
        *(
            "-",
            "- ",
            "* ",
            "*",
            "_",
            "`",
            "~",
            "#",
            "# ",
            ">",
            "> ",
            "|",
            "=",
            "==",
            "1. ",
            "2) ",
            "---",
            "***",
            "<",
            "&",
        ),
        *("```", "```py\n", "~~~", "**bold**", "`code`", "<b>", "<!--", "&amp;", "[", "]", "(", ")", "!", ":"),
        *("| a | b |\n", "| - | - |\n", "|-|", "a | b", "- | -\n", "[a](https://b.example)"),
        *("[foo]", "[Foo\nbar]", "[foo]: http://x.example", "[foo bar]: http://y.example", " 'title", "'", '"t"'),
        *("![alt](http://x.example/i.png)", "![alt][foo]"),
    ]
)
TEXTS = st.lists(PIECES, max_size=40).map("".join)


class Page:
    """What a browser would get."""

    def __init__(self, blocks: Blocks) -> None:
        self.blocks, self.html = blocks, dict[int, str]()

    def feed(self, text: str) -> list[tuple[int, str]]:
        changes = self.blocks.feed(text)
        self.html.update(changes)
        return changes

    def __str__(self) -> str:
        return "".join(self.html[index] for index in sorted(self.html))


class Checker(HTMLParser):
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in TAGS
        for name, value in attrs:
            assert name in ATTRIBUTES
            if name == "href":
                assert value is not None
                assert re.match(r"(https?://|mailto:)", value, re.IGNORECASE)

    def handle_comment(self, data: str) -> None:
        raise AssertionError(data)

    def handle_decl(self, decl: str) -> None:
        raise AssertionError(decl)


def growing(text: str, cuts: list[int]) -> str:
    page = Page(Blocks())
    for cut in sorted({min(cut, len(text)) for cut in cuts} | {len(text)}):
        page.feed(text[:cut])
    return str(page)


@given(TEXTS, st.lists(st.integers(0, 400), max_size=30))
@example("- a\n\n---x\n\n- b", [*range(20)])
@example("para\n#x\n", [*range(10)])
@example("* a\n\n* * *x\n* b", [*range(20)])
@example("# a\n[foo]: /u\n'multi\n\nline'\n# b", [*range(40)])
@example("# a\n[foo]: http://u.x\n'multi\nline'\n# b\n[foo]", [*range(60)])
@example("> [foo\n> bar]\n\n# b\n\n[foo bar]: http://u.x 't'\n", [*range(80)])
@example("[foo]\n\nb\n\n> [foo]: http://one.x\n\n[foo]: http://two.x\n", [*range(80)])
@example("a | b\n- | -\n1 | 2\n# c", [*range(80)])
@example("a\r\n\r\nb\r\n```\r\nc\r\n", [*range(80)])
@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_however_a_text_grows_its_blocks_together_are_the_text_rendered_whole(text: str, cuts: list[int]) -> None:
    assert growing(text, cuts) == render(text)


@given(TEXTS)
@example("a\nb | c\n|-|- | -\n")  # the second line under "a" looks like a table until its end is known
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_fed_letter_by_letter_it_is_the_text_rendered_whole(text: str) -> None:
    assert growing(text, list(range(len(text)))) == render(text)


@given(st.one_of(TEXTS, st.text(max_size=200)))
@settings(max_examples=200, deadline=None)
def test_only_listed_tags_attributes_and_addresses_come_out(text: str) -> None:
    Checker().feed(render(text))


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "<svg/onload=alert(1)>",
        "[x](javascript:alert(1))",
        "[x](JaVaScRiPt:alert(1))",
        "[x](java&#x0A;script:alert(1))",
        "[x](data:text/html;base64,PHNjcmlwdD4=)",
        "[x](vbscript:msgbox)",
        "[x](file:///etc/passwd)",
        "[x](//evil.example/path)",
        "[x](/app/signout)",
        "<javascript:alert(1)>",
        "![x](javascript:alert(1))",
        "![x](data:image/svg+xml;base64,PHN2Zz4=)",
        '```"><script>alert(1)</script>\nx\n```',
        "```html\n<script>alert(1)</script>\n```",
        "<style>body{display:none}</style>",
        "<iframe src=https://evil.example></iframe>",
        "<!-- <b> -->",
        "[a]: javascript:alert(1)\n\n[a]",
    ],
)
def test_nothing_hostile_becomes_an_element_or_an_address(text: str) -> None:
    html = render(text)
    Checker().feed(html)
    assert "<a " not in html
    assert not re.search(r"<(script|img|svg|style|iframe)", html, re.IGNORECASE)


def test_an_image_is_named_and_its_address_is_a_link_never_fetched() -> None:
    html = render("![a *chart*](https://pics.example/c.png?who=me 'title')")
    assert html == (
        '<p>image: a chart (<a href="https://pics.example/c.png?who=me" target="_blank"'
        ' rel="noopener noreferrer nofollow">https://pics.example/c.png?who=me</a>)</p>\n'
    )


def test_an_image_inside_a_link_does_not_make_a_link_in_a_link() -> None:
    html = render("[![badge](https://pics.example/b.svg)](https://site.example)")
    assert html.count("<a ") == 1
    assert 'href="https://site.example"' in html
    assert "image: badge (https://pics.example/b.svg)" in html


def test_a_link_opens_elsewhere_and_tells_the_other_side_nothing() -> None:
    assert render("[x](https://a.example)") == (
        '<p><a href="https://a.example" target="_blank" rel="noopener noreferrer nofollow">x</a></p>\n'
    )
    assert 'href="mailto:a@b.example"' in render("<mailto:a@b.example>")


def test_bare_addresses_stay_text() -> None:
    assert render("see https://a.example and www.b.example") == "<p>see https://a.example and www.b.example</p>\n"


def test_tables_keep_their_alignment_without_a_style() -> None:
    html = render("| a | b |\n| :- | -: |\n| 1 | 2 |")
    assert '<td align="left">1</td>' in html
    assert '<td align="right">2</td>' in html
    assert "style" not in html


def test_strikethrough_is_drawn() -> None:
    assert render("~~no~~") == "<p><s>no</s></p>\n"


def test_code_is_coloured_by_classes() -> None:
    html = render("```python\nreturn None\n```")
    assert html.startswith('<pre class="code" data-language="python"><code><span class="k">return</span>')


@pytest.mark.parametrize("info", ["", "nosuchlanguage", "x" * 50, "<b>"])
def test_code_of_no_known_language_is_plain(info: str) -> None:
    assert "<code>a &lt; b\n</code>" in render(f"```{info}\na < b\n```")


def test_code_keeps_each_of_its_lines() -> None:
    code = "\n\n" + "".join(f"x{n} = '<{n}>'  \n" for n in range(1000)) + "\n"
    html = render(f"```python\n{code}```")
    text = re.sub(r"<[^>]+>", "", html).replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    assert text == code + "\n"


def test_half_a_fence_looks_like_code_and_half_a_table_like_a_table() -> None:
    assert render("```python\nreturn No").startswith('<pre class="code" data-language="python"><code><span class="k">')
    assert "<td>1</td>" in render("| a | b |\n|---|---|\n| 1")


def test_a_finished_block_is_sent_once() -> None:
    page = Page(Blocks())
    assert [index for index, _ in page.feed("# One\n\nTwo")] == [0, 1]
    assert page.feed("# One\n\nTwo and") == [(1, "<p>Two and</p>\n")]
    assert [index for index, _ in page.feed("# One\n\nTwo and\n\nThree\n")] == [2]
    assert page.feed("# One\n\nTwo and\n\nThree\n") == []


def test_a_block_that_is_no_more_is_taken_back() -> None:
    page = Page(Blocks())
    assert len(page.feed("para\n#")) == 2
    assert page.feed("para\n#x") == [(0, "<p>para\n#x</p>\n"), (1, "")]


def test_a_definition_at_the_end_makes_the_links_before_it() -> None:
    page = Page(Blocks())
    page.feed("See [this].\n\nMore.\n\n")
    changes = page.feed("See [this].\n\nMore.\n\n[this]: https://a.example\n")
    assert [index for index, _ in changes] == [0]
    assert 'href="https://a.example"' in changes[0][1]


def test_another_text_begins_anew() -> None:
    page = Page(Blocks())
    page.feed("# One\n\nTwo\n\nThree\n")
    page.feed("Else")
    assert str(page) == "<p>Else</p>\n"


def test_only_the_tail_of_a_long_answer_is_sent_again() -> None:
    paragraph = "A paragraph of **some** words, with `code` in it.\n\n"
    page = Page(Blocks())
    page.feed(paragraph * 400)
    changes = page.feed(paragraph * 400 + "and")
    assert changes == [(400, "<p>and</p>\n")]


def test_the_colours_touch_code_only() -> None:
    rules = pygments_css().splitlines()
    assert len(rules) > 20
    assert all(rule.startswith("pre.code .") for rule in rules)
    assert not any("url(" in rule for rule in rules)


def test_light_and_dark_differ() -> None:
    keyword = next(rule for rule in pygments_css().splitlines() if rule.startswith("pre.code .k "))
    assert re.search(r"color: light-dark\(#[0-9a-f]{6}, #[0-9a-f]{6}\)", keyword)
