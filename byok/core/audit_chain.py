"""Reads one chain of the audit log from end to end, and finds what is not as it was written.

Writes nothing, and trusts nothing that it reads: in SQLite's files a column may hold whatever somebody put there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from hmac import compare_digest
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa

from byok.core.audit import BEGAN, BEGIN, EVENTS, HEADS, RESUMED, SHORT, head_mac, row_mac
from byok.core.vault import Vault
from byok.ground.errors import KeyUnreadableError
from byok.ground.tables.audit import OPERATOR

PAGE: Final = 500
_e, _h = EVENTS.c, HEADS.c
_RAW = sa.types.NullType()
# Read as they are stored: what somebody put there in place of bytes is to be found, not turned into bytes.
_COLUMNS: Final = [sa.type_coerce(one, _RAW).label("mac") if one.name == "mac" else one for one in _e]
_HEAD_COLUMNS: Final = [sa.type_coerce(_h[name], _RAW).label(name) for name in ("seq", "audit_key", "mac", "signature")]
ODD: Final = (ValueError, TypeError, AttributeError, OverflowError, sa.exc.DBAPIError)
"""What reading raises where a column holds what none of ours does; see `raise_if_away`."""


@dataclass(frozen=True, slots=True)
class Head:
    """Where a chain ends, or ended once: the number of its last row, and the first digits of that row's hash."""

    chain_id: UUID
    seq: int
    mac: str


@dataclass(slots=True)
class Checked:
    """What reading one chain came to.

    Attributes:
        entries: rows that were read.
        head: None where there is none, or none that could be one.
        faults: what is not as it was written, each in a sentence that names the entry; empty where all is well.
        first: the first digits of the first row's hash.
        begun: of the operator's chain, what it notes of the beginnings of the others, by their ids.
    """

    chain_id: UUID
    entries: int = 0
    head: Head | None = None
    faults: list[str] = field(default_factory=list)
    first: str = ""
    begun: dict[UUID, list[str]] = field(default_factory=dict)

    @property
    def there(self) -> bool:
        """Whether there is anything of the chain, or should be."""
        return bool(self.entries or self.head or self.faults)


