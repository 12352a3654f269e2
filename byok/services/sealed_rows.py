"""The tables that hold what a master key seals, each with how its rows are found, counted, tried and sealed anew.

One entry for each table of `ground.tables.secret_columns.SEALED`; the checks of the master keys are no such rows,
since each belongs to its own key for good. No API key is opened here.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa

from byok.core import sealing
from byok.core.vault import Place, Vault
from byok.ground.errors import KeyUnreadableError
from byok.ground.tables.types import metadata

UNKNOWN = "?"  # stands for the master key of a blob that does not say which
PAGE = 200  # rows that are read at once
Reseal = Callable[[Vault, bytes, UUID], bytes]


class SealedTable(ABC):
    """One table. Rows are read with Core; `id` is the primary key, by which they are paged through."""

    def __init__(self, name: str, *, id_column: str = "id") -> None:
        self.name, self.table = name, metadata.tables[name]
        self.id = self.table.c[id_column]

    def page(self, connection: sa.Connection, *, not_under: str, after: UUID | None, limit: int = PAGE) -> list[Any]:
        """The next rows that another master key seals, by id."""
        query = sa.select(self.table).where(self.another_than(not_under))
        if after is not None:
            query = query.where(self.id > after)
        return list(connection.execute(query.order_by(self.id).limit(limit)))

    def left(self, connection: sa.Connection, *, not_under: str) -> int:
        """How many rows another master key seals."""
        query = sa.select(sa.func.count()).select_from(self.table).where(self.another_than(not_under))
        return int(connection.execute(query).scalar_one())

    def sample(self, connection: sa.Connection, *, under: str, limit: int = 5) -> list[Any]:
        """A few rows that the master key of that id seals."""
        return list(connection.execute(sa.select(self.table).where(~self.another_than(under)).limit(limit)))

    def opens(self, vault: Vault, row: Any) -> bool:
        """Whether the row's data key opens here."""
        try:
            self.resealed(vault, row)
        except KeyUnreadableError:
            return False
        return True

    @abstractmethod
    def another_than(self, master_key_id: str) -> sa.ColumnElement[bool]:
        """Holds for rows that another master key seals than that one."""

    @abstractmethod
    def by_master_key(self, connection: sa.Connection) -> Counter[str]:
        """How many rows each master key seals, by its id."""

    @abstractmethod
    def resealed(self, vault: Vault, row: Any) -> dict[str, Any]:
        """The columns that change when the row is sealed under the first master key.

        Raises:
            KeyUnreadableError: it does not open here.
        """

    @abstractmethod
    def unchanged(self, row: Any) -> sa.ColumnElement[bool]:
        """Holds while the row still has the secret that it was read with."""


class ApiKeys(SealedTable):
    """API keys, saved or drafts: the data key is sealed anew, the ciphertext stays.

    Args:
        bound_to: the column with the id that the key is bound to.
    """

    def __init__(self, name: str, *, bound_to: str) -> None:
        super().__init__(name)
        self._bound_to = bound_to

    def place(self, row: Any) -> Place:
        """What the row says it is sealed for."""
        return Place(row.company_id, row._mapping[self._bound_to], row.provider_id, row.origin)

    def another_than(self, master_key_id: str) -> sa.ColumnElement[bool]:
        return self.table.c.master_key_id != master_key_id

    def by_master_key(self, connection: sa.Connection) -> Counter[str]:
        named = self.table.c.master_key_id
        found = connection.execute(sa.select(named, sa.func.count()).group_by(named))
        return Counter({str(key_id): int(count) for key_id, count in found})

    def resealed(self, vault: Vault, row: Any) -> dict[str, Any]:
        return key_columns(vault.reseal(row, place=self.place(row)))

    def unchanged(self, row: Any) -> sa.ColumnElement[bool]:
        c = self.table.c
        return sa.and_(c.id == row.id, c.data_key == row.data_key, c.nonce == row.nonce)


class PackedKeys(SealedTable):
    """A company's or a chain's own random key, as one blob that begins with the id of its master key."""

    def __init__(self, name: str, column: str, *, reseal: Reseal, id_column: str = "id") -> None:
        super().__init__(name, id_column=id_column)
        self._blob, self._reseal = self.table.c[column], reseal

    def another_than(self, master_key_id: str) -> sa.ColumnElement[bool]:
        head = sealing.packed_head(master_key_id)
        return sa.func.substr(self._blob, 1, len(head), type_=sa.LargeBinary()) != head

    def by_master_key(self, connection: sa.Connection) -> Counter[str]:
        heads = connection.execute(sa.select(sa.func.substr(self._blob, 1, sealing.HEAD_SIZE, type_=sa.LargeBinary())))
        return Counter(sealing.packed_under(head) or UNKNOWN for (head,) in heads)

    def resealed(self, vault: Vault, row: Any) -> dict[str, Any]:
        return {self._blob.name: self._reseal(vault, row._mapping[self._blob.name], row._mapping[self.id.name])}

    def unchanged(self, row: Any) -> sa.ColumnElement[bool]:
        its = row._mapping
        return sa.and_(self.id == its[self.id.name], self._blob == its[self._blob.name])


def key_columns(sealed: sealing.Sealed) -> dict[str, Any]:
    """The columns of an API key's row that change when only its data key is sealed anew."""
    names = ("seal_version", "master_key_id", "data_key", "data_key_nonce")
    return {name: getattr(sealed, name) for name in names}


SAVED_KEYS: Final = ApiKeys("api_key", bound_to="id")
TABLES: Final[tuple[SealedTable, ...]] = (
    SAVED_KEYS,
    ApiKeys("key_draft", bound_to="key_id"),
    PackedKeys(
        "company",
        "fingerprint_key",
        reseal=lambda vault, blob, company_id: vault.reseal_fingerprint_key(blob, company_id=company_id),
    ),
    PackedKeys(
        "audit_head",
        "audit_key",
        id_column="chain_id",
        reseal=lambda vault, blob, chain_id: vault.reseal_audit_key(blob, chain_id=chain_id),
    ),
)


def rows_by_master_key(connection: sa.Connection) -> Mapping[str, int]:
    """How many rows each master key seals, by its id; of no row is more read than that."""
    return sum((table.by_master_key(connection) for table in TABLES), Counter[str]())
