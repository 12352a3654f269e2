"""Formulas in finished answers: drawn by the browser itself, as hostile as the rest of what models write."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.web.test_markdown import ATTRIBUTES, TAGS, TEXTS
from web import mathml
from web.markdown import render

MATH_TAGS = {
    *("math", "mrow", "mi", "mn", "mo", "mtext", "mspace", "mstyle", "mpadded", "mphantom", "menclose"),
    *("mfrac", "msqrt", "mroot", "msub", "msup", "msubsup", "munder", "mover", "munderover", "mtable", "mtr", "mtd"),
}
MATH_ATTRIBUTES = {
    *("accent", "columnalign", "columnlines", "depth", "display", "displaystyle", "fence", "form", "height", "largeop"),
    *("linethickness", "lspace", "mathbackground", "mathcolor", "mathsize", "mathvariant", "maxsize", "minsize"),
    *("movablelimits", "notation", "rowlines", "rspace", "scriptlevel", "separator", "stretchy", "voffset", "width"),
}
HARMLESS = re.compile(r"[#+.\w -]*", re.ASCII)
LATEX = st.lists(
    st.sampled_from(
        [
            *(
                "a",
                "1",
                "+",
                "=",
                "<",
                ">",
                "&",
                '"',
                "'",
                "\\",
                "\\\\",
                "{",
                "}",
                "[",
                "]",
                "(",
                ")",
                "^",
                "_",
                " ",
                "\n",
            ),
            *(r"\frac", r"\sqrt", r"\left", r"\right", r"\text{", r"\href{javascript:alert(1)}", r"\style{color:red}"),
            *(r"\class{x}", r"\color{red}", r"\unicode{3c}", r"\def\a{", r"\begin{matrix}", r"\end{matrix}", r"\sum"),
            *(r"\mathbf{A}", r"\mathcal{AB}", r"\hspace{", r"\rule", r"\verb|", r"\not", r"\limits", r"\nosuch", "%"),
            *("<script>", "</math>", "<img src=x>", "&lt;", "&#60;", "&#x3c;", "é", "Σ", "\x00", "`", "|", "\n\n"),
        ]
    ),
    max_size=25,
).map("".join)
FORMULAS = st.tuples(st.sampled_from([("$", "$"), ("$$", "$$"), (r"\(", r"\)"), (r"\[", r"\]")]), LATEX).map(
    lambda made: f"{made[0][0]}{made[1]}{made[0][1]}"
)
ANY = st.one_of(
    st.text(max_size=200), TEXTS, FORMULAS, st.lists(st.one_of(TEXTS, FORMULAS, LATEX), max_size=6).map("".join)
)


class Checker(HTMLParser):
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if tag in MATH_TAGS:
                assert name in MATH_ATTRIBUTES
                assert HARMLESS.fullmatch(value or "")
            elif tag == "div":
                assert (name, value) == ("class", "math")
            else:
                assert tag in TAGS
                assert name in ATTRIBUTES
            if name == "href":
                assert re.match(r"(https?://|mailto:)", value or "", re.IGNORECASE)
        assert tag in TAGS | MATH_TAGS | {"div"}

    def handle_comment(self, data: str) -> None:
        raise AssertionError(data)

    def handle_decl(self, decl: str) -> None:
        raise AssertionError(decl)


class Words(HTMLParser):
    """What is read, in all."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.words = ""
        self.feed(html)

    def handle_data(self, data: str) -> None:
        self.words += data


def drawn(text: str) -> str:
    return render(text, math=True)


def test_the_lists_are_those_of_this_file() -> None:
    assert mathml.ELEMENTS == MATH_TAGS
    assert set(mathml.ATTRIBUTES) == MATH_ATTRIBUTES


@given(ANY)
@example(r"$\verb$")
@example("$a\\")
@example("$$\n\n$$")
@example(r"\[\]\(\)")
@example("> $$\na\n$$")
@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_text_is_drawn_and_only_of_what_is_listed(text: str) -> None:
    Checker().feed(drawn(text))


@given(st.one_of(TEXTS, st.text(max_size=200)).filter(lambda text: "$" not in text and "\\" not in text))
@settings(max_examples=150, deadline=None)
def test_text_without_formulas_is_the_same_with_math_and_without(text: str) -> None:
    assert drawn(text) == render(text)


