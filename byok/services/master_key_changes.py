"""The operator's changes of the master keys: add, promote, rotate, drop; and how many rows each of them seals.

Refuses to drop a key while any row is under it. Each change is written to the operator's chain of the audit log.
"""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from byok.core.audit import Chains, Happening
from byok.core.master_key_file import MasterKeyFile
from byok.core.vault import Vault
from byok.ground.clock import Clock
from byok.ground.db import Database
from byok.ground.errors import InvalidInputError
from byok.ground.settings import Settings
from byok.services.master_key_checks import CHECKS, MasterKeyChecks
from byok.services.recording import OPERATOR_NAME
from byok.services.rotation import Progress, Rotated, Rotation
from byok.services.sealed_rows import rows_by_master_key


@dataclass(frozen=True, slots=True)
class MasterKeyView:
    """A master key by its id, without the key.

    Attributes:
        seals: whether it is the first, under which everything new is sealed.
        opens: whether it is here; rows under a key that is not must be entered again.
        rows: how many keys, drafts and companies' and chains' own keys it seals.
    """

    id: str
    seals: bool
    opens: bool
    rows: int

    @property
    def can_be_dropped(self) -> bool:
        """Whether nothing needs it any more."""
        return self.opens and not self.seals and self.rows == 0


class MasterKeyChanges:
    """For the operator's command line alone."""

    def __init__(self, *, db: Database, vault: Vault, chains: Chains, settings: Settings, clock: Clock) -> None:
        self._db, self._vault, self._chains, self._settings, self._clock = db, vault, chains, settings, clock
        self._checks = MasterKeyChecks(db=db, vault=vault, clock=clock)

    def list(self) -> list[MasterKeyView]:
        """The master keys that are here, the sealing one first, then those that rows name and that are not here."""
        with self._db.read() as session:
            rows = rows_by_master_key(session.connection())
        here = self._vault.master_key_ids
        found = [MasterKeyView(key_id, key_id == here[0], True, rows.get(key_id, 0)) for key_id in here]
        return found + [MasterKeyView(key_id, False, False, rows[key_id]) for key_id in sorted(set(rows) - set(here))]

    def add(self) -> str:
        """Adds a fresh key to the file; it opens, but does not seal yet.

        Returns:
            Its id.

        Raises:
            SettingsError: the keys come from the environment.
        """
        key_id = MasterKeyFile(self._settings).add()
        self._checks.run()
        with self._db.write_core() as connection:
            self._record(connection, "master_key.added", key_id)
        return key_id

    def promote(self, key_id: str) -> None:
        """Makes a key of the file the first; running processes seal with it from their next sealing on.

        Raises:
            SettingsError: the keys come from the environment.
            InvalidInputError: there is no key of that id.
        """
        file = MasterKeyFile(self._settings)
        with self._db.write_core() as connection:
            self._record(connection, "master_key.promoted", key_id)
            file.promote(key_id)

    def rotate(self, progress: Progress = lambda done, total: None) -> Rotated:
        """Seals everything under the first key; can be cut off anywhere and run again."""
        done = Rotation(db=self._db, vault=self._vault, clock=self._clock).rotate(progress)
        if done.resealed:
            with self._db.write_core() as connection:
                self._record(
                    connection,
                    "master_key.rotated",
                    self._vault.master_key_ids[0],
                    f"{done.resealed:,} rows sealed anew",
                )
        return done

    def drop(self, key_id: str) -> None:
        """Takes a key out of the file, if no row is under it. Backups that hold such rows cannot be read afterwards.

        Raises:
            SettingsError: the keys come from the environment.
            InvalidInputError: there is no key of that id, it is the one that seals, or rows are under it.
        """
        file = MasterKeyFile(self._settings)
        file.refuse_first(key_id)
        # SQLite has one writer: whatever is sealed is sealed before this and counted, or after it and with the file
        # as it then is. (Where the keys come from the environment, and writers are many, there is no file to change.)
        with self._db.write_core() as connection:
            left = rows_by_master_key(connection).get(key_id, 0)
            if left:
                raise InvalidInputError(
                    f"{left:,} rows are still sealed under {key_id}.",
                    field="id",
                    next_step="Move them first: byok master-key rotate",
                )
            connection.execute(sa.delete(CHECKS).where(CHECKS.c.id == key_id))
            self._record(connection, "master_key.dropped", key_id)
            file.drop(key_id)

    def _record(self, connection: sa.Connection, action: str, key_id: str, detail: str = "") -> None:
        what = Happening(action=action, actor_name=OPERATOR_NAME, subject=key_id, detail=detail)
        # Who lost a master key can go on with another one: the record goes on as well, and says from where.
        self._chains.add(connection, what, at=self._clock())
