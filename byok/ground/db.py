"""Opens the database, SQLite or PostgreSQL, and hands out short read and write transactions.

Refuses to hold a transaction across anything slow: callers finish before they talk to a provider. Writes on
SQLite begin with BEGIN IMMEDIATE, since a deferred one that upgrades from reading fails under load.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, unquote

import sqlalchemy as sa
from sqlmodel import Session

from byok.ground.errors import SettingsError
from byok.ground.prepared import execute
from byok.ground.settings import unwritable

WRITE = {"byok_write": True}
AWAY: Final = (sa.exc.OperationalError, sa.exc.TimeoutError)
"""What is raised while the database cannot be reached, or has no time: the same may go well a moment later."""
PRAGMAS = ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "secure_delete=ON")
READ_ONLY = ("query_only=ON",)


class Database:
    """One engine. Make it once for a process, `close` it at the end.

    Args:
        url: SQLAlchemy URL; `sqlite:///path` or `postgresql+psycopg://...`.
        trusted_s: for so many seconds after its last use a connection to PostgreSQL is taken for alive. Later it is
            asked first, and replaced where the server has gone or started anew: a round trip more.
        patience_s: for so many seconds a writer waits for its turn on SQLite, which has one writer and no queue.
        read_only: the database itself refuses every write, and must be there.

    Attributes:
        file: where SQLite keeps it; None in memory and on PostgreSQL.
    """

    def __init__(self, url: str, *, trusted_s: float = 1.0, patience_s: float = 5.0, read_only: bool = False) -> None:
        self._wait = f"PRAGMA busy_timeout={round(patience_s * 1000)}"
        parsed, self.file = _parsed(url), sqlite_file(url)
        if parsed.get_backend_name() == "sqlite" and read_only:
            parsed = _there(parsed, self.file)
        elif self.file is not None:
            _make_folder(self.file.parent)
        try:
            # hide_parameters: an error of the database must not print what was written.
            options = {"postgresql_readonly": True} if read_only else {}
            self.engine = sa.create_engine(parsed, hide_parameters=True, execution_options=options)
        except sa.exc.ArgumentError:
            raise _no_url() from None
        except ModuleNotFoundError as error:
            raise SettingsError(
                f"The driver {error.name!r} for BYOK_DATABASE_URL is not installed.",
                next_step="For PostgreSQL start with: uv run --extra postgres ...",
            ) from None
        self.is_sqlite = self.engine.dialect.name == "sqlite"
        if self.is_sqlite:
            pragmas = READ_ONLY if read_only else PRAGMAS
            _speak_sqlite(self.engine, [*(f"PRAGMA {one}" for one in pragmas), self._wait])
        else:
            _ask_after_a_pause(self.engine, trusted_s)
        self._writer = self.engine.execution_options(**WRITE)

    @contextlib.contextmanager
    def read(self) -> Iterator[Session]:
        """A session for reading; what it holds is rolled back at the end."""
        with Session(self.engine, expire_on_commit=False) as session:
            yield session

    @contextlib.contextmanager
    def write(self) -> Iterator[Session]:
        """A session that commits at the end, or rolls back on any exception."""
        with Session(self._writer, expire_on_commit=False) as session, session.begin():
            yield session

    @contextlib.contextmanager
    def write_core(self) -> Iterator[sa.Connection]:
        """A bare connection for hot paths; commits at the end, or rolls back on any exception."""
        with self._writer.begin() as connection:
            yield connection

    def truncate_log(self) -> bool:
        """Empties SQLite's write-ahead log into the database, without waiting.

        Returns:
            False where a reader holds the log, so that deleted bytes may still stand in it; try again later.
            PostgreSQL: always True (its own log ages out).
        """
        if not self.is_sqlite:
            return True
        raw = self.engine.raw_connection()
        try:
            cursor = raw.cursor()
            cursor.execute("PRAGMA busy_timeout=0")
            try:
                busy, _, _ = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            except sqlite3.OperationalError:
                busy = 1
            finally:
                cursor.execute(self._wait)
            return not busy
        finally:
            raw.close()

    def close(self) -> None:
        """Gives all connections back, those still at work in another thread as soon as they are done.

        The database must not be used afterwards.
        """

        @sa.event.listens_for(self.engine, "checkin")
        def close_late_comers(_: Any, record: sa.pool.ConnectionPoolEntry) -> None:
            record.invalidate()

        self.engine.dispose()


def sqlite_file(url: str) -> Path | None:
    """Where SQLite keeps the database of that URL, there or not; None in memory and on PostgreSQL.

    Raises:
        SettingsError: it is no URL of a database that is supported.
    """
    parsed = _parsed(url)
    if parsed.get_backend_name() != "sqlite":
        return None
    try:
        (name,), options = parsed.get_dialect()().create_connect_args(parsed)
    except sa.exc.ArgumentError:
        raise _no_url() from None
    if options.get("uri") and name.startswith("file:"):  # SQLite reads it as a URI of its own
        path, _, query = name.removeprefix("file:").partition("#")[0].partition("?")
        if "memory" in parse_qs(query).get("mode", ()):
            return None
        if path.startswith("//"):
            path = f"/{path[2:].partition('/')[2]}"
        name = unquote(path.lstrip("/") if os.name == "nt" else path)
    return None if name in ("", ":memory:") else Path(name).absolute()


def is_there(file: Path) -> bool:
    """Whether there is a database's file.

    Raises:
        SettingsError: it cannot be said, for want of rights or because there can be no such name.
    """
    try:
        return file.is_file()
    except OSError as error:
        raise SettingsError(
            f"The database {file} cannot be read: {error.strerror}.",
            next_step="Give this process the right to read it, or set BYOK_HOME or BYOK_DATABASE_URL.",
        ) from None


def _parsed(url: str) -> sa.URL:
    try:
        parsed = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError):  # the latter for a port that is no number
        raise _no_url() from None
    backend = parsed.get_backend_name()
    if backend not in ("sqlite", "postgresql"):
        raise SettingsError(f"BYOK_DATABASE_URL names {backend!r}; SQLite and PostgreSQL are supported.")
    return parsed


def _no_url() -> SettingsError:
    return SettingsError("BYOK_DATABASE_URL is not a database URL.")


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise unwritable(f"The database's folder {folder}", error, instead="BYOK_HOME or BYOK_DATABASE_URL") from None


def _there(url: sa.URL, file: Path | None) -> sa.URL:
    """The same SQLite file, never to be made. Not SQLite's mode "ro", which leaves the files of its log behind."""
    if file is None or not is_there(file):
        raise SettingsError(
            f"There is no database at {file or 'BYOK_DATABASE_URL'}.",
            next_step="Start the app once, or set BYOK_HOME or BYOK_DATABASE_URL to where there is one.",
        )
    return url.set(database=file.as_uri()).update_query_dict({"mode": "rw", "uri": "true"})


