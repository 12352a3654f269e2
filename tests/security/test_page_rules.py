"""What no page may do, read from its code: raw HTML, secrets in what Streamlit keeps, words of others as they are."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from tests.security.conftest import Tally

ROOT = Path(__file__).resolve().parents[2]
FILES = [ROOT / "app.py", *sorted((ROOT / "pages").rglob("*.py")), *sorted((ROOT / "web").rglob("*.py"))]
KNOWN = {path: ast.parse(path.read_text("utf-8")) for path in FILES}

# Caches of Streamlit's can be emptied by whoever is connected, and `persist` writes in clear; `st.exception` shows an
# exception's words whatever the settings say; the others run HTML or scripts of whoever wrote them.
FORBIDDEN_CALLS = {"cache_data", "cache_resource", "exception", "iframe", "declare_component"}
FORBIDDEN_ARGUMENTS = {"unsafe_allow_html", "unsafe_allow_javascript", "persist"}
# Who may write HTML into a page: each escapes names, or has the text sanitised.
WRITES_HTML = {
    "pages/audit_log.py",
    "pages/usage.py",
    "web/elements.py",
    "web/navigation.py",
    "web/playground/comparison.py",
    "web/playground/summary.py",
    "web/usage/attempts.py",
    "web/usage/elsewhere.py",
}
# The room that shows the built-in model's key to whoever asks for it; it opens nothing but a local server.
OPENS_A_SECRET = {"web/key_dialogs.py"}
KEEPS = ("session_state.setdefault", "session_state.update")
SECRETS = {"secret", "pasted", "password", "token", "ticket", "cookie", "get_secret_value", "SecretStr"}

# Widgets and elements whose text is Markdown.
MARKDOWN = {
    *("markdown", "caption", "toast", "error", "warning", "info", "success", "write", "title", "header", "subheader"),
    *("badge", "button", "form_submit_button", "download_button", "link_button", "expander", "popover", "dialog"),
    *("progress", "metric", "spinner", "status", "table", "checkbox", "toggle", "radio", "text_input", "text_area"),
    *("number_input", "selectbox", "multiselect", "segmented_control", "pills", "tabs", "file_uploader", "date_input"),
}
# What people, models and providers have written, by what views call it.
OF_OTHERS = {
    *("label", "name", "title", "text", "reasoning", "error", "detail", "hint", "message", "next_step", "author"),
    *("company_name", "added_by", "model", "model_answered", "problem", "system_prompt", "key_label", "key_hint"),
    *("person", "chatbot", "request_id", "finish_reason", "words", "username", "subject", "actor_name"),
}
# Of the operator's own files, and days.
OF_OURS = {"provider.name", "who.plan.name", "period.label", "step.name", "steps[0].name", "steps[-1].name"}
MAKES_HARMLESS = {"plain", "plain_lines", "code", "escape", "count", "len", "names_of"}


def told(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def called(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def names_in(node: ast.AST) -> set[str]:
    """Every name, attribute and argument in an expression."""
    found = {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}
    return found | {one.attr for one in ast.walk(node) if isinstance(one, ast.Attribute)}


def raw(node: ast.AST) -> Iterator[str]:
    """What others wrote and nothing makes harmless, anywhere below."""
    if isinstance(node, ast.Call) and called(node) in MAKES_HARMLESS:
        return
    if isinstance(node, ast.Compare | ast.Lambda):
        return
    if isinstance(node, ast.Subscript):  # a text of ours, found by a word of theirs
        yield from raw(node.value)
        return
    if isinstance(node, ast.IfExp):
        yield from (*raw(node.body), *raw(node.orelse))
        return
    if isinstance(node, ast.Attribute) and node.attr in OF_OTHERS and ast.unparse(node) not in OF_OURS:
        yield ast.unparse(node)
        return
    for below in ast.iter_child_nodes(node):
        yield from raw(below)


def shown(tree: ast.AST) -> Iterator[ast.AST]:
    """What reaches a page as Markdown or HTML: arguments of such calls, and f-strings with a tag in them."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in MARKDOWN:
            if node.func.attr == "error" and ast.unparse(node.func.value) == "parts":
                continue
            yield from node.args[:1]
            yield from (one.value for one in node.keywords if one.arg in ("label", "body", "text", "help"))
        elif isinstance(node, ast.JoinedStr) and any(
            isinstance(one, ast.Constant) and "<" in str(one.value) for one in node.values
        ):
            yield node


def assigned_to_session(tree: ast.AST) -> Iterator[tuple[ast.AST, ast.AST]]:
    """What is put into the session state, with the place."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign) and node.value is not None:
            targets: Iterable[ast.AST] = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any("session_state" in ast.unparse(target) for target in targets):
                yield node, node.value
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(KEEPS):
            yield node, node


@pytest.mark.threat(24)
def test_no_page_lets_html_or_scripts_of_others_in(tally: Tally) -> None:
    for path, tree in KNOWN.items():
        for node in (one for one in ast.walk(tree) if isinstance(one, ast.Call)):
            tally.tried()
            if FORBIDDEN_ARGUMENTS & {one.arg for one in node.keywords} or called(node) in FORBIDDEN_CALLS:
                tally.leaked(f"{told(path)}:{node.lineno} {ast.unparse(node.func)}")
            if called(node) == "html" and told(path) not in WRITES_HTML:
                tally.leaked(f"{told(path)}:{node.lineno} writes HTML, and is not named here with its reason")


@pytest.mark.threat(24)
def test_what_others_wrote_reaches_no_page_but_letter_by_letter(tally: Tally) -> None:
    for path, tree in KNOWN.items():
        for node in shown(tree):
            tally.tried()
            for name in raw(node):
                tally.leaked(f"{told(path)}:{getattr(node, 'lineno', '?')} shows {name} as it is: see web.parts.plain")


@pytest.mark.threat(11)
def test_no_page_keeps_a_secret_in_the_session_state_or_a_cache(tally: Tally) -> None:
    for path, tree in KNOWN.items():
        decorators = [one for node in ast.walk(tree) for one in getattr(node, "decorator_list", [])]
        for node in (*decorators, *(one for one in ast.walk(tree) if isinstance(one, ast.Call))):
            tally.tried()
            if {"cache_data", "cache_resource"} & names_in(node):
                tally.leaked(f"{told(path)}:{node.lineno} keeps something in a cache of Streamlit's")
        for place, value in assigned_to_session(tree):
            tally.tried()
            if SECRETS & names_in(value):
                tally.leaked(f"{told(path)}:{getattr(place, 'lineno', '?')} puts {ast.unparse(value)} into the session")
        if "get_secret_value" in names_in(tree) and told(path) not in OPENS_A_SECRET:
            tally.leaked(f"{told(path)} opens a secret")


@pytest.mark.parametrize(
    "bad",
    [
        "st.markdown(bot.name)",
        "st.markdown(f'**{bot.name}**')",
        "st.button(label=f'Open {one.title}')",
        "found = f'<td>{one.model}</td>'",
        "st.caption('x' + key.label)",
        "st.error(shown.error)",
    ],
)
def test_the_rule_notices_what_is_shown_as_it_is(bad: str) -> None:
    assert [name for node in shown(ast.parse(bad)) for name in raw(node)] != []
