"""Who may be asked now, and who waits: no company and no hung provider keeps the others from their turn.

Pure bookkeeping for one thread, the runner's loop. Refuses to know what is asked, or how long it takes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Final, TypeVar
from uuid import UUID

K = TypeVar("K", bound=Hashable)

COMPANY_AT_ONCE: Final = 48
"""Answers of one company that are written at once, whatever their providers: three hung ones leave it room."""

PROCESS_AT_ONCE: Final = 384
"""Of all companies together; below what the HTTP client holds open."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """One answer that wants to be written.

    Attributes:
        lane: what it shares with others that one limit holds together: a company's calls to one provider.
        lane_at_once: that limit.
    """

    id: UUID
    company_id: UUID
    lane: Hashable
    lane_at_once: int


class WaitingLine:
    """First come, first served within a lane; among companies, one after the other.

    Args:
        company_at_once, process_at_once: how many may be called up at a time.
    """

    def __init__(self, *, company_at_once: int = COMPANY_AT_ONCE, process_at_once: int = PROCESS_AT_ONCE) -> None:
        self._company_most, self._process_most = company_at_once, process_at_once
        self._waiting: dict[UUID, dict[Hashable, deque[Ticket]]] = {}  # by company, in the order of their turns
        self._called: dict[UUID, Ticket] = {}
        self._in_company: dict[UUID, int] = {}
        self._in_lane: dict[Hashable, int] = {}

    def join(self, ticket: Ticket) -> None:
        """Takes its place at the end; `call` says when its turn has come."""
        self._waiting.setdefault(ticket.company_id, {}).setdefault(ticket.lane, deque()).append(ticket)

    def call(self) -> list[Ticket]:
        """Those whose turn it is now; each holds its place until it leaves."""
        called: list[Ticket] = []
        while len(self._called) < self._process_most:
            found = self._next()
            if found is None:
                break
            self._called[found.id] = found
            self._in_company[found.company_id] = self._in_company.get(found.company_id, 0) + 1
            self._in_lane[found.lane] = self._in_lane.get(found.lane, 0) + 1
            called.append(found)
        return called

    def leave(self, ticket: Ticket) -> None:
        """Gives its place up, called or waiting; leaving twice is harmless."""
        if self._called.pop(ticket.id, None) is not None:
            _less(self._in_company, ticket.company_id)
            _less(self._in_lane, ticket.lane)
            return
        lanes = self._waiting.get(ticket.company_id, {})
        lane = lanes.get(ticket.lane)
        if lane is not None and ticket in lane:
            lane.remove(ticket)
            self._tidy(ticket.company_id, ticket.lane)

    def places(self) -> dict[UUID, int]:
        """How many of its lane are served before each one at most, by id: 0 is the next."""
        lengths: dict[Hashable, dict[UUID, int]] = {}
        for company_id, lanes in self._waiting.items():
            for key, lane in lanes.items():
                lengths.setdefault(key, {})[company_id] = len(lane)
        return {
            ticket.id: place + sum(min(n, place + 1) for who, n in lengths[key].items() if who != company_id)
            for company_id, lanes in self._waiting.items()
            for key, lane in lanes.items()
            for place, ticket in enumerate(lane)
        }

    def _next(self) -> Ticket | None:
        for company_id, lanes in list(self._waiting.items()):
            if self._in_company.get(company_id, 0) >= self._company_most:
                continue
            for key, lane in list(lanes.items()):
                if self._in_lane.get(key, 0) >= lane[0].lane_at_once:
                    continue
                ticket = lane.popleft()
                # Whoever was served goes behind the others: a company among companies, a lane among its lanes.
                lanes[key] = lanes.pop(key)
                self._waiting[company_id] = self._waiting.pop(company_id)
                self._tidy(company_id, key)
                return ticket
        return None

    def _tidy(self, company_id: UUID, lane: Hashable) -> None:
        lanes = self._waiting[company_id]
        if not lanes[lane]:
            del lanes[lane]
        if not lanes:
            del self._waiting[company_id]


def _less(counts: dict[K, int], key: K) -> None:
    counts[key] -= 1
    if not counts[key]:
        del counts[key]