@pytest.mark.parametrize(
    "text",
    [
        "It costs $5 and $10.",
        "$5",
        "between $5 and $10, or $20-$30 (was $40)",
        "US$5 and A$6",
        "$1,000.00/$2,000.00",
        "a $ b $ c",
        "$ x $",
        "100$ or 200$",
        r"\$x\$",
        "$$",
        "$$ $$",
        "$x",
        r"\\(x\\)",
        r"\(x",
    ],
)
def test_amounts_of_money_and_lone_signs_stay_text(text: str) -> None:
    assert drawn(text) == render(text)


@pytest.mark.parametrize("text", ["$x^2$", r"\(x^2\)"])
def test_a_formula_within_a_line_stands_in_the_line(text: str) -> None:
    assert drawn(f"so {text} is 4") == (
        '<p>so <math display="inline"><mrow><msup><mi>x</mi><mn>2</mn></msup></mrow></math> is 4</p>\n'
    )


def test_a_formula_may_begin_and_a_digit_end_the_text() -> None:
    assert drawn("$x$ is 5").startswith("<p><math")


def test_a_suffix_may_follow_a_formula() -> None:
    assert drawn("the $n$th").endswith("</math>th</p>\n")


@pytest.mark.parametrize("text", ["$$x$$", "$$\nx\n$$", "$$\nx$$", r"\[x\]", "\\[\nx\n\\]", "$$ x $$"])
def test_a_formula_on_lines_of_its_own_is_displayed(text: str) -> None:
    formula = '<div class="math"><math display="block"><mrow><mi>x</mi></mrow></math></div>\n'
    assert drawn(text) == formula
    assert drawn(f"Before\n{text}\nafter") == f"<p>Before</p>\n{formula}<p>after</p>\n"


@pytest.mark.parametrize("text", ["$$x$$", r"\[x\]"])
def test_a_displayed_formula_may_stand_within_a_sentence(text: str) -> None:
    assert drawn(f"so {text} holds") == (
        '<p>so <span class="math"><math display="block"><mrow><mi>x</mi></mrow></math></span> holds</p>\n'
    )


@pytest.mark.parametrize("text", ["`$x$`", "```\n$x$\n```", "    $$x$$", r"`\(x\)`", "```latex\n\\[\nx\n\\]\n```"])
def test_there_is_no_formula_within_code(text: str) -> None:
    assert drawn(text) == render(text)


def test_code_binds_more_tightly_than_dollars() -> None:
    assert drawn("costs $5 `a$`") == "<p>costs $5 <code>a$</code></p>\n"


def test_formulas_stand_in_tables_lists_quotes_and_links() -> None:
    assert "<td><math" in drawn("| a |\n|---|\n| $x$ |")
    assert '<li>one\n<ul>\n<li><math display="inline"' in drawn("- one\n  - $x$")
    in_list = drawn("- one:\n  \\[\n  x\n  \\]\n- two")
    assert '<div class="math"><math display="block"><mrow><mi>x</mi></mrow></math></div>\n</li>' in in_list
    assert "<blockquote>\n<div" in drawn("> $$\n> x\n> $$")
    assert 'rel="noopener noreferrer nofollow"><math' in drawn("[$x$](https://a.example)")


def test_a_formula_that_names_an_image_stays_as_written() -> None:
    assert drawn("![of $x$](https://a.example/i.png)").startswith("<p>image: of $x$ (")


@pytest.mark.parametrize("name", ["aligned", "align", "align*", "gathered", "cases", "pmatrix", "dcases"])
def test_environments_that_models_write_become_tables(name: str) -> None:
    assert drawn(f"$$\n\\begin{{{name}}}a &= b \\\\ c &= d\\end{{{name}}}\n$$").count("<mtr>") == 2


def test_lines_below_one_another_need_no_environment() -> None:
    assert drawn("$$\na \\\\ b\n$$").count("<mtr>") == 2


def test_letters_of_a_style_are_characters_of_their_own() -> None:
    assert Words(drawn(r"$\mathbb{RP}\mathbf{AB}\mathcal{BC}\boldsymbol{\alpha}$")).words.strip() == "ℝℙ𝐀𝐁ℬ𝒞𝜶"