class Chain:
    """One chain, read once."""

    def __init__(self, connection: sa.Connection, vault: Vault, chain_id: UUID) -> None:
        self._connection, self._vault, self._id = connection, vault, chain_id
        self._key = b""

    def read(self, noted: Sequence[Head]) -> Checked:
        """From its first row to its head."""
        found, marks = Checked(self._id), [one for one in noted if one.chain_id == self._id]
        try:
            head = read_head(self._connection, self._id)
        except ODD as error:
            raise_if_away(error, self._connection)
            found.faults.append("The head of the record was changed: it cannot be read.")
            return found
        if head is None:
            of_it = sa.select(sa.func.count()).where(_e.chain_id == self._id)
            found.entries = self._connection.execute(of_it).scalar_one()
            if found.entries or marks:
                found.faults.append("The head of the record is gone.")
            return found
        found.head = end_of(self._id, head)
        self._key = head.audit_key
        try:
            signature = head_mac(self._vault, head._asdict(), chain_id=self._id, sealed_key=self._key)
            signed = isinstance(head.signature, bytes) and compare_digest(signature, head.signature)
        except KeyUnreadableError:
            found.faults.append("The chain's key does not open here: nothing of the record can be checked.")
            return found
        except TypeError:
            signed = False
        last = self._walk(found, marks)
        if last is None:
            return found
        if not signed:
            found.faults.append("The head of the record was changed: it is not as it was signed.")
        elif last[0] < head.seq:
            found.faults.append(f"{_entries(last[0] + 1, head.seq)} cut off at the end.")
        elif last != (head.seq, head.mac):
            found.faults.append(f"{_entries(head.seq + 1, last[0])} put behind the end.")
        found.faults += [
            f"Entry {mark.seq:,} was cut off: it was there when the record's end was noted." for mark in marks
        ]
        return found

    def _walk(self, found: Checked, marks: list[Head]) -> tuple[int, bytes] | None:
        """Reads all rows; number and hash of the last. None where one is found after which nothing can be judged."""
        seq, mac, known = 0, BEGIN, 1  # from `known` on, rows were written with the present key
        for stored, row in self._rows():
            found.entries += 1
            wanted = seq + 1
            if type(stored) is int and stored > wanted:
                found.faults.append(f"{_entries(wanted, stored - 1)} removed.")
                return None
            if stored != wanted or type(stored) is not int or row is None:
                found.faults.append(f"Entry {wanted:,} was changed: it cannot be read.")
                return None
            if wanted >= known and not self._fits(row, before=mac):
                fault, known = self._why(wanted, row, before=mac)
                found.faults.append(fault)
                if not known:
                    return None
            elif row["action"] == RESUMED and wanted != known:
                found.faults.append(f"At entry {wanted:,} the record was resumed. {row['detail']}")
            seq, mac = wanted, row["mac"]
            _take_note(found, row, marks)
        return seq, mac

    def _why(self, wanted: int, row: Mapping[str, Any], *, before: bytes) -> tuple[str, int]:
        """Why a row does not fit, and where the record can be judged again; 0 where it cannot."""
        previous = row["mac"]
        for stored, later in self._rows(after=wanted):
            if later is None:
                break
            if self._fits({**later, "seq": wanted}, before=before):
                return f"Entry {wanted:,} was reordered: what was written there stands at {stored:,} now.", 0
            if later["action"] == RESUMED and self._fits(later, before=previous):
                gone = f"{_entries(wanted, stored - 1)} changed, or written with a key that is lost"
                return f"{gone}; at entry {stored:,} the record was resumed.", stored
            previous = later["mac"]
        return f"Entry {wanted:,} was changed.", 0

    def _fits(self, row: Mapping[str, Any], *, before: Any) -> bool:
        if not (isinstance(row["mac"], bytes) and isinstance(before, bytes)):
            return False
        try:
            return compare_digest(row_mac(self._vault, row, before=before, sealed_key=self._key), row["mac"])
        except (TypeError, ValueError, KeyUnreadableError):
            return False

    def _rows(self, *, after: int | None = None) -> Iterator[tuple[Any, dict[str, Any] | None]]:
        """Each row's number as it is stored, and the row; None for a row that cannot be read."""
        place: Any = after
        while True:
            behind = (_e.chain_id == self._id) if place is None else (_e.chain_id == self._id) & (_e.seq > place)
            page = self._page(behind)
            yield from page
            if len(page) < PAGE:
                return
            place = page[-1][0]

    def _page(self, which: sa.ColumnElement[bool]) -> list[tuple[Any, dict[str, Any] | None]]:
        try:
            rows = self._connection.execute(sa.select(*_COLUMNS).where(which).order_by(_e.seq).limit(PAGE)).mappings()
            return [(row["seq"], dict(row)) for row in rows]
        except ODD as error:
            raise_if_away(error, self._connection)
        numbers = sa.select(sa.cast(_e.seq, sa.BigInteger)).where(which).order_by(_e.seq).limit(PAGE)
        return [(number, self._row(number)) for number in self._connection.execute(numbers).scalars()]

    def _row(self, number: Any) -> dict[str, Any] | None:
        one = sa.select(*_COLUMNS).where(_e.chain_id == self._id, _e.seq == number)
        try:
            found = self._connection.execute(one).mappings().one_or_none()
        except ODD:
            return None
        return None if found is None else dict(found)


def raise_if_away(error: Exception, connection: sa.Connection) -> None:
    """Raises an error of the database again, but not SQLite's: in its files alone a text may stand that is none."""
    if isinstance(error, sa.exc.DBAPIError) and connection.dialect.name != "sqlite":
        raise error


def read_head(connection: sa.Connection, chain_id: UUID) -> Any:
    """A chain's head as it is stored, or None. It raises one of `ODD` where a column holds what none of ours does."""
    return connection.execute(sa.select(*_HEAD_COLUMNS).where(_h.chain_id == chain_id)).one_or_none()


def end_of(chain_id: UUID, head: Any) -> Head | None:
    """Where a chain ends, by its head's raw columns; None where they hold no end."""
    if not (isinstance(head.seq, int) and isinstance(head.mac, bytes)):
        return None
    return Head(chain_id, head.seq, _short(head.mac))


def _take_note(found: Checked, row: Mapping[str, Any], marks: list[Head]) -> None:
    """What of a row is compared with what stands elsewhere. Marks that are reached are taken away."""
    if row["seq"] == 1:
        found.first = _short(row["mac"])
    if row["action"] == BEGAN and row["chain_id"] == OPERATOR:
        with suppress(ValueError, AttributeError, TypeError):  # where its key is lost, a row may say anything
            found.begun.setdefault(UUID(row["subject"]), []).append(row["fingerprint"])
    for mark in [one for one in marks if one.seq == row["seq"]]:
        marks.remove(mark)
        if not _short(row["mac"]).startswith(mark.mac):
            found.faults.append(f"Entry {mark.seq:,} is not the one that was noted: an older record was put back.")


def _entries(first: int, last: int) -> str:
    return f"Entry {first:,} was" if first == last else f"Entries {first:,} to {last:,} were"


def _short(mac: object) -> str:
    return mac.hex()[:SHORT] if isinstance(mac, bytes) else ""
