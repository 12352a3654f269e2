"""However an answer ends, the ledger has one row for its question, settled once, and the text is kept.

Real processes and a real browser: {complete, stop, click away, close tab, reload, SIGTERM, kill -9, provider reset}.
CI (slow) runs each a few times; the full numbers are run by hand (soak) and kept in `bench/results/endings.txt`.
`ENDINGS_RUNS` sets how many, `-k` which, `ENDINGS_PEOPLE` how many browsers ask at a time, `ENDINGS_TABLE` another
file; `ENDINGS_DATABASE=postgres` takes PostgreSQL instead of the built-in file.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from uuid import uuid4

import pytest
import sqlalchemy as sa

from tests.e2e.ending_kinds import ENDINGS, Ending
from tests.e2e.ending_table import Table
from tests.e2e.ending_world import SIGNALS, Desk, World, desks, in_pages, light_processes, on, whole_app, world
from tests.e2e.endings import Found

pytestmark = [pytest.mark.browser, pytest.mark.timeout(7200)]

FEW, MANY = 5, 500
DATABASE = os.environ.get("ENDINGS_DATABASE", "sqlite")
PEOPLE = int(os.environ.get("ENDINGS_PEOPLE", "2"))  # so many browsers at a time
IN_PAGES = [one for one in ENDINGS.values() if one.name not in SIGNALS]
OF_PROCESSES = [ENDINGS[name] for name in SIGNALS]


def runs(usual: int) -> int:
    """How many of each."""
    return int(os.environ.get("ENDINGS_RUNS") or usual)


@pytest.fixture(scope="module")
def new_settings(request: pytest.FixtureRequest) -> Callable[[str], Mapping[str, str]]:
    """Makes the settings of an app on a new database of that kind."""

    def make(kind: str) -> Mapping[str, str]:
        if kind == "sqlite":
            return {}
        server: sa.URL = request.getfixturevalue("postgres_url")
        name = f"endings_{uuid4().hex}"
        engine = sa.create_engine(server, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name}")
        engine.dispose()
        return on(server.set(database=name).render_as_string(hide_password=False))

    return make


@pytest.fixture(scope="module")
def shared(
    tmp_path_factory: pytest.TempPathFactory, new_settings: Callable[[str], Mapping[str, str]]
) -> Iterator[World]:
    """An app for the endings that it survives."""
    with world(tmp_path_factory.mktemp("shared"), new_settings(DATABASE)) as one:
        one.app.server.start()
        yield one


@pytest.fixture(scope="module")
def people(shared: World) -> Iterator[list[Desk]]:
    with desks(shared, PEOPLE) as made:
        yield made


@pytest.fixture
def own(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    new_settings: Callable[[str], Mapping[str, str]],
) -> Iterator[World]:
    """A world of this test's own, on the database that it names."""
    with world(tmp_path_factory.mktemp("own"), new_settings(getattr(request, "param", DATABASE))) as one:
        yield one


def named(ending: Ending) -> str:
    return ending.name


def all_right(one: World, found: Found, wanted: int) -> None:
    assert found.wrong == []
    assert found.right, found
    assert found.runs == wanted
    one.adds_up()


@pytest.mark.slow
@pytest.mark.parametrize("ending", IN_PAGES, ids=named)
def test_an_answer_whose_app_goes_on_has_one_row_settled_once(
    shared: World, people: list[Desk], ending: Ending
) -> None:
    all_right(shared, in_pages(shared, people, ending, runs(FEW)), runs(FEW))


@pytest.mark.slow
def test_an_answer_whose_app_is_killed_or_told_to_end_has_one_row_settled_once(own: World) -> None:
    found = whole_app(own, (ENDINGS["kill -9"], ENDINGS["SIGTERM"]), runs(FEW))
    assert set(found) == set(SIGNALS)
    for one in found.values():
        all_right(own, one, runs(FEW))


@pytest.mark.slow
@pytest.mark.parametrize("own", ["postgres"], indirect=True)
@pytest.mark.parametrize("ending", OF_PROCESSES, ids=named)
def test_an_answer_whose_process_has_no_pages_and_ends_has_one_row_settled_once(own: World, ending: Ending) -> None:
    all_right(own, light_processes(own, ending, runs(FEW)), runs(FEW))


@pytest.mark.soak
@pytest.mark.parametrize("ending", ENDINGS.values(), ids=named)
def test_of_many_answers_each_has_one_row_settled_once(request: pytest.FixtureRequest, ending: Ending) -> None:
    began, wanted = time.monotonic(), runs(MANY)
    if ending.name in SIGNALS:
        one: World = request.getfixturevalue("own")
        found, by = light_processes(one, ending, wanted), "one process each, the workbench without pages"
    else:
        one = request.getfixturevalue("shared")
        found = in_pages(one, request.getfixturevalue("people"), ending, wanted)
        by = f"one app, asked by {PEOPLE} in Chromium"
    Table().add(ending.name, found, seconds=time.monotonic() - began, database=DATABASE, by=by)
    all_right(one, found, wanted)
