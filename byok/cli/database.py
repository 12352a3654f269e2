"""`byok db`: bring the tables up to date, and copy SQLite while it is in use. Refuses to overwrite a file."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import click

from byok.ground import schema
from byok.ground.db import Database, is_there
from byok.ground.errors import ByokError, InvalidInputError
from byok.ground.home import make_home
from byok.ground.settings import Settings


@click.group()
def db() -> None:
    """Upgrade or back up the database."""


@db.command()
def upgrade() -> None:
    """Bring the tables to this release's revision. Every start does so too; this is for doing it alone."""
    settings = Settings.load()
    make_home(settings)
    database = Database(settings.url)
    try:
        before = schema.revision(database)
        schema.upgrade(database)
        after = schema.revision(database)
    finally:
        database.close()
    click.echo(f"Already at revision {after}." if before == after else f"Upgraded to revision {after}.")


@db.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def backup(file: Path) -> None:
    """Copy the SQLite database into FILE, also while the app runs. Master keys are not in it: keep them apart."""
    database = Database(Settings.load().url)
    try:
        if not database.is_sqlite:
            raise ByokError("This database is PostgreSQL: back it up with pg_dump.")
        # Looked at first: opening a SQLite file that is not there makes one.
        if database.file is None or not is_there(database.file) or schema.revision(database) is None:
            raise ByokError("There is no database to back up yet.")
        _copy(database, file)
    finally:
        database.close()
    click.echo(f"Backed up to {file} ({file.stat().st_size:,} bytes). It opens only with the same master keys.")


def _copy(database: Database, file: Path) -> None:
    try:
        os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        raise InvalidInputError(f"{file} is there already.", next_step="Name a new file.") from None
    except OSError as error:
        raise InvalidInputError(f"{file} cannot be written: {error.strerror}.") from None
    source = database.engine.raw_connection()
    target = sqlite3.connect(file)
    try:
        driver = source.driver_connection
        assert isinstance(driver, sqlite3.Connection)  # noqa: S101
        driver.backup(target)
    except BaseException:
        file.unlink()  # half a backup is worse than none
        raise
    finally:
        target.close()
        source.close()
