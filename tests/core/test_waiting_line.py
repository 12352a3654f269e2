"""The waiting line: limits, order and turns hold whatever comes and goes, and whoever could be served is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable
from typing import Any
from uuid import UUID

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from byok.core.waiting_line import Ticket, WaitingLine
from byok.ground.ids import new_id

A, B, C = (UUID(int=number) for number in (1, 2, 3))
OPENAI, GROQ, LOCAL = "openai", "groq", "local"
LIMITS = {OPENAI: 2, GROQ: 1, LOCAL: 2}
OF_COMPANY, OF_PROCESS = 3, 6


def ticket(company_id: UUID, provider: str, *, at_once: int | None = None) -> Ticket:
    """One answer; only the built-in model's lane is shared by all companies."""
    lane: Hashable = provider if provider == LOCAL else (company_id, provider)
    return Ticket(new_id(), company_id, lane, at_once or LIMITS[provider])


def join(line: WaitingLine, *tickets: Ticket) -> None:
    for one in tickets:
        line.join(one)


def one_by_one(line: WaitingLine) -> list[Ticket]:
    """Everybody in the order in which they are served, each leaving when the next is looked for."""
    served: list[Ticket] = []
    while called := line.call():
        served += called
        for one in called:
            line.leave(one)
    return served


def test_a_company_with_one_hung_provider_still_gets_its_others() -> None:
    line = WaitingLine(company_at_once=8)
    hung = [ticket(A, OPENAI) for _ in range(50)]
    join(line, *hung)
    assert line.call() == hung[:2]
    other = ticket(A, GROQ)
    join(line, other)
    assert line.call() == [other]


def test_a_company_that_asks_for_much_does_not_keep_another_waiting() -> None:
    line = WaitingLine(company_at_once=4, process_at_once=5)
    greedy = [ticket(A, OPENAI, at_once=100) for _ in range(50)]
    join(line, *greedy)
    assert line.call() == greedy[:4]
    modest = ticket(B, OPENAI)
    join(line, modest)
    assert line.call() == [modest]


def test_companies_are_served_by_turns_where_all_together_are_too_many() -> None:
    line = WaitingLine(process_at_once=1)
    a, b, c = ([ticket(who, OPENAI) for _ in range(number)] for who, number in ((A, 3), (B, 2), (C, 1)))
    join(line, *a, *b, *c)
    assert one_by_one(line) == [a[0], b[0], c[0], a[1], b[1], a[2]]


def test_a_companys_providers_are_served_by_turns_where_it_has_no_more_places() -> None:
    line = WaitingLine(company_at_once=1)
    slow, fast = [ticket(A, OPENAI) for _ in range(2)], [ticket(A, GROQ) for _ in range(2)]
    join(line, *slow, *fast)
    assert one_by_one(line) == [slow[0], fast[0], slow[1], fast[1]]


def test_being_served_by_another_provider_costs_no_turn_at_a_shared_model() -> None:
    line, held = WaitingLine(), ticket(C, LOCAL, at_once=1)
    join(line, held)
    assert line.call() == [held]
    waiting = ticket(A, LOCAL, at_once=1)
    join(line, waiting, *(ticket(B, LOCAL, at_once=1) for _ in range(3)))
    elsewhere = ticket(A, OPENAI)
    join(line, elsewhere)
    assert line.call() == [elsewhere]
    line.leave(held)
    assert line.call() == [waiting]


def test_places_are_the_order_in_which_a_shared_model_serves() -> None:
    line = WaitingLine(process_at_once=1)
    held = ticket(C, LOCAL)
    join(line, held)
    line.call()
    join(line, *(ticket(who, LOCAL) for who in (A, A, A, B, C, C)))
    places = line.places()
    line.leave(held)
    assert [places[one.id] for one in one_by_one(line)] == [0, 1, 2, 3, 4, 5]


def test_whoever_is_called_has_no_place_any_more() -> None:
    line, one = WaitingLine(), ticket(A, OPENAI)
    join(line, one)
    line.call()
    assert line.places() == {}


