"""Remembers what the last check of the operator's record came to, for the checks of companies, which compare with it.

It grows with every company and with tries at the door, and each draw of the Audit log page would read all of it.
Refuses to remember for long: a row that was changed past the product leaves the head as it was.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa

from byok.core.audit_chain import ODD, Chain, Checked, raise_if_away, read_head
from byok.core.vault import Vault
from byok.ground.clock import Clock
from byok.ground.tables.audit import OPERATOR

GOOD_FOR: Final = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class _Read:
    head: tuple[Any, ...]
    at: datetime
    found: Checked


class OperatorRecord:
    """The operator's chain, read anew where its head has moved, or after a while."""

    def __init__(self, *, vault: Vault, clock: Clock) -> None:
        self._vault, self._clock = vault, clock
        self._last: _Read | None = None

    def read(self, connection: sa.Connection) -> Checked:
        """What a check of it comes to; the caller's own, to add to."""
        now, head, last = self._clock(), _head(connection), self._last
        if last is None or head is None or last.head != head or now - last.at >= GOOD_FOR:
            found = Chain(connection, self._vault, OPERATOR).read(())
            last = _Read(head or (), now, found)
            self._last = last if head else None
        return replace(last.found, faults=[*last.found.faults])


def _head(connection: sa.Connection) -> tuple[Any, ...] | None:
    try:
        head = read_head(connection, OPERATOR)
    except ODD as error:
        raise_if_away(error, connection)
        return None
    return None if head is None else tuple(head)
