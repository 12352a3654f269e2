"""The rules of the house, held against the code as it is written: who may import whom, and what a room may hold."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LONGEST = 250

# From the ground up; what stands on the same floor may import one another.
FLOORS = {
    "byok.ground": 0,
    "byok.core": 1,
    "byok.services": 2,
    "byok.parts": 3,
    "byok.account_services": 3,
    "byok.usage_services": 3,
    "byok.vault_services": 3,
    "byok.audit_services": 3,
    "byok.process": 4,
    "byok.reading": 4,
    "byok.cli": 5,
    "byok.frames": 5,
    "web": 5,
    "pages": 6,
    "app": 7,
}
HTTP_ROOMS = ("byok.core.wire", "byok.core.key_auth", "byok.core.vault")
HTTP_CLIENTS = ("httpx", "httpcore", "requests", "urllib3", "urllib.request", "aiohttp", "openai")
SQL = ("sqlalchemy", "sqlmodel", "sqlite3", "psycopg")
CRYPTO_ROOMS = ("byok.core.vault", "byok.core.sealing", "byok.core.master_keys", "byok.core.master_key_file")
AN_ID = re.compile(r"\b(?:\w*_)?(?:id|provider)\b\W*$")
PROVIDERS = frozenset(tomllib.loads((ROOT / "data" / "providers.toml").read_text("utf-8")))


@dataclass(frozen=True)
class Module:
    """One file of the product, read and not imported."""

    name: str
    source: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.source)

    def within(self, *rooms: str) -> bool:
        return within(self.name, *rooms)

    @cached_property
    def imports(self) -> set[str]:
        """Names of all modules that are imported, also within functions and for types."""
        return imported(self.tree)

    @cached_property
    def needs(self) -> set[str]:
        """Names of all modules that are imported at run time."""
        return imported(WithoutTypes().visit(ast.parse(self.source)))


class WithoutTypes(ast.NodeTransformer):
    """Leaves out what stands under `if TYPE_CHECKING`."""

    def visit_If(self, node: ast.If) -> ast.AST:
        self.generic_visit(node)
        if ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            return ast.If(test=node.test, body=[ast.Pass()], orelse=node.orelse)
        return node


def imported(tree: ast.AST) -> set[str]:
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"a relative import: {ast.unparse(node)}"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in ("importlib.import_module", "__import__"):
            names |= {str(name.value) for name in node.args[:1] if isinstance(name, ast.Constant)}
    return names


def within(name: str, *rooms: str) -> bool:
    return any(name == room or name.startswith(f"{room}.") for room in rooms)


def floor(name: str) -> int | None:
    return next((level for room, level in FLOORS.items() if within(name, room)), None)


def modules() -> Iterator[Module]:
    files = [ROOT / "app.py", *(path for room in ("byok", "web", "pages") for path in (ROOT / room).rglob("*.py"))]
    for path in sorted(files):
        if path.exists():
            parts = path.relative_to(ROOT).with_suffix("").parts
            yield Module(".".join(parts).removesuffix(".__init__"), path.read_text("utf-8"))


ALL = list(modules())
BYOK = [module for module in ALL if module.within("byok")]
# Migrations are kept as they ran, whatever their length.
WRITTEN = [module for module in ALL if not module.within("byok.ground.migrations")]


def broken(some: Iterable[Module], rule: Callable[[Module], object]) -> dict[str, object]:
    """Of the modules that a rule finds fault with, what it found."""
    return {one.name: found for one in some if (found := rule(one))}


def imports_of(*rooms: str) -> Callable[[Module], list[str]]:
    return lambda one: sorted(name for name in one.imports if within(name, *rooms))


def upward(one: Module) -> list[str]:
    own = floor(one.name)
    return [] if own is None else sorted(name for name in one.imports if (floor(name) or 0) > own)


def branches_on_a_provider(one: Module) -> list[str]:
    found = []
    for node in ast.walk(one.tree):
        if isinstance(node, ast.Compare):
            asked, literals = [node.left, *node.comparators], constants(node)
        elif isinstance(node, ast.Match):
            asked, literals = [node.subject], {value for case in node.cases for value in constants(case.pattern)}
        else:
            continue
        if literals & PROVIDERS and any(AN_ID.search(ast.unparse(side)) for side in asked):
            found.append(f"line {node.lineno}: {ast.unparse(node).splitlines()[0]}")
    return found


def constants(node: ast.AST) -> set[object]:
    return {leaf.value for leaf in ast.walk(node) if isinstance(leaf, ast.Constant)}


def prints(one: Module) -> list[int]:
    return [
        node.lineno
        for node in ast.walk(one.tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]


def test_imports_point_down_only() -> None:
    assert broken(ALL, upward) == {}


def test_each_module_stands_on_a_floor() -> None:
    assert [one.name for one in ALL if floor(one.name) is None] == ["byok"]


def test_byok_knows_no_screen() -> None:
    assert broken(BYOK, imports_of("streamlit", "starlette", "pages", "web")) == {}


def test_what_faces_the_browser_holds_no_crypto_no_http_client_and_no_sql() -> None:
    facing = [one for one in ALL if one.within("pages", "app", "web")]
    assert broken(facing, imports_of("nacl", *HTTP_CLIENTS, *SQL)) == {}


def test_a_page_does_not_reach_past_the_services() -> None:
    pages = [one for one in ALL if one.within("pages", "app")]
    assert broken(pages, imports_of("byok.ground.db", "byok.ground.tables", "byok.core.vault", "byok.core.wire")) == {}


def test_http_is_spoken_in_its_own_rooms() -> None:
    others = [one for one in BYOK if not one.within(*HTTP_ROOMS)]
    assert broken(others, lambda one: sorted(name for name in one.needs if within(name, *HTTP_CLIENTS))) == {}


def test_keys_are_sealed_and_opened_in_their_own_rooms() -> None:
    others = [one for one in ALL if not one.within(*CRYPTO_ROOMS)]
    assert broken(others, imports_of("nacl", "cryptography")) == {}


def test_a_provider_is_a_row_and_no_branch() -> None:
    assert broken(BYOK, branches_on_a_provider) == {}


def test_a_module_is_short() -> None:
    assert broken(WRITTEN, lambda one: max(0, len(one.source.splitlines()) - LONGEST)) == {}


def test_a_module_opens_with_what_it_owns() -> None:
    assert broken(ALL, lambda one: not (ast.get_docstring(one.tree) or "").strip()) == {}


def test_only_the_command_line_prints() -> None:
    assert broken([one for one in BYOK if not one.within("byok.cli")], prints) == {}


def test_every_floor_is_there() -> None:
    assert {one.name.partition(".")[0] for one in ALL} >= {"byok", "web", "pages"}
    assert all(any(one.within(room) for one in ALL) for room in ("byok.ground", "byok.core", "byok.services"))


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("byok.core.vault", "from byok.services.keys import Keys"),
        ("byok.ground.db", "def late():\n    import byok.core.vault"),
        ("byok.services.keys", "from byok import process"),
        ("web.parts", "import pages.usage"),
        ("byok.process", "from byok.cli import main"),
    ],
)
def test_an_import_that_points_up_is_found(name: str, source: str) -> None:
    assert upward(Module(name, source))


def test_an_import_for_types_alone_is_told_apart() -> None:
    source = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import httpx\n"
    assert "httpx" in Module("x", source).imports
    assert "httpx" not in Module("x", source).needs
    assert "httpx" in Module("x", source + "def f():\n    import httpx\n").needs


@pytest.mark.parametrize(
    "source",
    [
        "if provider.id == 'groq': pass",
        "x = 1 if 'openai' == row.provider_id else 2",
        "if provider_id in ('mistral', 'groq'): pass",
        "match provider.id:\n    case 'local': pass",
        "x = {} if name.provider_id != 'nvidia' else None",
    ],
)
def test_a_branch_on_a_provider_is_found(source: str) -> None:
    assert branches_on_a_provider(Module("byok.core.x", source))


def test_a_comparison_with_a_habit_is_no_branch_on_a_provider() -> None:
    assert not branches_on_a_provider(Module("byok.core.x", "if provider.cost_at == 'usage_or_upstream': pass"))
