"""Every function that a page or a command may call, against everybody who might: the table is `matrix.toml`.

A function that is added without a line there fails the test.
"""

from __future__ import annotations

import ast
import functools
import inspect
import random
import re
import shutil
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from byok.ground.errors import ByokError, NotAllowedError
from byok.process import Workbench
from byok.services.access import Actor
from tests.security.conftest import Tally
from tests.security.matrix_world import CALLS, MARK, MatrixWorld, Rows, call, matrix_world
from tests.security.threats import at_scale

ROOT = Path(__file__).resolve().parents[2]
TABLE: dict[str, Any] = tomllib.loads((Path(__file__).parent / "matrix.toml").read_text("utf-8"))
CALLED: dict[str, list[str]] = TABLE["called"]
COLUMNS = ("admin", "member", "stranger", "plan")
SHUT_OUT = {"out": "NotSignedInError", "gone": "NotSignedInError", "forged": "NotFoundError"}


@pytest.fixture(scope="module")
def opened(migrated_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MatrixWorld]:
    home = tmp_path_factory.mktemp("matrix")
    shutil.copyfile(migrated_file, home / "byok.sqlite3")
    with matrix_world(home) as made:
        yield made


@pytest.fixture
def world(opened: MatrixWorld) -> Iterator[MatrixWorld]:
    """As it began, for each test."""
    yield opened
    if opened.snapshot() != opened.saved:
        opened.restore()


def services() -> Iterator[tuple[str, type]]:
    """Each service of a process, by the name under which pages and commands find it."""
    for made_by in Workbench.__mro__:
        for name, part in vars(made_by).items():
            if isinstance(part, functools.cached_property):
                kind = part.func.__annotations__["return"]
                found = re.search(rf"from (byok\.services\.\w+) import {kind}$", inspect.getsource(part.func), re.M)
                if found:
                    __import__(found[1])
                    yield name, getattr(sys.modules[found[1]], kind)


def functions() -> Iterator[str]:
    for name, kind in services():
        yield from (f"{name}.{one}" for one in dir(kind) if not one.startswith("_"))


def in_table() -> set[str]:
    others = {
        f"{service}.{one}"
        for part in ("operator", "door", "inner")
        for service, names in TABLE[part].items()
        for one in names
    }
    called = {name.partition(":")[0] for name in CALLED}
    assert not others & called
    return others | called


def test_every_function_of_every_service_has_its_line() -> None:
    found = set(functions())
    assert len(found) > 90
    assert found - in_table() == set(), "say in matrix.toml who may call it"
    assert in_table() - found == set(), "matrix.toml has lines of functions that are gone"


def test_every_line_says_how_it_is_called_and_what_comes_of_it() -> None:
    assert {name for name in CALLED if not name.endswith(":shared")} == set(CALLS)
    assert all(len(row) == len(COLUMNS) for row in CALLED.values())
    assert all(row[3] != "own" and row[0] != "own" for row in CALLED.values())


def test_what_no_actor_is_asked_for_is_out_of_reach_of_pages_and_routes() -> None:
    kept_away = {(service, one) for part in ("operator", "inner") for service, m in TABLE[part].items() for one in m}
    found = []
    for path in [ROOT / "app.py", *(ROOT / "web").rglob("*.py"), *(ROOT / "pages").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Attribute | ast.Name | ast.Call):
                service = ast.unparse(node.value).rpartition(".")[2].removesuffix("()")
                if (service, node.attr) in kept_away:
                    found.append(f"{path.name}:{node.lineno} {service}.{node.attr}")
    assert found == []


def test_every_call_with_an_actor_takes_it_first_and_by_position() -> None:
    kinds = dict(services())
    for name in {name.partition(":")[0] for name in CALLED}:
        service, _, function = name.partition(".")
        parameters = list(inspect.signature(getattr(kinds[service], function)).parameters)
        assert parameters[1] == "actor", name


def tried(world: MatrixWorld, tally: Tally, name: str, actor: Actor, expected: str) -> None:
    """Makes one call and judges it: the outcome, what changed, what was sent, what was told."""
    before, sent = world.snapshot(), len(world.router.calls)
    tally.tried()
    try:
        answer = call(world, name, actor)
    except ByokError as error:
        outcome, told = type(error).__name__, str(error)
    else:
        outcome, told = "done", _words(answer)
    wanted = "done" if expected in ("ok", "own") else expected
    if outcome != wanted:
        tally.leaked(f"{outcome}, not {wanted}")
    if outcome != "done":
        if world.snapshot() != before:
            tally.leaked("a refusal changed something")
        if len(world.router.calls) != sent:
            tally.leaked("a provider was asked before the refusal")
    if expected != "ok":
        if MARK in told.lower():
            tally.leaked("what is told has something of the other one's in it")
        if actor.company_id != world.ada.company_id and _of(world, before) != _of(world, world.snapshot()):
            tally.leaked("a row of the other company changed")


def _words(answer: Any) -> str:
    if isinstance(answer, tuple) and answer and isinstance(answer[0], bytes):
        return answer[0].decode()
    return repr(answer)


