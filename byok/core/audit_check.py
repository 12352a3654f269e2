"""Checks all chains of the audit log, also against each other: none is missing, none was begun anew.

Writes nothing. It cannot tell an old state of a chain, or of all, put back with its head, from one after which nothing
happened: for that somebody notes heads elsewhere, and they are compared. Chains do not note each other's ends: whoever
puts one back can put back the one that noted it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from uuid import UUID

import sqlalchemy as sa

from byok.core.audit import EVENTS, HEADS
from byok.core.audit_chain import ODD, Chain, Checked, Head, end_of, raise_if_away, read_head
from byok.core.vault import Vault
from byok.ground.tables.audit import OPERATOR

__all__ = ["Checked", "Head", "check", "ends"]

_e, _h = EVENTS.c, HEADS.c


def check(
    connection: sa.Connection,
    vault: Vault,
    *,
    only: UUID | None = None,
    noted: Iterable[Head] = (),
    operator: Checked | None = None,
) -> list[Checked]:
    """Reads the operator's chain and all others, in one snapshot that the caller opened.

    Args:
        only: one company's chain alone, beside the operator's.
        noted: heads that were noted elsewhere; those of chains that are not read are ignored.
        operator: what the operator's chain came to, where it was read before.

    Returns:
        The operator's chain first; none for a chain that never began.
    """
    noted = list(noted)
    operator = operator or Chain(connection, vault, OPERATOR).read(noted)
    ids = {only} if only is not None else set(_ids(connection, operator)) - {OPERATOR}
    if only is None:
        ids |= set(operator.begun) | {one.chain_id for one in noted} - {OPERATOR}
    others = [Chain(connection, vault, one).read(noted) for one in sorted(ids)]
    if not operator.there and any(one.there for one in others):
        operator.faults.append("The whole record is gone: the beginnings of the others stood in it.")
    for one in others:
        _compare_beginning(one, operator)
    return [one for one in (operator, *others) if one.there]


def _compare_beginning(one: Checked, operator: Checked) -> None:
    """Whether a chain began once, with the row that the operator's chain notes."""
    begun = operator.begun.get(one.chain_id, [])
    if not one.entries and one.head is None:
        if begun:
            one.faults[:] = ["The whole record is gone."]
    elif len(begun) > 1:
        one.faults.append("The record was begun anew: what stood in it before is gone.")
    elif begun and one.first and begun[0] != one.first:
        one.faults.append("The first entry is not the one that the operator's record notes.")
    elif not begun and not operator.faults:
        one.faults.append("The operator's record does not note the beginning of this one.")


def ends(connection: sa.Connection) -> tuple[list[Head], list[str]]:
    """Where all chains end, and the ids, as they are stored, of those whose heads cannot be read."""
    found: list[Head] = []
    unreadable: list[str] = []
    for stored in _stored(connection, sa.select(_h.chain_id)):
        try:
            chain_id = UUID(stored)
            head = read_head(connection, chain_id)
            end = None if head is None else end_of(chain_id, head)
        except ODD as error:
            raise_if_away(error, connection)
            end = None
        if end is None:
            unreadable.append(stored)
        else:
            found.append(end)
    return found, unreadable


def _ids(connection: sa.Connection, operator: Checked) -> Iterator[UUID]:
    """Of all chains that have a head or a row; what is no id is a fault of the operator's."""
    rows = sa.select(_e.chain_id).where(_e.chain_id.not_in(sa.select(_h.chain_id)))
    for stored in {*_stored(connection, sa.select(_h.chain_id)), *_stored(connection, rows)}:
        try:
            yield UUID(stored)
        except ValueError:
            operator.faults.append("There are entries under an id that belongs to nobody.")


def _stored(connection: sa.Connection, ids: sa.Select[tuple[UUID]]) -> list[str]:
    """Ids as they are stored, read as bytes: in SQLite's files a text may stand that is none."""
    (column,) = ids.selected_columns
    as_bytes = ids.with_only_columns(sa.cast(sa.cast(column, sa.String), sa.LargeBinary))
    return [bytes(one).decode(errors="replace") for one in connection.execute(as_bytes).scalars()]
