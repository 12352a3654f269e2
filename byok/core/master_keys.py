"""The master keys: reads them, judges them, derives subkeys from them. Refuses any that somebody else could know.

Nothing here shows a master key: messages name an entry by its place in the list, since an id may be a key mistyped.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import secrets
import sqlite3
import tempfile
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import NoReturn, Self

from byok.core.weak_keys import SIZE, decode, weakness
from byok.ground.errors import KeyUnreadableError, SettingsError
from byok.ground.settings import Settings

FILE = "master.keys"
# Quotes that a POSIX shell, PowerShell and cmd all understand.
HOW_TO_MAKE = (
    'Make one with: uv run python -c "import base64, secrets; '
    "print('m1:' + base64.b64encode(secrets.token_bytes(32)).decode())\""
)
ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")
SEALED_TABLES = ("api_key", "key_draft", "company")
FILE_HEAD = (
    "# Without this file the saved API keys cannot be read, and with it they can.\n"
    "# Keep a copy, apart from the copies of the database.\n"
)


class MasterKeys:
    """Master keys by id. The first seals, all of them open.

    Args:
        keys: 32 random bytes by id, in order; at least one.
    """

    __slots__ = ("_keys", "first_id")

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        self._keys = dict(keys)
        self.first_id = next(iter(self._keys))

    @classmethod
    def parse(cls, text: str, *, where: str = "BYOK_MASTER_KEYS") -> Self:
        """Reads `id:base64` pairs, separated by commas or line ends; lines that begin with `#` are skipped.

        Args:
            where: what the text comes from, for messages.

        Raises:
            SettingsError: there is none, one is malformed or well known, or two are alike. No message shows a key.
        """
        lines = (line for line in text.splitlines() if not line.lstrip().startswith("#"))
        entries = [entry.strip() for line in lines for entry in line.split(",") if entry.strip()]
        if not entries:
            raise SettingsError(f"{where} holds no master key.", next_step=HOW_TO_MAKE)
        keys: dict[str, bytes] = {}
        for number, entry in enumerate(entries, start=1):
            key_id, encoded = (part.strip() for part in entry.rpartition(":")[::2])
            problem = _id_problem(key_id, keys) or weakness(encoded, known=keys.values())
            if problem:
                raise SettingsError(
                    f"Master key {number} of {len(entries)} in {where} {problem}.", next_step=HOW_TO_MAKE
                )
            keys[key_id] = decode(encoded) or b""
        return cls(keys)

    def ids(self) -> tuple[str, ...]:
        """The ids, the sealing one first."""
        return tuple(self._keys)

    def subkey(self, key_id: str, context: bytes) -> bytes:
        """32 bytes that only this master key and this very context give.

        Raises:
            KeyUnreadableError: there is no master key of that id here.
        """
        if key_id not in self._keys:
            raise KeyUnreadableError
        return hashlib.blake2b(context, key=self._keys[key_id], digest_size=SIZE).digest()

    def __repr__(self) -> str:
        return f"MasterKeys(ids={self.ids()})"

    def __reduce__(self) -> NoReturn:
        # A cache that keeps values on disk would pickle them.
        raise TypeError("Master keys are not copied or written anywhere.")


def new_entry() -> str:
    """A fresh random master key as an `id:base64` pair. The id is random too, so that no two places share one."""
    return f"m{secrets.token_hex(4)}:{base64.b64encode(secrets.token_bytes(SIZE)).decode()}"


def load_master_keys(settings: Settings) -> MasterKeys:
    """The master keys of this process; for the built-in SQLite file they are made at first start.

    Raises:
        SettingsError: they are missing where they must be set, malformed or well known; or the file is gone while
            the database already holds what it sealed.
    """
    if settings.master_keys is not None:
        return MasterKeys.parse(settings.master_keys.get_secret_value())
    if not settings.embedded:
        raise SettingsError(
            "BYOK_MASTER_KEYS is not set; with BYOK_DATABASE_URL it must be, so that keys and database lie apart.",
            next_step=HOW_TO_MAKE,
        )
    file = settings.home / FILE
    try:
        if not file.exists():
            _make(file, database=Path(settings.url.removeprefix("sqlite:///")))
        return MasterKeys.parse(file.read_text("ascii"), where=str(file))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not plain text"
        raise SettingsError(
            f"The master keys in {file} cannot be read or made: {reason}.",
            next_step="Give this process the right to write to BYOK_HOME, or set BYOK_MASTER_KEYS.",
        ) from None


def _make(file: Path, *, database: Path) -> None:
    from filelock import FileLock

    file.parent.mkdir(parents=True, exist_ok=True)
    # Two processes may start at once: one makes the file, under another name first, so that none reads half of it.
    with FileLock(f"{file}.lock"):
        if file.exists():
            return
        if _holds_sealed_rows(database):
            raise SettingsError(
                f"{file} is gone, but {database.name} holds API keys that were sealed with it.",
                next_step=f"Put the file back from a copy. To begin anew without those keys, move {database} away.",
            )
        handle, name = tempfile.mkstemp(prefix=f".{FILE}.", dir=file.parent)  # O_EXCL, mode 0600
        with os.fdopen(handle, "w", encoding="ascii") as new:
            new.write(f"{FILE_HEAD}{new_entry()}\n")
            new.flush()
            os.fsync(new.fileno())
        Path(name).replace(file)


def _holds_sealed_rows(database: Path) -> bool:
    """Whether the SQLite file holds anything sealed: a key, a draft, or a company's fingerprint key."""
    if not database.exists():
        return False
    try:
        with closing(sqlite3.connect(f"{database.resolve().as_uri()}?mode=rw", uri=True)) as connection:
            tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            present = [table for table in SEALED_TABLES if table in tables]
            return any(connection.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone() for table in present)  # noqa: S608
    except sqlite3.Error as error:
        raise SettingsError(
            f"{database} cannot be read: {error}.", next_step="Restore a backup, or move the file away to begin anew."
        ) from None


def _id_problem(key_id: str, before: Mapping[str, bytes]) -> str:
    if not key_id:
        return "is not written as id:base64"
    if not ID.fullmatch(key_id):
        return "has an id that is not 1 to 32 letters, digits, dots, dashes or underscores"
    return "has the same id as one before it" if key_id in before else ""
