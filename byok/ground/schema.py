"""Brings a database to the newest revision of the tables, in one transaction, whoever asks first.

Refuses a database that a newer release has already changed, and any revision that leaves a foreign key dangling.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa

from byok.ground.db import WRITE, Database
from byok.ground.errors import SettingsError

HEAD = "0005"
VERSION_TABLE = "alembic_version"
MIGRATIONS = Path(__file__).parent / "migrations"
PATIENCE_S = 60.0
# Any number will do, as long as nothing else on the same database uses it: "BYOK" in ASCII.
ADVISORY_LOCK = 0x42594F4B


def revision(db: Database) -> str | None:
    """The revision that the database is at, or None where it has no tables of ours yet.

    Raises:
        SettingsError: the database cannot be opened.
    """
    try:
        with db.engine.connect() as connection:
            if not sa.inspect(connection).has_table(VERSION_TABLE):
                return None
            found = connection.execute(sa.text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()  # noqa: S608
            return None if found is None else str(found)
    except sa.exc.DBAPIError as error:
        raise SettingsError(
            f"The database cannot be opened: {str(error.orig).strip().splitlines()[0]}.",
            next_step="Check BYOK_DATABASE_URL, or the rights on the folder BYOK_HOME.",
        ) from None


def upgrade(db: Database, *, to: str = "head", migrations: Path = MIGRATIONS) -> None:
    """Runs the migrations that are missing, in one transaction; does nothing where there are none.

    Safe to call from several processes at once: one migrates, the others wait and find it done.

    Args:
        to: a revision; `head` is the newest.
        migrations: the folder of Alembic's environment and revisions.

    Raises:
        SettingsError: the database cannot be opened, is newer than this release, or another process has been
            migrating it for more than a minute.
    """
    target = HEAD if to == "head" else to
    # The usual start: alembic is not even imported.
    if revision(db) == target:
        return
    with _alone(db):
        if revision(db) != target:
            _migrate(db, target, migrations)


def check(db: Database) -> None:
    """Sees to it that the database has the tables of this release; changes nothing.

    Raises:
        SettingsError: it cannot be opened, has none yet, or those of another release.
    """
    present = revision(db)
    if present is None:
        raise SettingsError(
            "The database has no tables of this product yet.",
            next_step="Start the app once, or set BYOK_HOME or BYOK_DATABASE_URL to where it has been started.",
        )
    if present != HEAD:
        if present not in _known(MIGRATIONS):
            raise _newer(present, "Read it with the release that the app on it runs.")
        raise SettingsError(
            f"The database is at revision {present}, and this release reads {HEAD}.",
            next_step="Read it with the release that the app on it runs; or upgrade it, once no older app uses it: "
            "byok db upgrade.",
        )


def _known(migrations: Path) -> set[str]:
    from alembic.script import ScriptDirectory

    return {script.revision for script in ScriptDirectory(str(migrations)).walk_revisions()}


def _newer(present: str, next_step: str) -> SettingsError:
    return SettingsError(
        f"The database is at revision {present}, which this release does not know.", next_step=next_step
    )


def _migrate(db: Database, target: str, migrations: Path) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(migrations).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    present = revision(db)
    if present is not None and present not in _known(migrations):
        raise _newer(present, "Start the newer release that made it, or restore a backup.")
    with (
        db.engine.connect().execution_options(**WRITE) as connection,
        _foreign_keys_off(db, connection),
        # On PostgreSQL Alembic begins by itself, so that a revision may step out of the transaction where it must.
        connection.begin() if db.is_sqlite else contextlib.nullcontext(),
    ):
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, target)
        except CommandError as error:
            raise SettingsError(f"The database cannot be upgraded to {target!r}: {error}.") from None
        if db.is_sqlite:
            _check_foreign_keys(connection)


@contextlib.contextmanager
def _foreign_keys_off(db: Database, connection: sa.Connection) -> Iterator[None]:
    """SQLite rebuilds a table by dropping it: with foreign keys on, that deletes its children's rows."""
    if not db.is_sqlite:
        yield
        return
    # Through the driver: SQLAlchemy would begin a transaction first, in which this PRAGMA does nothing.
    driver = connection.connection.driver_connection
    assert driver is not None  # noqa: S101
    driver.execute("PRAGMA foreign_keys=OFF").close()
    try:
        yield
    finally:
        driver.execute("PRAGMA foreign_keys=ON").close()


def _check_foreign_keys(connection: sa.Connection) -> None:
    dangling = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
    if dangling:
        tables = ", ".join(sorted({str(row[0]) for row in dangling}))
        raise SettingsError(
            f"The upgrade would leave rows without their parents in: {tables}. Nothing was changed.",
            next_step="Restore a backup, or report this with the versions before and after.",
        )


@contextlib.contextmanager
def _alone(db: Database) -> Iterator[None]:
    """Holds the right to migrate: a lock file beside SQLite's, an advisory lock of PostgreSQL's."""
    if not db.is_sqlite:
        with _advisory_lock(db):
            yield
        return
    if db.file is None:
        yield
        return
    from filelock import FileLock, Timeout

    try:
        with FileLock(f"{db.file}.upgrade.lock", timeout=PATIENCE_S):
            yield
    except Timeout:
        raise _busy() from None


@contextlib.contextmanager
def _advisory_lock(db: Database) -> Iterator[None]:
    """Of the session, not of a transaction: some migrations (CREATE INDEX CONCURRENTLY) end theirs midway."""
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        deadline = time.monotonic() + PATIENCE_S
        while not connection.execute(sa.select(sa.func.pg_try_advisory_lock(ADVISORY_LOCK))).scalar():
            if time.monotonic() > deadline:
                raise _busy()
            time.sleep(0.05)
        try:
            yield
        finally:
            connection.execute(sa.select(sa.func.pg_advisory_unlock(ADVISORY_LOCK)))


def _busy() -> SettingsError:
    return SettingsError(
        f"Another process has been upgrading the database for more than {PATIENCE_S:.0f} s.",
        next_step="Wait for it to end, then start again.",
    )
