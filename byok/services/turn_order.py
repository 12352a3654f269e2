"""The order of a conversation's turns: as they were made, each behind the one that it follows.

Refuses to trust clocks for that: one may step back, and two processes' may differ.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Protocol, TypeVar
from uuid import UUID


class _Follows(Protocol):
    @property
    def id(self) -> UUID: ...

    @property
    def parent_id(self) -> UUID | None: ...


T = TypeVar("T", bound=_Follows)


def in_order(turns: Iterable[T]) -> dict[UUID, T]:
    """All turns of one conversation, by their ids.

    Args:
        turns: by the moments at which they were made. One that stands before its parent is put right behind it.
    """
    placed: dict[UUID, T] = {}
    early: dict[UUID, list[T]] = defaultdict(list)
    for turn in turns:
        ready = [turn]
        while ready:
            one = ready.pop()
            if one.parent_id is None or one.parent_id in placed:
                placed[one.id] = one
                ready += reversed(early.pop(one.id, ()))
            else:
                early[one.parent_id].append(one)
    return placed
