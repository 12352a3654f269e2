"""Makes `BYOK_HOME`, the folder for what is written at run time. Refuses to loosen who may read what.

Files that were put back from a copy often come with rights for everybody: those of this user are closed again.
"""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path

from byok.ground.db import sqlite_file
from byok.ground.settings import Settings, unwritable


def make_home(settings: Settings) -> None:
    """Makes `BYOK_HOME` and, for SQLite, the database's file: both for this user's eyes only.

    A folder that is there already keeps its mode, since it may be anybody's; the files in it are closed all the same.

    Raises:
        SettingsError: one of them cannot be made; the message names the variable.
    """
    try:
        settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise unwritable(f"BYOK_HOME {settings.home}", error) from None
    files = database_files(settings)
    if files:
        try:
            _make_database(files[0])
        except OSError as error:
            if settings.embedded:
                raise unwritable(f"BYOK_HOME {settings.home}", error) from None
            raise unwritable(f"BYOK_DATABASE_URL: {files[0]}", error, instead="BYOK_DATABASE_URL") from None
    for one in files:
        closed_to_others(one)


def _make_database(file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with contextlib.suppress(FileExistsError):  # SQLite gives its log the mode of the file beside it
        os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))


def database_files(settings: Settings) -> list[Path]:
    """What SQLite keeps, whether they are there or not: its file, its log and the log's index. None of PostgreSQL's."""
    named = sqlite_file(settings.url)
    if named is None:
        return []
    file = Path(os.path.realpath(named))  # SQLite keeps its log beside the file itself, not beside a link to it
    return [file, *(file.with_name(f"{file.name}{more}") for more in ("-wal", "-shm"))]


def closed_to_others(file: Path) -> bool:
    """Takes the rights of others to a file away, if it is this user's; whether nobody else has any then.

    A file that is not there is closed. What is no file, such as a folder or a device, keeps its rights.
    """
    if os.name != "posix":
        return True
    try:
        found = file.stat()
        if found.st_mode & 0o077 and found.st_uid == os.geteuid() and stat.S_ISREG(found.st_mode):
            file.chmod(0o600)
            found = file.stat()  # not every file system takes a mode
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return not found.st_mode & 0o077