def _of(world: MatrixWorld, rows: Rows) -> list[Any]:
    """The rows that were there at the beginning, without those of the stranger's company and its process's."""
    foreign = repr(world.eve.company_id), repr(world.eve.person_id)
    first = {repr(row) for some in world.saved.values() for row in some}
    return [
        row for some in rows.values() for row in map(repr, some) if row in first and not any(f in row for f in foreign)
    ]


@pytest.mark.threat(17)
@pytest.mark.parametrize("name", CALLED)
def test_another_companys_admin_reaches_nothing(world: MatrixWorld, tally: Tally, name: str) -> None:
    if name.endswith(":shared"):
        world.share()
    tried(world, tally, name, world.eve, CALLED[name][2])


@pytest.mark.threat(17)
@pytest.mark.parametrize("who", SHUT_OUT)
@pytest.mark.parametrize("name", CALLED)
def test_who_is_shut_out_or_names_a_foreign_company_is_refused(
    world: MatrixWorld, tally: Tally, name: str, who: str
) -> None:
    expected = SHUT_OUT[who]
    if name == "corrections.correct":
        expected = "NotAllowedError"  # it asks who the actor is before it asks the database
    tried(world, tally, name, getattr(world, who), expected)


@pytest.mark.threat(18)
@pytest.mark.parametrize("name", CALLED)
def test_a_member_does_what_members_may_and_no_more(world: MatrixWorld, tally: Tally, name: str) -> None:
    if name.endswith(":shared"):
        world.share()
    tried(world, tally, name, world.max, CALLED[name][1])


@pytest.mark.threat(19)
@pytest.mark.parametrize("name", CALLED)
def test_without_pro_no_own_key_is_used_or_changed(world: MatrixWorld, tally: Tally, name: str) -> None:
    if name.endswith(":shared"):
        world.share()
    world.set_plan("basic")
    tried(world, tally, name, world.ada, CALLED[name][3])


@pytest.mark.threat(17)
@pytest.mark.parametrize("name", CALLED)
def test_the_companys_own_admin_is_not_in_the_way(world: MatrixWorld, tally: Tally, name: str) -> None:
    tried(world, tally, name, world.ada, CALLED[name][0])


class Swapped:
    """The world, but that each id it names is any other id that the first company has, of whatever kind."""

    def __init__(self, world: MatrixWorld, ids: list[UUID]) -> None:
        self._world, self._ids = world, ids

    def __getattr__(self, name: str) -> Any:
        if name.endswith("_id"):
            return random.choice(self._ids)  # noqa: S311 - which one is tried is no secret
        if name in ("max", "out"):
            return Actor(self._world.ada.company_id, random.choice(self._ids))  # noqa: S311
        return getattr(self._world, name)


@pytest.mark.threat(17)
@pytest.mark.timeout(1800)
@at_scale(10_000, few=100)
def test_another_companys_admin_reaches_nothing_by_any_id_of_any_kind(
    world: MatrixWorld, tally: Tally, tries: int
) -> None:
    ids = sorted({value for rows in world.saved.values() for row in rows for value in row if isinstance(value, UUID)})
    foreign = {world.eve.company_id, world.eve.person_id, world.eva.person_id}
    any_of_theirs: Any = Swapped(world, [one for one in ids if one not in foreign])
    theirs = _of(world, world.saved)
    for number in range(tries):
        name = random.choice(list(CALLED))  # noqa: S311
        tally.tried()
        try:
            told = _words(call(any_of_theirs, name, world.eve))
        except ByokError as error:
            told = str(error)
        if MARK in told.lower():
            tally.leaked(f"{name}: what is told has something of the other one's in it")
        if number % 20 == 0 and _of(world, world.snapshot()) != theirs:
            tally.leaked(f"{name}, or one before it, changed a row of the other company")
    assert _of(world, world.snapshot()) == theirs


@pytest.mark.threat(18)
@pytest.mark.timeout(1800)
@at_scale(1_000, few=20)
def test_a_role_that_comes_and_goes_counts_at_the_very_next_call(world: MatrixWorld, tally: Tally, tries: int) -> None:
    """By another process's hand, as it were: in the database alone."""
    for_admins = [name for name, row in CALLED.items() if row[1] == "NotAllowedError" and row[0] == "ok"]
    for number in range(tries):
        name, admin = for_admins[number % len(for_admins)], number % 2 == 1
        world.bench.accounts.set_role("max", "admin" if admin else "member")
        if not admin:
            tried(world, tally, name, world.max, "NotAllowedError")
            continue
        tally.tried()
        try:
            call(world, name, world.max)
        except NotAllowedError:
            tally.leaked(f"{name}: an admin was refused")
        except ByokError:
            pass  # another's draft, the own password: refused for another reason
        world.restore()


@pytest.mark.threat(19)
@pytest.mark.timeout(1800)
@at_scale(1_000, few=20)
def test_a_plan_that_comes_and_goes_counts_at_the_very_next_call(world: MatrixWorld, tally: Tally, tries: int) -> None:
    for_pro = [name for name, row in CALLED.items() if row[3] == "ProPlanNeededError"]
    for number in range(tries):
        name = for_pro[number % len(for_pro)]
        world.set_plan("basic" if number % 3 else "free_trial")
        tried(world, tally, name, world.ada, "ProPlanNeededError")
        world.set_plan("pro")
        tried(world, tally, name, world.ada, "ok")
        world.restore()
