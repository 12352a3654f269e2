"""Finds out at start whether the master keys here are those of this database: each has a check that only it opens.

Refuses to make a check for a key that does not open the rows under its id: a mistake would be taken for the truth.
One small read where all is as it was, which is nearly every start.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from byok.core.vault import Vault
from byok.ground.clock import Clock
from byok.ground.db import Database
from byok.ground.errors import SettingsError
from byok.ground.prepared import execute
from byok.ground.tables.types import metadata

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

CHECKS = metadata.tables["master_key_check"]


class MasterKeyChecks:
    """The checks of the master keys in one database."""

    def __init__(self, *, db: Database, vault: Vault, clock: Clock) -> None:
        self._db, self._vault, self._clock = db, vault, clock

    def run(self) -> None:
        """Tries each master key that is here at its check, and makes the checks that are missing.

        Raises:
            SettingsError: a key is another one than the database knows by its id; or none that the database knows is
                here, while it holds what they sealed. Either way the process must not start.
        """
        known = self._known()
        here = self._vault.master_key_ids
        self._refuse_others(known)
        fresh = [key_id for key_id in here if key_id not in known]
        if not fresh:
            return
        self._make(fresh, anybody_known=len(fresh) < len(here))
        self._refuse_others(self._known())  # another process may have been quicker, with another key

    def _known(self) -> Mapping[str, bytes]:
        with self._db.read() as session:
            return dict(execute(session.connection(), "SELECT id, sealed FROM master_key_check").fetchall())

    def _refuse_others(self, known: Mapping[str, bytes]) -> None:
        here = self._vault.master_key_ids
        wrong = [key_id for key_id in here if key_id in known and not self._vault.passes(key_id, known[key_id])]
        if wrong:
            raise _another_key(wrong)

    def _make(self, fresh: list[str], *, anybody_known: bool) -> None:
        from byok.services.sealed_rows import TABLES, rows_by_master_key

        with self._db.read() as session:
            connection = session.connection()
            rows = rows_by_master_key(connection)
            sealed = [key_id for key_id in fresh if rows.get(key_id)]
            for key_id in sealed:
                # Rows of before there were checks. A few: one alone may have been tampered with.
                samples = [(table, row) for table in TABLES for row in table.sample(connection, under=key_id)]
                if not any(table.opens(self._vault, row) for table, row in samples):
                    raise _another_key([key_id])
        missing = sorted(set(rows) - set(self._vault.master_key_ids))
        if missing and not anybody_known and not sealed:
            raise SettingsError(
                "None of the master keys here is one that this database was sealed with; "
                f"its {sum(rows.values()):,} sealed rows need: {', '.join(missing)}.",
                next_step="Put those keys back from a copy (BYOK_MASTER_KEYS, or master.keys in BYOK_HOME).",
            )
        values = [{"id": key_id, "made_at": self._clock(), "sealed": self._vault.new_check(key_id)} for key_id in fresh]
        columns = [sa.bindparam(name, type_=CHECKS.c[name].type) for name in ("id", "sealed", "made_at")]
        insert = "INSERT INTO master_key_check (id, sealed, made_at) VALUES (:id, :sealed, :made_at)"
        with self._db.write_core() as connection:
            connection.execute(sa.text(f"{insert} ON CONFLICT DO NOTHING").bindparams(*columns), values)


def _another_key(ids: Iterable[str]) -> SettingsError:
    return SettingsError(
        f"The master key under the id {', '.join(ids)} is another one than this database was sealed with.",
        next_step="Put the right key back under that id, from a copy; give a new key an id of its own.",
    )