@pytest.mark.parametrize("called", [True, False])
def test_leaving_twice_gives_one_place_up(called: bool) -> None:
    line = WaitingLine(company_at_once=2)
    others = [ticket(A, OPENAI) for _ in range(4)]
    join(line, *others)
    assert line.call() == others[:2]
    gone = others[1] if called else others[2]
    line.leave(gone)
    line.leave(gone)
    assert line.call() == ([others[2]] if called else [])


class AnyOrder(RuleBasedStateMachine):
    """Companies that come and go as they like, beside the plainest account of who waits and who was called."""

    def __init__(self) -> None:
        super().__init__()
        self.line = WaitingLine(company_at_once=OF_COMPANY, process_at_once=OF_PROCESS)
        self.waiting: list[Ticket] = []
        self.called: list[Ticket] = []
        # By (company that waits, lane): how often each other company was served there while it could have been.
        self.passed: dict[tuple[UUID, Hashable], Counter[UUID]] = {}

    def has_room(self, company_id: UUID) -> bool:
        return sum(one.company_id == company_id for one in self.called) < OF_COMPANY

    def call(self) -> None:
        for one in self.line.call():
            same = [other for other in self.waiting if (other.company_id, other.lane) == (one.company_id, one.lane)]
            assert one == same[0], "not the first of its company in that lane"
            others = {other.company_id for other in self.waiting if other.lane == one.lane} - {one.company_id}
            for company_id in filter(self.has_room, others):
                passed = self.passed.setdefault((company_id, one.lane), Counter())
                passed[one.company_id] += 1
                assert passed[one.company_id] <= 1, "passed twice by the same company"
            self.passed.pop((one.company_id, one.lane), None)
            self.waiting.remove(one)
            self.called.append(one)

    @rule(company_id=st.sampled_from([A, B, C]), provider=st.sampled_from([OPENAI, GROQ, LOCAL]))
    def comes(self, company_id: UUID, provider: str) -> None:
        one = ticket(company_id, provider)
        self.line.join(one)
        self.waiting.append(one)
        self.call()

    @precondition(lambda self: self.called)
    @rule(data=st.data())
    def ends(self, data: st.DataObject) -> None:
        one = data.draw(st.sampled_from(self.called))
        self.called.remove(one)
        self.line.leave(one)
        self.call()

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def gives_up(self, data: st.DataObject) -> None:
        one = data.draw(st.sampled_from(self.waiting))
        self.waiting.remove(one)
        if not any((other.company_id, other.lane) == (one.company_id, one.lane) for other in self.waiting):
            self.passed.pop((one.company_id, one.lane), None)
        self.line.leave(one)
        self.line.leave(one)
        self.call()

    @invariant()
    def no_limit_is_passed(self) -> None:
        assert len(self.called) <= OF_PROCESS
        assert all(number <= OF_COMPANY for number in Counter(one.company_id for one in self.called).values())
        in_lane = Counter(one.lane for one in self.called)
        assert all(in_lane[one.lane] <= one.lane_at_once for one in self.called)

    @invariant()
    def nobody_waits_while_there_is_room_for_him(self) -> None:
        in_lane = Counter(one.lane for one in self.called)
        for one in self.waiting:
            full = len(self.called) == OF_PROCESS or not self.has_room(one.company_id)
            assert full or in_lane[one.lane] == one.lane_at_once

    @invariant()
    def places_count_from_nought_in_each_lane(self) -> None:
        places = self.line.places()
        assert places.keys() == {one.id for one in self.waiting}
        for lane in {one.lane for one in self.waiting}:
            its = sorted(places[one.id] for one in self.waiting if one.lane == lane)
            assert its == list(range(len(its)))

    def teardown(self) -> None:
        """All who are left are served, and nothing of anybody stays behind."""
        while self.called:
            self.line.leave(self.called.pop())
            self.call()
        assert self.waiting == []
        left: dict[str, Any] = vars(self.line)
        assert not any(value for value in left.values() if isinstance(value, dict))


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
