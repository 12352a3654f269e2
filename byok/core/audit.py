"""Adds to the audit log: each row bound to the one before it by a keyed hash, in the transaction of what it records.

Refuses to change or remove a row. What was done and what is recorded of it stand or fall together. Record last in a
transaction, of one company's chain and then of the operator's: a chain's head is held from then to the end.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from hmac import compare_digest
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa

from byok.core.vault import Vault
from byok.ground.errors import KeyUnreadableError
from byok.ground.prepared import Prepared
from byok.ground.request_ids import current
from byok.ground.tables.audit import OPERATOR
from byok.ground.tables.types import metadata

EVENTS: Final = metadata.tables["audit_event"]
HEADS: Final = metadata.tables["audit_head"]
BEGIN: Final = b""
BEGAN, RESUMED = "chain.began", "chain.resumed"
SHORT: Final = 32
"""Hexadecimal digits of a row's hash, where people or files name it."""
SIGNED: Final = (
    *("chain_id", "seq", "at", "actor_id", "actor_name", "action"),
    *("subject", "fingerprint", "detail", "address", "request_id"),
)
"""The columns that a row's hash covers, in this order for ever: by another, no row written before would be right."""
LONGEST: Final = {"action": 60, "detail": 400, "subject": 200}
LONGEST_OTHER: Final = 120
_EPOCH, _MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)

_OF: Final = HEADS.c.chain_id == sa.bindparam("of")
_HOLD = Prepared(sa.select(HEADS).where(_OF).with_for_update())
# Two at once: one makes it, the other waits for that transaction and then finds it.
_MAKE = Prepared(sa.insert(HEADS), columns=tuple(HEADS.c.keys()), then="ON CONFLICT DO NOTHING")
_WRITE = Prepared(sa.insert(EVENTS), columns=tuple(EVENTS.c.keys()))
_MOVE = Prepared(
    sa.update(HEADS).where(_OF).values({name: sa.bindparam(f"new_{name}") for name in ("seq", "mac", "signature")})
)


