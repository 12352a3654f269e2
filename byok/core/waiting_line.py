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
    """First come, first served within a company's lane; among companies, and in a lane that they share, by turns.

    Args:
        company_at_once, process_at_once: how many may be called up at a time.
    """

    def __init__(self, *, company_at_once: int = COMPANY_AT_ONCE, process_at_once: int = PROCESS_AT_ONCE) -> None:
        self._company_most, self._process_most = company_at_once, process_at_once
        self._waiting: dict[UUID, dict[Hashable, deque[Ticket]]] = {}  # by company, in the order of their turns
        # By lane. A turn of its own, so that whoever is served elsewhere meanwhile does not lose his place here.
        self._companies: dict[Hashable, dict[UUID, None]] = {}
        self._called: dict[UUID, Ticket] = {}
        self._in_company: dict[UUID, int] = {}
        self._in_lane: dict[Hashable, int] = {}

    def join(self, ticket: Ticket) -> None:
        """Takes its place at the end; `call` says when its turn has come."""
        self._waiting.setdefault(ticket.company_id, {}).setdefault(ticket.lane, deque()).append(ticket)
        self._companies.setdefault(ticket.lane, {})[ticket.company_id] = None

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
        """How many of its lane are served before each one, by id: 0 is the next.

        As things stand: a company that has all its places taken lets others go first.
        """
        found: dict[UUID, int] = {}
        for key, companies in self._companies.items():
            lengths = [len(self._waiting[company_id][key]) for company_id in companies]
            for turn, company_id in enumerate(companies):
                for place, ticket in enumerate(self._waiting[company_id][key]):
                    first = sum(min(length, place + 1) for length in lengths[:turn])
                    found[ticket.id] = place + first + sum(min(length, place) for length in lengths[turn + 1 :])
        return found

    def _next(self) -> Ticket | None:
        for company_id, lanes in self._waiting.items():
            if not self._has_room(company_id):
                continue
            for key, lane in lanes.items():
                if self._in_lane.get(key, 0) < lane[0].lane_at_once and self._first_of(key) == company_id:
                    return self._serve(company_id, key)
        return None

    def _has_room(self, company_id: UUID) -> bool:
        return self._in_company.get(company_id, 0) < self._company_most

    def _first_of(self, lane: Hashable) -> UUID | None:
        return next(filter(self._has_room, self._companies[lane]), None)

    def _serve(self, company_id: UUID, lane: Hashable) -> Ticket:
        lanes, companies = self._waiting[company_id], self._companies[lane]
        ticket = lanes[lane].popleft()
        # Whoever was served goes behind the others: a company among companies, there and in the lane; a lane as well.
        lanes[lane] = lanes.pop(lane)
        companies[company_id] = companies.pop(company_id)
        self._waiting[company_id] = self._waiting.pop(company_id)
        self._tidy(company_id, lane)
        return ticket

    def _tidy(self, company_id: UUID, lane: Hashable) -> None:
        lanes, companies = self._waiting[company_id], self._companies[lane]
        if not lanes[lane]:
            del lanes[lane], companies[company_id]
        if not lanes:
            del self._waiting[company_id]
        if not companies:
            del self._companies[lane]


def _less(counts: dict[K, int], key: K) -> None:
    counts[key] -= 1
    if not counts[key]:
        del counts[key]