def test_names_of_operators_may_hold_spaces() -> None:
    assert "<mo>argmax</mo>" in drawn(r"$\operatorname{arg\,max}_x f$")


@pytest.mark.parametrize(
    "latex",
    [
        r"\frac{a}",
        r"\left( x",
        "x_",
        r"\nosuchcommand{x}",
        r"\includegraphics{https://pics.example/x.png}",
        r"\url{javascript:alert(1)}",
        r"\begin{nosuch}x\end{nosuch}",
        r"\begin{matrix}x",
        r"\def\a{\a\a}\a",
        r"\newcommand{\a}{b}\a",
        r"\verb",
        "{" * 500 + "x" + "}" * 500,
        "x^{" * 300 + "y" + "}" * 300,
        r"\frac" * 700,
        "x" * (mathml.LONGEST - 9) + "_",
        "a\x01b",
    ],
)
def test_what_cannot_be_drawn_in_full_is_shown_as_written(latex: str) -> None:
    for before, after in (("$", "$"), (r"\(", r"\)")):
        html = drawn(f"see {before}{latex}{after}")
        assert "<math" not in html
        assert "<code>" in html
        assert f"{before}{latex}{after}" in Words(html).words
    html = drawn(f"$$\n{latex}\n$$")
    assert html.startswith('<pre class="code"><code>$$\n')
    assert latex in Words(html).words


def test_a_formula_of_too_many_characters_is_text() -> None:
    text = f"${'x' * (mathml.LONGEST + 1)}$"
    assert drawn(text) == render(text)


@pytest.mark.parametrize(
    "latex",
    [
        r"\href{javascript:alert(1)}{x}",
        r"\href{https://evil.example}{x}",
        r"\style{background:url(https://evil.example)}{x}",
        r"\class{stButton}{x}",
        r'\class{a" onload="alert(1)}{x}',
        r"\text{<script>alert(1)</script>}",
        r"\text{<img src=x onerror=alert(1)>}",
        r"\text{</math><iframe src=https://evil.example>}",
        r"\text{&lt;script&gt;}",
        r"\unicode{3c}script\unicode{3e}",
        r"\text{\unicode{3c}}",
        "<script>alert(1)</script>",
        r"\textcolor{url(https://evil.example)}{x}",
        r"\colorbox{red;background:url(https://evil.example)}{x}",
        r"\hspace{1e9em}x",
        r"\rule{99999em}{99999em}",
        r"\mbox{$\href{javascript:alert(1)}{x}$}",
        r"\fcolorbox{red}{blue}{<b>}",
        r"\operatorname{<b>}",
    ],
)
def test_nothing_hostile_becomes_an_element_an_address_or_a_style(latex: str) -> None:
    for text in (f"${latex}$", f"$$\n{latex}\n$$", rf"\({latex}\)"):
        html = drawn(text)
        Checker().feed(html)
        assert not re.search(r"<(script|img|iframe|b|a)\b|\b(href|style|src|on\w+)=", re.sub(r">[^<]*", ">", html))
        assert 'class="stButton"' not in html


def test_what_is_read_is_what_was_written_in_a_text_of_a_formula() -> None:
    assert Words(drawn(r"$\text{a <b> & &lt; c}$")).words.strip() == "a\xa0<b>\xa0&\xa0&lt;\xa0c"


def test_a_long_answer_with_formulas_differs_only_by_them() -> None:
    part = (
        "## Part {n}\n\nSome **bold** words, FORMULA and a [link](https://a.example/{n}) for $5.\n\n"
        "| a | b |\n|---|--:|\n| FORMULA | {n} |\n\n```python\nprint('$x$', {n})\n```\n\n- FORMULA\n- `code`\n\n"
    )
    text = "".join(part.replace("{n}", str(n)) for n in range(120))
    assert len(text) > 20_000
    formula = '<math display="inline"><mrow><msup><mi>x</mi><mn>2</mn></msup></mrow></math>'
    assert drawn(text.replace("FORMULA", "$x^2$")) == render(text).replace("FORMULA", formula)
