"""Changes the order and number of the master keys in `BYOK_HOME/master.keys`. Refuses to take one away.

Where `BYOK_MASTER_KEYS` is set the keys are the operator's to change: there is nothing to write to.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from byok.core.master_keys import FILE, FILE_HEAD, MasterKeys, new_entry
from byok.ground.errors import InvalidInputError, SettingsError
from byok.ground.settings import Settings


class MasterKeyFile:
    """The file of the built-in database.

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
        """Appends a fresh key; it opens from the next start on, but does not seal yet.

        Returns:
            Its id.
        """
        entry = new_entry()
        self._write([*self._entries(), entry])
        return entry.partition(":")[0]

    def promote(self, key_id: str) -> None:
        """Makes a key the first, which seals.

        Raises:
            InvalidInputError: there is no key of that id.
        """
        entries = self._entries()
        chosen = [entry for entry in entries if entry.partition(":")[0].strip() == key_id]
        if not chosen:
            ids = ", ".join(entry.partition(":")[0].strip() for entry in entries)
            raise InvalidInputError(f"There is no master key of that id; there are: {ids}.", field="id")
        self._write(chosen + [entry for entry in entries if entry not in chosen])

    def _entries(self) -> list[str]:
        text = self.path.read_text("ascii")
        MasterKeys.parse(text, where=str(self.path))  # never rewrite a file that is not understood
        lines = (line for line in text.splitlines() if not line.lstrip().startswith("#"))
        return [entry.strip() for line in lines for entry in line.split(",") if entry.strip()]

    def _write(self, entries: list[str]) -> None:
        """Whole or not at all: a power cut must not leave half of the only copy."""
        handle, name = tempfile.mkstemp(prefix=f".{FILE}.", dir=self.path.parent)  # mode 0600
        with os.fdopen(handle, "w", encoding="ascii") as new:
            new.write(FILE_HEAD + "".join(f"{entry}\n" for entry in entries))
            new.flush()
            os.fsync(new.fileno())
        Path(name).replace(self.path)