def _speak_sqlite(engine: sa.Engine, pragmas: Iterable[str]) -> None:
    """Sets up each connection, and takes transaction control over from the driver."""

    @sa.event.listens_for(engine, "connect")
    def on_connect(connection: sqlite3.Connection, _: Any) -> None:
        connection.isolation_level = None  # the driver would begin on its own, and deferred
        # SQLite's own knows ASCII alone. No index may be built on it: other programs open the file without this one.
        connection.create_function("lower", 1, _lower, deterministic=True)
        for pragma in pragmas:
            connection.execute(pragma).close()

    @sa.event.listens_for(engine, "begin")
    def on_begin(connection: sa.Connection) -> None:
        write = connection.get_execution_options().get("byok_write", False)
        execute(connection, "BEGIN IMMEDIATE" if write else "BEGIN")


def _lower(text: str | None) -> str | None:
    return None if text is None else str(text).lower()


def _ask_after_a_pause(engine: sa.Engine, trusted_s: float) -> None:
    """Sees to it that nobody is given a connection that died in the pool."""

    @sa.event.listens_for(engine, "checkin")
    def on_checkin(_: Any, record: sa.pool.ConnectionPoolEntry) -> None:
        record.info["used"] = time.monotonic()

    @sa.event.listens_for(engine, "checkout")
    def on_checkout(connection: Any, record: sa.pool.ConnectionPoolEntry, _: Any) -> None:
        if time.monotonic() - record.info.get("used", time.monotonic()) < trusted_s:
            return
        try:
            engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as error:
            raise sa.exc.InvalidatePoolError from error  # the pool makes new ones, in place of all that are as old
