"""What a browser makes of finished answers: formulas are its own, and both ways of showing look the same."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import ROOT, Server, make_server, settled

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]

PROPERTIES = ["color", "backgroundColor", "margin", "padding", "fontSize", "fontFamily", "fontWeight", "lineHeight"]
LOOKS = "(element, names) => names.map((name) => getComputedStyle(element)[name])"


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = make_server(tmp_path_factory.mktemp("home"), PYTHONPATH=str(ROOT))
    running.script = "tests/e2e/answer_page.py"
    running.start()
    yield running
    running.stop()


def opened(page: Page, answers: Server, query: str = "") -> Page:
    page.goto(answers.url + query)
    settled(page)
    expect(page.locator(".answer")).to_have_count(2)
    return page


def test_formulas_are_mathml_of_the_browser_and_bad_ones_code(page: Page, answers: Server) -> None:
    opened(page, answers)
    formula = page.locator(".answer math")
    expect(formula).to_have_count(2)
    namespaces = formula.evaluate_all("found => found.map((one) => one.namespaceURI)")
    assert namespaces == ["http://www.w3.org/1998/Math/MathML"] * 2
    expect(page.locator(".answer").nth(1)).to_contain_text(r"but $\nosuch{x}$.")
    expect(page.locator(".answer").nth(0)).to_contain_text("for $5 and $10.")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_an_answer_with_formulas_looks_like_one_without(page: Page, answers: Server, scheme: str) -> None:
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    opened(page, answers)
    for inside in ("p", "p code", "a", "pre", "pre code", "pre .k", "ul", "li"):
        looks = [
            page.locator(f".answer >> nth={number} >> {inside} >> nth=0").evaluate(LOOKS, PROPERTIES)
            for number in (0, 1)
        ]
        assert looks[0] == looks[1], inside


def test_a_theme_that_is_chosen_by_hand_colours_code_against_the_systems(page: Page, answers: Server) -> None:
    colours = []
    page.emulate_media(color_scheme="light")
    for query in ("", "?embed=true&embed_options=dark_theme"):
        opened(page, answers, query)
        colours.append(page.locator(".answer pre .k").first.evaluate(LOOKS, ["color"]))
    assert colours[0] != colours[1]
