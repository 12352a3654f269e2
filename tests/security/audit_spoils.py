"""Every way in which somebody who can write to the database might spoil the audit log, each as a function to call.

What `spoils` leaves out is an old state put back, the head with the rows: of one chain (`older`) or of all. It is told
apart by a head that was noted elsewhere, and by nothing else.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from itertools import combinations
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from byok.core.audit import EVENTS, HEADS
from byok.ground.ids import new_id
from tests.audit_world import AuditWorld, Hand

Spoil = tuple[str, Hand]
_e, _h = EVENTS.c, HEADS.c
FAR = 1_000_000  # where no chain of a test reaches
ODD = (
    *("x'ff00'", "x''", "zeroblob(32)", "randomblob(16)", "CAST(x'ff' AS TEXT)", "'a' || char(0) || 'b'", "char(127)"),
    *("1.5", "9e999", "-1", "99999999999", "'2026-13-45'", "'none'"),
)


def spoils(world: AuditWorld, chain_id: UUID) -> Iterator[Spoil]:
    """All of them, on that chain."""
    rows = world.events(chain_id)
    for row in rows:
        for name in row:
            for number, value in enumerate(_others(row[name], rows, name)):
                yield f"{name} of {row['seq']}, {number}", partial(_set, chain_id, row["seq"], {name: value})
    yield from _removals(chain_id, rows)
    for one, other in combinations(rows, 2):
        yield f"numbers of {one['seq']} and {other['seq']}", partial(_swap_places, chain_id, one["seq"], other["seq"])
        for names in (("mac",), tuple(name for name in one if name not in ("chain_id", "seq", "mac"))):
            if any(one[name] != other[name] for name in names):
                both = f"{names[0]} of {one['seq']} and {other['seq']}"
                yield both, partial(_swap_contents, chain_id, one, other, names)
    yield from _insertions(chain_id, rows)
    yield from _heads(world, chain_id, rows)


def older(chain_id: UUID, head: dict[str, Any]) -> Hand:
    """Cuts a chain off where it ended once, and puts back the head that it had then."""

    def hand(connection: sa.Connection) -> None:
        _remove(chain_id, head["seq"] + 1, FAR, connection)
        _set_head(chain_id, head, connection)

    return hand


def oddities(world: AuditWorld, chain_id: UUID) -> Iterator[Spoil]:
    """What SQLite lets stand in any column, whatever its type: in each column of each row and of the head."""
    mine = f"chain_id = '{chain_id.hex}'"
    places = [(EVENTS, f"{mine} AND seq = {row['seq']}") for row in world.events(chain_id)]
    for table, which in (*places, (HEADS, mine)):
        for column in table.c:
            for raw in ODD:
                put = f"{column.name} = {raw} WHERE {which}"
                yield put, partial(_put, f"UPDATE {table} SET {put}")  # noqa: S608


def _put(statement: str, connection: sa.Connection) -> None:
    with suppress(sa.exc.IntegrityError):  # where a number is there already
        connection.exec_driver_sql(statement)


def _others(value: Any, rows: list[dict[str, Any]], name: str) -> Iterator[Any]:
    """Other values for a column: near ones, far ones, and those of the other rows."""
    found: list[Any] = []
    match value:
        case bytes():
            found = [b"", value[:-1], value + b"\0", value[::-1], secrets.token_bytes(len(value))]
            found += [bytes([value[0] ^ 1 << bit]) + value[1:] for bit in range(8)]
            found += [value[:-1] + bytes([value[-1] ^ 128])]
        case str():
            found = [
                "",
                f"{value} ",
                f" {value}",
                value.swapcase(),
                value[:-1],
                "session.began",
                "none",
                "chain.resumed",
            ]
        case datetime():
            found = [value + timedelta(microseconds=1), value - timedelta(microseconds=1), value + timedelta(days=1)]
        case int():
            found = [value + FAR, -value, 0]
        case UUID() | None:
            found = [None, new_id(), UUID(int=1)] if name == "actor_id" else [new_id()]
    if name not in ("seq", "chain_id"):
        found += [row[name] for row in rows]
    seen = [value]
    for one in found:
        if one not in seen:
            seen.append(one)
            yield one


def _removals(chain_id: UUID, rows: list[dict[str, Any]]) -> Iterator[Spoil]:
    last = len(rows)
    for first in range(1, last + 1):
        for end in range(first, last + 1):
            yield f"without {first} to {end}", partial(_remove, chain_id, first, end)
            kept = rows[first - 2] if end == last and first > 1 else rows[-1]
            values = {"seq": last - (end - first + 1), "mac": kept["mac"]}
            yield f"without {first} to {end}, closed up", partial(_remove_and_close, chain_id, first, end, values)


def _insertions(chain_id: UUID, rows: list[dict[str, Any]]) -> Iterator[Spoil]:
    last = len(rows)
    for place in range(1, last + 2):
        for row in rows:
            copy = {**row, "seq": place}
            yield f"{row['seq']} once more at {place}", partial(_insert, chain_id, copy, None)
            moved = {"seq": last + 1, "mac": rows[-1]["mac"] if place <= last else row["mac"]}
            yield f"{row['seq']} once more at {place}, with its head", partial(_insert, chain_id, copy, moved)
    made_up = {**rows[-1], "seq": last + 1, "action": "key.deleted", "mac": secrets.token_bytes(32)}
    yield "one made up at the end", partial(_insert, chain_id, made_up, {"seq": last + 1, "mac": made_up["mac"]})


def _heads(world: AuditWorld, chain_id: UUID, rows: list[dict[str, Any]]) -> Iterator[Spoil]:
    heads = world.heads()
    head = heads[chain_id]
    other_id = next(one for one in heads if one != chain_id)
    set_head = partial(partial, _set_head, chain_id)
    for name in ("seq", "mac", "signature", "audit_key"):
        for number, value in enumerate(_others(head[name], [heads[other_id]], name)):
            yield f"{name} of the head, {number}", set_head({name: value})
    for row in rows[:-1]:
        yield f"head at {row['seq']}", set_head({"seq": row["seq"], "mac": row["mac"]})
    yield "another's head", set_head({name: heads[other_id][name] for name in ("seq", "mac", "signature", "audit_key")})
    yield "no head", partial(_without, chain_id, heads_only=True)
    yield "nothing at all", partial(_without, chain_id)
    yield "moved to another id", partial(_move, chain_id, new_id())
    yield "another's chain in its place", partial(_copy_over, chain_id, heads[other_id], world.events(other_id))


def _set(chain_id: UUID, seq: int, values: dict[str, Any], connection: sa.Connection) -> None:
    connection.execute(sa.update(EVENTS).where(_e.chain_id == chain_id, _e.seq == seq).values(values))


def _set_head(chain_id: UUID, values: dict[str, Any], connection: sa.Connection) -> None:
    connection.execute(sa.update(HEADS).where(_h.chain_id == chain_id).values(values))


def _shift(chain_id: UUID, behind: int, by: int, connection: sa.Connection) -> None:
    mine = sa.update(EVENTS).where(_e.chain_id == chain_id)
    # In two steps: numbers must not meet on the way.
    connection.execute(mine.where(_e.seq > behind).values(seq=_e.seq + FAR))
    connection.execute(mine.where(_e.seq > FAR).values(seq=_e.seq - FAR + by))


def _remove(chain_id: UUID, first: int, end: int, connection: sa.Connection) -> None:
    connection.execute(sa.delete(EVENTS).where(_e.chain_id == chain_id, _e.seq.between(first, end)))


def _remove_and_close(chain_id: UUID, first: int, end: int, head: dict[str, Any], connection: sa.Connection) -> None:
    _remove(chain_id, first, end, connection)
    _shift(chain_id, end, first - end - 1, connection)
    _set_head(chain_id, head, connection)


def _swap_places(chain_id: UUID, one: int, other: int, connection: sa.Connection) -> None:
    for before, after in ((one, FAR), (other, one), (FAR, other)):
        _set(chain_id, before, {"seq": after}, connection)


def _swap_contents(
    chain_id: UUID, one: dict[str, Any], other: dict[str, Any], names: tuple[str, ...], connection: sa.Connection
) -> None:
    for row, source in ((one, other), (other, one)):
        _set(chain_id, row["seq"], {name: source[name] for name in names}, connection)


def _insert(chain_id: UUID, row: dict[str, Any], head: dict[str, Any] | None, connection: sa.Connection) -> None:
    _shift(chain_id, row["seq"] - 1, 1, connection)
    connection.execute(sa.insert(EVENTS).values(row))
    if head is not None:
        _set_head(chain_id, head, connection)


def _without(chain_id: UUID, connection: sa.Connection, *, heads_only: bool = False) -> None:
    if not heads_only:
        connection.execute(sa.delete(EVENTS).where(_e.chain_id == chain_id))
    connection.execute(sa.delete(HEADS).where(_h.chain_id == chain_id))


def _move(chain_id: UUID, to: UUID, connection: sa.Connection) -> None:
    for table in (HEADS, EVENTS):
        connection.execute(sa.update(table).where(table.c.chain_id == chain_id).values(chain_id=to))


def _copy_over(chain_id: UUID, head: dict[str, Any], rows: list[dict[str, Any]], connection: sa.Connection) -> None:
    _without(chain_id, connection)
    connection.execute(sa.insert(HEADS).values({**head, "chain_id": chain_id}))
    connection.execute(sa.insert(EVENTS), [{**row, "chain_id": chain_id} for row in rows])
