"""Makes master keys: a fresh entry, and the file of the first start. Refuses to make one in place of one that is lost.

Where a database holds what was sealed already, a new key would only hide that the old one is gone.
"""

from __future__ import annotations

import base64
import os
import secrets
import sqlite3
import tempfile
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from byok.core.weak_keys import SIZE
from byok.ground.errors import SettingsError
from byok.ground.tables.secret_columns import SEALED

FILE = "master.keys"
FILE_HEAD = (
    "# Without this file the saved API keys cannot be read, and with it they can.\n"
    "# Keep a copy, apart from the copies of the database.\n"
)
# A check of a lost master key is no loss by itself.
LOOKED_INTO = [table for table in SEALED if table != "master_key_check"]


def new_entry() -> str:
    """A fresh random master key as an `id:base64` pair. The id is random too, so that no two places share one."""
    return f"m{secrets.token_hex(4)}:{base64.b64encode(secrets.token_bytes(SIZE)).decode()}"


def write_entries(file: Path, entries: Iterable[str]) -> None:
    """Writes the file whole or not at all: a power cut must not leave half of the only copy. Mode 0600.

    Whoever calls holds the file's lock.
    """
    for stray in file.parent.glob(f".{FILE}.*"):  # of a process that was killed here: a copy of keys nobody knows of
        stray.unlink()
    handle, name = tempfile.mkstemp(prefix=f".{FILE}.", dir=file.parent)
    with os.fdopen(handle, "w", encoding="ascii") as new:
        new.write(FILE_HEAD + "".join(f"{entry}\n" for entry in entries))
        new.flush()
        os.fsync(new.fileno())
    Path(name).replace(file)
    _keep_the_name(file.parent)


def _keep_the_name(folder: Path) -> None:
    """So that no row that a new key seals can outlive a power cut that the key does not. Windows does it by itself."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_file(file: Path, *, database: Path) -> None:
    """Makes the file of the first start, once, however many processes start at the same moment.

    Raises:
        SettingsError: the database holds what was sealed with a file that is gone, or cannot be read.
    """
    from filelock import FileLock

    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with FileLock(f"{file}.lock"):
        if file.exists():
            return
        if _holds_sealed_rows(database):
            raise SettingsError(
                f"{file} is gone, but {database.name} holds API keys that were sealed with it.",
                next_step=f"Put the file back from a copy. To begin anew without those keys, move {database} away.",
            )
        write_entries(file, [new_entry()])


def _holds_sealed_rows(database: Path) -> bool:
    """Whether the SQLite file holds anything sealed: a key, a draft, a company's or a chain's own key."""
    if not database.exists():
        return False
    try:
        with closing(sqlite3.connect(f"{database.resolve().as_uri()}?mode=rw", uri=True)) as connection:
            tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            present = [table for table in LOOKED_INTO if table in tables]
            return any(connection.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone() for table in present)  # noqa: S608
    except sqlite3.Error as error:
        raise SettingsError(
            f"{database} cannot be read: {error}.", next_step="Restore a backup, or move the file away to begin anew."
        ) from None
