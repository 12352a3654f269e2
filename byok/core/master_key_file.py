"""Changes the order and number of the master keys in `BYOK_HOME/master.keys`. Whoever drops one counts its rows first.

Where `BYOK_MASTER_KEYS` is set the keys are the operator's to change: there is nothing to write to.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from byok.core.master_key_making import FILE, new_entry, write_entries
from byok.core.master_keys import MasterKeys
from byok.ground.errors import InvalidInputError, SettingsError
from byok.ground.settings import Settings


class MasterKeyFile:
    """The file of the built-in database. Running processes notice each change by themselves.

    Raises:
        SettingsError: the keys come from the environment, so no file is used.
    """

    def __init__(self, settings: Settings) -> None:
        if settings.master_keys is not None or not settings.embedded:
            raise SettingsError(
                "The master keys come from BYOK_MASTER_KEYS, which only you can change.",
                next_step="The first id:base64 pair seals, all open; `byok master-key add` prints a new pair.",
            )
        self.path = settings.home / FILE

    def add(self) -> str:
        """Appends a fresh key; it opens, but does not seal yet.

        Returns:
            Its id.
        """
        entry = new_entry()
        with self._alone():
            write_entries(self.path, [*self._entries(), entry])
        return _id(entry)

    def promote(self, key_id: str) -> None:
        """Makes a key the first, which seals.

        Raises:
            InvalidInputError: there is no key of that id.
        """
        with self._alone():
            entries = self._entries()
            chosen = self._find(key_id, entries)
            write_entries(self.path, [chosen, *(entry for entry in entries if entry != chosen)])

    def drop(self, key_id: str) -> None:
        """Takes a key out of the file, for good. Only for a key under which no row is left.

        Raises:
            InvalidInputError: there is no key of that id, or it is the one that seals.
        """
        with self._alone():
            entries = self._entries()
            chosen = self._find(key_id, entries)
            self._refuse_first(chosen, entries)
            write_entries(self.path, [entry for entry in entries if entry != chosen])

    def refuse_first(self, key_id: str) -> None:
        """Raises `InvalidInputError` for a key that could not be dropped whatever is under it; see `drop`."""
        with self._alone():
            entries = self._entries()
            self._refuse_first(self._find(key_id, entries), entries)

    @staticmethod
    def _refuse_first(chosen: str, entries: list[str]) -> None:
        if chosen == entries[0]:
            step = "Promote another one first: byok master-key add, then promote, then rotate."
            raise InvalidInputError(f"{_id(chosen)} is the master key that seals.", field="id", next_step=step)

    @staticmethod
    def _find(key_id: str, entries: list[str]) -> str:
        for entry in entries:
            if _id(entry) == key_id:
                return entry
        raise InvalidInputError(
            f"There is no master key of that id; there are: {', '.join(map(_id, entries))}.", field="id"
        )

    def _entries(self) -> list[str]:
        text = self.path.read_text("ascii")
        MasterKeys.parse(text, where=str(self.path))  # never rewrite a file that is not understood
        lines = (line for line in text.splitlines() if not line.lstrip().startswith("#"))
        return [entry.strip() for line in lines for entry in line.split(",") if entry.strip()]

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Two changes at once must not lose one of them."""
        from filelock import FileLock

        with FileLock(f"{self.path}.lock"):
            yield


def _id(entry: str) -> str:
    return entry.partition(":")[0].strip()
