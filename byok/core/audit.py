"""Adds to the audit log: each row bound to the one before it by a keyed hash, in the transaction of what it records.

Refuses to change or remove a row. What was done and what is recorded of it stand or fall together. Record last in a
transaction: the chain's head is held from then to its end.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa

from byok.core.vault import Vault
from byok.ground.tables.audit import OPERATOR
from byok.ground.tables.types import metadata

EVENTS: Final = metadata.tables["audit_event"]
HEADS: Final = metadata.tables["audit_head"]
BEGIN: Final = b""


@dataclass(frozen=True, slots=True)
class Happening:
    """What somebody did. Texts that do not apply are empty; none of them is secret, and none is what a person wrote.

    Attributes:
        action: the thing done, as `noun.past`: `key.added`, `session.began`.
        actor_id: who; None for the operator's command line and for whoever is not signed in.
        subject: what it was done to, by the name it had then.
        fingerprint: of a key, in hexadecimal.
        address: where the call came from.
    """

    action: str
    chain_id: UUID = OPERATOR
    actor_id: UUID | None = None
    actor_name: str = ""
    subject: str = ""
    fingerprint: str = ""
    detail: str = ""
    address: str = ""
    request_id: str = ""


class Chains:
    """Writes to the chains. It opens a chain's key for each row, in the vault."""

    def __init__(self, *, vault: Vault) -> None:
        self._vault = vault

    def add(self, connection: sa.Connection, what: Happening, *, at: datetime) -> int:
        """Adds a row inside the caller's write transaction, and moves the chain's head to it.

        Returns:
            Its number in the chain.

        Raises:
            KeyUnreadableError: the chain's key does not open here.
        """
        head = self._held(connection, what.chain_id)
        row = {name: getattr(what, name) for name in Happening.__dataclass_fields__} | {"seq": head.seq + 1, "at": at}
        row["mac"] = row_mac(self._vault, row, before=head.mac, sealed_key=head.audit_key)
        connection.execute(sa.insert(EVENTS).values(row))
        moved = {"seq": row["seq"], "mac": row["mac"]}
        moved["signature"] = head_mac(self._vault, moved, chain_id=what.chain_id, sealed_key=head.audit_key)
        connection.execute(sa.update(HEADS).where(HEADS.c.chain_id == what.chain_id).values(moved))
        return int(row["seq"])

    def _held(self, connection: sa.Connection, chain_id: UUID) -> Any:
        """The head, locked until the transaction ends; made where there is none."""
        query = sa.select(HEADS).where(HEADS.c.chain_id == chain_id).with_for_update()
        found = connection.execute(query).one_or_none()
        if found is not None:
            return found
        fresh: dict[str, Any] = {"seq": 0, "mac": BEGIN}
        fresh["audit_key"] = self._vault.new_audit_key(chain_id=chain_id)
        fresh["signature"] = head_mac(self._vault, fresh, chain_id=chain_id, sealed_key=fresh["audit_key"])
        # Two at once: one makes it, the other waits for that transaction and then finds it.
        values = ", ".join(f":{name}" for name in ("chain_id", *fresh))
        made = sa.text(
            f"INSERT INTO audit_head (chain_id, {', '.join(fresh)}) VALUES ({values}) ON CONFLICT DO NOTHING"  # noqa: S608
        ).bindparams(*(sa.bindparam(name, type_=HEADS.c[name].type) for name in ("chain_id", *fresh)))
        connection.execute(made, {"chain_id": chain_id, **fresh})
        return connection.execute(query).one()


def row_mac(vault: Vault, row: dict[str, Any], *, before: bytes, sealed_key: bytes) -> bytes:
    """The keyed hash of a row behind the one before it; `before` is that one's, empty for the first.

    Raises:
        KeyUnreadableError: the chain's key does not open here.
    """
    names = (column.name for column in EVENTS.columns if column.name != "mac")
    parts = [_canonical(row[name]) for name in names]
    return vault.audit_mac(b"row", before, *parts, chain_id=row["chain_id"], sealed_key=sealed_key)


def head_mac(vault: Vault, head: dict[str, Any], *, chain_id: UUID, sealed_key: bytes) -> bytes:
    """The signature of a head: `seq` and `mac` of the last row.

    Raises:
        KeyUnreadableError: the chain's key does not open here.
    """
    parts = (_canonical(head["seq"]), head["mac"])
    return vault.audit_mac(b"head", *parts, chain_id=chain_id, sealed_key=sealed_key)


def _canonical(value: Any) -> bytes:
    """Bytes that differ whenever the value does, whatever database it was read from."""
    if value is None:
        return b"none"
    if isinstance(value, datetime):
        return b"at " + str(round(value.timestamp() * 1_000_000)).encode()
    return f"{type(value).__name__} {value}".encode()