@dataclass(frozen=True, slots=True)
class Happening:
    """What somebody did. Texts that do not apply are empty; none of them is secret, and none is what a person wrote.

    Attributes:
        action: the thing done, as `noun.past`: `key.added`, `session.began`.
        actor_id: who; None for the operator's command line and for whoever is not signed in.
        subject: what it was done to, by the name it had then.
        fingerprint: of a key, in hexadecimal.
        address: where the call came from.
        request_id: of what is being answered; where it is empty, the one that log lines carry just now.
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

        Texts are cut to a length that no row needs, and what cannot be printed in them is replaced. The first row of a
        company's chain is noted in the operator's. Where the head is not as it was signed, or its key does not open,
        that is put on record first, for good: nobody is kept from his work by it, and nothing is covered up.

        Returns:
            Its number in the chain.
        """
        head, fresh = self._held(connection, what.chain_id)
        if not fresh and not self._as_signed(head):
            head = self._resumed(connection, head, at=at)
        moved = self._append(connection, head, what, at=at)
        if fresh and what.chain_id != OPERATOR:
            begun = Happening(BEGAN, subject=str(what.chain_id), fingerprint=moved["mac"].hex()[:SHORT])
            self.add(connection, begun, at=at)
        return int(moved["seq"])

    def _append(self, connection: sa.Connection, head: Mapping[str, Any], what: Happening, *, at: datetime) -> Any:
        """Writes the row and moves the head; the head as it is then."""
        chain_id, key = what.chain_id, head["audit_key"]
        row = {one.name: _fit(one.name, getattr(what, one.name)) for one in fields(what)}
        row |= {"seq": head["seq"] + 1, "at": at, "request_id": _fit("request_id", what.request_id or current())}
        row["mac"] = row_mac(self._vault, row, before=head["mac"], sealed_key=key)
        moved = {**head, "seq": row["seq"], "mac": row["mac"]}
        moved["signature"] = head_mac(self._vault, moved, chain_id=chain_id, sealed_key=key)
        _WRITE.run(connection, row)
        new = {f"new_{name}": moved[name] for name in ("seq", "mac", "signature")}
        _MOVE.run(connection, {"of": chain_id, **new})
        return moved

    def _held(self, connection: sa.Connection, chain_id: UUID) -> tuple[dict[str, Any], bool]:
        """The head, locked until the transaction ends, and whether it was made just now."""
        found, made = _HOLD.run(connection, {"of": chain_id}), False
        if not found:
            fresh: dict[str, Any] = {"chain_id": chain_id, "seq": 0, "mac": BEGIN}
            fresh["audit_key"] = self._vault.new_audit_key(chain_id=chain_id)
            fresh["signature"] = head_mac(self._vault, fresh, chain_id=chain_id, sealed_key=fresh["audit_key"])
            _MAKE.run(connection, fresh)
            found = _HOLD.run(connection, {"of": chain_id})
            made = found[0].seq == 0
        return found[0]._asdict(), made

    def _as_signed(self, head: Mapping[str, Any]) -> bool:
        """Whether the chain may be built upon: else a head that somebody set back would be signed anew with it."""
        try:
            signature = head_mac(self._vault, head, chain_id=head["chain_id"], sealed_key=head["audit_key"])
        except (KeyUnreadableError, TypeError):
            return False
        return isinstance(head["signature"], bytes) and compare_digest(signature, head["signature"])

    def _resumed(self, connection: sa.Connection, head: Mapping[str, Any], *, at: datetime) -> Any:
        """Goes on behind the last row there is, with a fresh key where the old one is lost, and says so in a row."""
        chain_id, e = head["chain_id"], EVENTS.c
        last = sa.select(e.seq, e.mac).where(e.chain_id == chain_id).order_by(e.seq.desc()).limit(1)
        row = connection.execute(last).one_or_none()
        found = {**head, "seq": row.seq if row else 0, "mac": row.mac if row else BEGIN}
        try:
            head_mac(self._vault, found, chain_id=chain_id, sealed_key=head["audit_key"])
            lost = "The end of the record was not as it was signed."
        except KeyUnreadableError:
            lost = "The key of the entries before this one does not open any more."
            found["audit_key"] = self._vault.new_audit_key(chain_id=chain_id)
            mine = HEADS.c.chain_id == chain_id
            connection.execute(sa.update(HEADS).where(mine).values(audit_key=found["audit_key"]))
        return self._append(connection, found, Happening(RESUMED, chain_id, detail=lost), at=at)


def row_mac(vault: Vault, row: Mapping[str, Any], *, before: bytes, sealed_key: bytes) -> bytes:
    """The keyed hash of a row behind the one before it; `before` is that one's, empty for the first.

    Raises:
        KeyUnreadableError: the chain's key does not open here.
        TypeError: a column holds what none of ours does.
    """
    parts = [_canonical(row[name]) for name in SIGNED]
    return vault.audit_mac(b"row", before, *parts, chain_id=row["chain_id"], sealed_key=sealed_key)


def head_mac(vault: Vault, head: Mapping[str, Any], *, chain_id: UUID, sealed_key: bytes) -> bytes:
    """The signature of a head: `seq` and `mac` of the last row.

    Raises:
        KeyUnreadableError: the chain's key does not open here.
        TypeError: a column holds what none of ours does.
    """
    parts = (_canonical(head["seq"]), _canonical(head["mac"]))
    return vault.audit_mac(b"head", *parts, chain_id=chain_id, sealed_key=sealed_key)


def _canonical(value: Any) -> bytes:
    """Bytes that differ whenever the value does, whatever database it was read from."""
    match value:
        case None:
            return b"none"
        case str():
            return b"text " + value.encode()
        case bytes():
            return b"bytes " + value
        case int():
            return b"number %d" % value
        case datetime():
            return b"moment %d" % ((value - _EPOCH) // _MICROSECOND)
        case UUID():
            return b"id " + value.bytes
    raise TypeError(f"a row of the audit log holds no {type(value).__name__}")


def _fit(name: str, value: Any) -> Any:
    if not isinstance(value, str):
        return value
    most = LONGEST.get(name, LONGEST_OTHER)
    if not value.isprintable():
        value = "".join(one if one.isprintable() else "\ufffd" for one in value)
    return value if len(value) <= most else f"{value[: most - 1]}…"
