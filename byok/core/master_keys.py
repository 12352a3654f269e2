"""The master keys: reads them, judges them, derives subkeys from them. Refuses any that somebody else could know.

Nothing here shows a master key: messages name an entry by its place in the list, since an id may be a key mistyped.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn, Self

from byok.core.master_key_making import FILE, FILE_HEAD, make_file, new_entry
from byok.core.weak_keys import SIZE, decode, weakness
from byok.ground.errors import KeyUnreadableError, SettingsError
from byok.ground.home import closed_to_others
from byok.ground.settings import Settings

__all__ = ["FILE", "FILE_HEAD", "HOW_TO_MAKE", "LiveMasterKeys", "MasterKeys", "load_master_keys", "new_entry"]

# Quotes that a POSIX shell, PowerShell and cmd all understand.
HOW_TO_MAKE = (
    'Make one with: uv run python -c "import base64, secrets; '
    "print('m1:' + base64.b64encode(secrets.token_bytes(32)).decode())\""
)
ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")

log = logging.getLogger(__name__)


class MasterKeys:
    """Master keys by id. The first seals, all of them open.

    Args:
        keys: 32 random bytes by id, in order; at least one.
    """

    __slots__ = ("_keys",)

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        self._keys = dict(keys)

    @classmethod
    def parse(cls, text: str, *, where: str = "BYOK_MASTER_KEYS") -> Self:
        """Reads `id:base64` pairs, separated by commas or line ends; lines that begin with `#` are skipped.

        Args:
            where: what the text comes from, for messages.

        Raises:
            SettingsError: there is none, one is malformed or well known, or two are alike. No message shows a key.
        """
        return cls(_parsed(text, where))

    @property
    def first_id(self) -> str:
        """The id of the key that seals."""
        return self.ids()[0]

    def ids(self) -> tuple[str, ...]:
        """The ids, the sealing one first."""
        return tuple(self._keys)

    def subkey(self, key_id: str, context: bytes) -> bytes:
        """32 bytes that only this master key and this very context give.

        Raises:
            KeyUnreadableError: there is no master key of that id here.
        """
        key = self._of(key_id)
        if key is None:
            raise KeyUnreadableError
        return hashlib.blake2b(context, key=key, digest_size=SIZE).digest()

    def sealing(self, context: bytes) -> tuple[str, bytes]:
        """The first key's id, and its subkey for this context: of one look, so that the two always belong together."""
        first = self.first_id
        return first, self.subkey(first, context)

    def _of(self, key_id: str) -> bytes | None:
        return self._keys.get(key_id)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(ids={tuple(self._keys)})"

    def __reduce__(self) -> NoReturn:
        # A cache that keeps values on disk would pickle them.
        raise TypeError("Master keys are not copied or written anywhere.")


class LiveMasterKeys(MasterKeys):
    """The master keys of a file that may change while the process runs.

    The file is looked at before each sealing, and when a row names an id that is not known here. What was read once
    goes on opening until the process ends: a question that waits for its turn may hold a row as it was before a
    rotation. A file with a mistake, or with another key under an id that is in use, changes nothing.

    Raises:
        SettingsError, OSError, UnicodeDecodeError: the file cannot be read, or has a mistake.
    """

    __slots__ = ("_file", "_lock", "_opening", "_seen")

    def __init__(self, file: Path) -> None:
        self._file, self._lock = file, threading.Lock()
        self._seen = _mark(file)
        super().__init__(_parsed(file.read_text("ascii"), str(file)))
        self._opening = self._keys

    def ids(self) -> tuple[str, ...]:
        """The ids in the file as it is now, the sealing one first."""
        self._look()
        return tuple(self._keys)

    def _of(self, key_id: str) -> bytes | None:
        if key_id not in self._opening:
            self._look()
        return self._opening.get(key_id)

    def _look(self) -> None:
        """Reads the file again if it is another one than it was; one question to the file system where it is not."""
        mark = _mark(self._file)
        if mark == self._seen:
            return
        with self._lock:
            if mark == self._seen:
                return
            self._seen = mark  # of before it is read: a change meanwhile is seen by the next look
            try:
                fresh = _parsed(self._file.read_text("ascii"), str(self._file))
            except (SettingsError, OSError, UnicodeDecodeError) as error:
                log.warning("%s cannot be used any more (%s); its keys of before stay in use", FILE, _reason(error))
                return
            if any(self._opening.get(key_id, key) != key for key_id, key in fresh.items()):
                log.warning("%s has another key under an id that is in use; its keys of before stay in use", FILE)
                return
            # Opening first: whoever finds the new sealing key must find it among those that open.
            self._opening = {**self._opening, **fresh}
            self._keys = fresh


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
            make_file(file, database=Path(settings.url.removeprefix("sqlite:///")))
        closed_to_others(file)
        return LiveMasterKeys(file)
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"The master keys in {file} cannot be read or made: {_reason(error)}.",
            next_step="Give this process the right to write to BYOK_HOME, or set BYOK_MASTER_KEYS.",
        ) from None


def _parsed(text: str, where: str) -> dict[str, bytes]:
    lines = (line for line in text.splitlines() if not line.lstrip().startswith("#"))
    entries = [entry.strip() for line in lines for entry in line.split(",") if entry.strip()]
    if not entries:
        raise SettingsError(f"{where} holds no master key.", next_step=HOW_TO_MAKE)
    keys: dict[str, bytes] = {}
    for number, entry in enumerate(entries, start=1):
        key_id, encoded = (part.strip() for part in entry.rpartition(":")[::2])
        problem = _id_problem(key_id, keys) or weakness(encoded, known=keys.values())
        if problem:
            raise SettingsError(f"Master key {number} of {len(entries)} in {where} {problem}.", next_step=HOW_TO_MAKE)
        keys[key_id] = decode(encoded) or b""
    return keys


def _id_problem(key_id: str, before: Mapping[str, bytes]) -> str:
    if not key_id:
        return "is not written as id:base64"
    if not ID.fullmatch(key_id):
        return "has an id that is not 1 to 32 letters, digits, dots, dashes or underscores"
    return "has the same id as one before it" if key_id in before else ""


def _mark(file: Path) -> tuple[int, ...] | None:
    """What tells a file from the one before it; None where there is none."""
    try:
        found = os.stat(file)  # noqa: PTH116 - before every sealing: without what pathlib does around it
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_size


def _reason(error: Exception) -> str:
    if isinstance(error, OSError):
        return error.strerror or "it cannot be read"
    return "it is not plain text" if isinstance(error, UnicodeDecodeError) else str(error.args[0])
