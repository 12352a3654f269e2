"""What runs without its page asks who is signed in: the page did, but its session may have ended since."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.test_import_rules import ALL, Module, broken

SHOWS = ("pages", "web")
ALONE = ("st.fragment", "st.dialog")
READS, ASKS = {"workbench", "house"}, {"signed_in", "identity"}


def functions(one: Module) -> dict[str, ast.FunctionDef]:
    return {node.name: node for node in ast.walk(one.tree) if isinstance(node, ast.FunctionDef)}


def named(node: ast.AST) -> set[str]:
    return {leaf.id for leaf in ast.walk(node) if isinstance(leaf, ast.Name)}


def alone(one: Module) -> Iterator[ast.FunctionDef]:
    """Functions that Streamlit runs without the page around them: decorated, or handed to `st.dialog(...)`."""
    known = functions(one)
    for function in known.values():
        if any(ast.unparse(by).startswith(ALONE) for by in function.decorator_list):
            yield function
    for node in ast.walk(one.tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Call) and ast.unparse(node.func.func) in ALONE:
            yield known[ast.unparse(node.args[0])]


def unasked(one: Module) -> list[str]:
    """Of those, which read something and ask nobody; with what they call of their own module."""
    known, found = functions(one), []
    for function in alone(one):
        names: set[str] = set()
        waiting = [function]
        while waiting:
            new = named(waiting.pop()) - names
            names |= new
            waiting += [known[name] for name in new & known.keys()]
        if names & READS and not names & ASKS:
            found.append(function.name)
    return found


def files_for_anybody(one: Module) -> list[int]:
    """Lines of download buttons whose file is made at the click, whoever clicks by then."""
    return [
        node.lineno
        for node in ast.walk(one.tree)
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) == "st.download_button"
        and isinstance(node.args[1], ast.Lambda)
    ]


SHOWING = [one for one in ALL if one.within(*SHOWS)]


def test_what_runs_without_its_page_and_reads_anything_asks_who_is_signed_in() -> None:
    assert broken(SHOWING, unasked) == {}


def test_a_file_that_is_made_at_the_click_asks_for_the_session_then() -> None:
    assert broken(SHOWING, files_for_anybody) == {}


def test_a_fragment_that_reads_for_whoever_drew_it_is_found() -> None:
    source = """
@st.fragment(key="a")
def bare(who): table(who)
def table(who): workbench().usage.month(who)
@st.dialog("b")
def asks(): draw(signed_in())
def draw(who): workbench().usage.month(who)
def handed(who): house()
st.dialog("c")(handed)(who)
"""
    assert unasked(Module("web.made", source)) == ["bare", "handed"]


def test_a_file_made_by_a_bare_lambda_is_found() -> None:
    assert files_for_anybody(Module("web.made", 'st.download_button("CSV", lambda: made())')) == [1]
