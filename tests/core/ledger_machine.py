"""Random stories of the ledger: what companies, clocks, crashes and crowds do to it, each step told to the model too.

After every step all invariants are checked. A rule with nothing to do does nothing: what is drawn never depends on it.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta, timezone
from functools import partial
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule

from byok.core.leases import LEASE
from byok.ground.ids import new_id
from tests.core.ledger_changes import Changes
from tests.core.ledger_checks import check_figures, check_limits, check_rows
from tests.core.ledger_model import is_open
from tests.core.ledger_story import (
    COLUMNS,
    COMPANIES,
    ENDINGS,
    FAILED,
    LIMITS,
    PICKS,
    PLACES,
    SKETCHES,
    STARTS,
    TICK,
    ZONES,
    Ending,
    Sketch,
)
from tests.core.ledger_terms import Terms
from tests.core.ledger_world import PROVIDERS

SENDS = 4  # while others end
LATER = 8  # calls that cost more together than the largest budget


class LedgerMachine(Changes):
    """The rules by which a story goes on, and what must hold after each step."""

    @initialize(
        start=st.sampled_from(STARTS),
        hours=ZONES,
        allowances=st.tuples(st.integers(0, 5), st.integers(0, 5)),
        budgets=st.fixed_dictionaries({"": LIMITS, PROVIDERS[0]: LIMITS}),
        columns=COLUMNS,
    )
    def start(
        self,
        start: str,
        hours: float,
        allowances: tuple[int, int],
        budgets: dict[str, tuple[int, int] | None],
        columns: list[tuple[Sketch, Ending | None]],
    ) -> None:
        self.world.empty()
        self.now = datetime.fromisoformat(start).replace(tzinfo=UTC)
        self.zone = timezone(timedelta(hours=hours))
        self.processes = [new_id() for _ in range(3)]
        self.world.renew(self.processes, now=self.now)
        for company, allowance in zip(self.world.companies, allowances, strict=True):
            self.model.terms[company.id] = Terms(allowance)
        for (provider_id, limit), who in itertools.product(budgets.items(), (0, 1)):
            self.set_budget(who, provider_id, limit)
        self.told["stories"] += 1
        self.send(0, columns)

    # What begins.

    @rule(who=COMPANIES, columns=COLUMNS)
    def send(self, who: int, columns: list[tuple[Sketch, Ending | None]]) -> None:
        """To one column or several; what has an ending ends before the next one is sent."""
        for sketch, ending in columns:
            call = self._call(who, sketch)
            if call is None:
                continue
            row, rows = self._row(call), self.model.of(call.company.id)
            refusal = self.model.refusal(rows, call.company.id, call.name, row["reserved_pico"], row["month"])
            found = self._try(call)
            assert found is refusal or (refusal is None and isinstance(found, tuple))
            self._begun(call, row, found)
            if ending and isinstance(found, tuple):
                self._end(self.model.rows[found[0]], ending)

    @rule(who=COMPANIES, sketch=SKETCHES, ending=ENDINGS)
    def send_what_tells_its_cost_later(self, who: int, sketch: Sketch, ending: Ending) -> None:
        """One after the other without an amount, each of which did cost something: any budget ends that."""
        dear = replace(sketch, source="byok", units=None)
        for _ in range(LATER):
            refused = self.told["refused: BudgetReachedError"]
            self.send(who, [(dear, replace(ending, kind="complete", sevenths=7))])
            self.told["ends what tells its cost later"] += self.told["refused: BudgetReachedError"] - refused

    @rule(first=SKETCHES, second=SKETCHES, numbers=st.tuples(st.integers(1, 4), st.integers(0, 4)))
    def send_at_once(self, first: Sketch, second: Sketch, numbers: tuple[int, int]) -> None:
        """From both companies at the same moment: as many get through as there is room for, whoever they are."""
        calls = [self._call(0, first), self._call(1, second)]
        crowd = [call for call, number in zip(calls, numbers, strict=True) if call for _ in range(number)]
        found = self.world.at_once([partial(self._try, call) for call in crowd]) if crowd else []
        for call, number in zip(calls, numbers, strict=True):
            if call is None:
                continue
            row, mine = self._row(call), [one for one, its in zip(found, crowd, strict=True) if its is call]
            room = self.model.room(self.model.of(call.company.id), row, most=number)
            assert sum(isinstance(one, tuple) for one in mine) == room
            for one in mine:
                self._begun(call, row, one)
        self.told["sends at once"] += len(crowd)

    @rule(sketch=SKETCHES, who=COMPANIES, picks=PICKS, full=st.booleans())
    def send_while_others_end(self, sketch: Sketch, who: int, picks: list[tuple[int, Ending]], full: bool) -> None:
        """Whenever each of them ends, before or after a send: never more get through than there is room for, nor less
        than there is in any case.

        Args:
            full: there is no room, and what ends makes none: whoever counts it neither as open nor as ended is lost.
        """
        call = self._call(who, sketch)
        if call is None:
            return
        if full:
            self.send(who, [(sketch, None)] * 6)
            picks = [(number, replace(ending, kind="complete", sevenths=7)) for number, (_, ending) in enumerate(picks)]
        ends = {row["id"]: end.outcome(row) for row, end in self._picked(call.company.id, picks)}
        row = self._row(call)
        least, most = self.model.rooms(row, {one: asdict(end) for one, end in ends.items()}, most=SENDS)
        settling = [partial(self.world.settle, one, end, at=self.at) for one, end in ends.items()]
        found = self.world.at_once([*settling, *[partial(self._try, call)] * SENDS])
        assert all(one is True for one in found[: len(ends)])
        for attempt_id, outcome in ends.items():
            self.model.settle(attempt_id, asdict(outcome), at=self.at)
        begun = found[len(ends) :]
        assert least <= sum(isinstance(one, tuple) for one in begun) <= most
        for one in begun:
            self._begun(call, row, one)
        self.told["sends while others end"] += SENDS

    # What ends.

    @rule(picks=PICKS)
    def settle(self, picks: list[tuple[int, Ending]]) -> None:
        for row, ending in self._picked(None, picks):
            self._end(row, ending)

    @rule(pick=PLACES, ending=ENDINGS)
    def settle_again(self, pick: int, ending: Ending) -> None:
        """Whoever comes late changes nothing."""
        ended = [row for row in self.model.rows.values() if not is_open(row)]
        if ended:
            row = ended[pick % len(ended)]
            assert not self.world.settle(row["id"], ending.outcome(row), at=self.at)
            assert self.world.follow(row["id"], FAILED, at=self.at) is None
            self._finish_late(row)
            self.told["settled again, nothing changed"] += 1

    @rule(pick=PLACES, endings=st.lists(ENDINGS, min_size=1, max_size=3), retry=st.booleans())
    def settle_at_once(self, pick: int, endings: list[Ending], retry: bool) -> None:
        """One of them does; all others, a retry among them, hear that they came late."""
        for row, _ in self._picked(None, [(pick, endings[0])]):
            outcomes = [ending.outcome(row) for ending in endings]
            todo: list[Callable[[], Any]] = [partial(self.world.settle, row["id"], end, at=self.at) for end in outcomes]
            todo += [partial(self.world.follow, row["id"], FAILED, at=self.at)] if retry else []
            found = self.world.at_once(todo)
            first = [end for end, done in zip(outcomes, found, strict=False) if done]
            assert len(first) <= 1 if retry else len(first) == 1
            self._settled(row["id"], first[0] if first else FAILED)
            if retry and not first:
                self._followed(row, found[-1])
            elif retry:
                assert found[-1] is None
            self.told["ends at once"] += len(todo)

    @rule(who=COMPANIES, sketch=SKETCHES, pick=PLACES, fate=st.sampled_from(["heard", "unheard", "its key is deleted"]))
    def retry(self, who: int, sketch: Sketch, pick: int, fate: str) -> None:
        """`unheard`: the commit's answer is lost on the way, so that its process takes the question for failed."""
        self.send(who, [(sketch, None)])
        some = self.model.open()
        if fate == "its key is deleted":
            some = [row for row in some if row["key_id"]]
        if some:
            row = some[pick % len(some)]
            if fate == "its key is deleted":
                self.world.delete_key(row["key_id"])
            found = self.world.follow(row["id"], FAILED, at=self.at)
            self._settled(row["id"], FAILED)
            self._followed(row, found)
            if fate == "unheard":
                self._finish_late(row)

    # What dies.

    @rule(number=st.integers(0, 2), texts=st.integers(0, 7), ending=st.none() | ENDINGS)
    def crash(self, number: int, texts: int, ending: Ending | None) -> None:
        """A process dies; two others find out at once. `texts`: a bit for each of its answers whose text was kept.
        `ending`: it lives after all, and one of its attempts ends at that moment.
        """
        dead = self.processes[number]
        open_ones = [row for row in self.model.open() if row["process_id"] == dead]
        talks = dict.fromkeys(row["answer_id"] for row in open_ones if row["answer_id"])
        with_text = {answer for place, answer in enumerate(talks) if texts >> place % 3 & 1}
        self.world.keep_text(list(with_text))
        self.now += LEASE + TICK
        self.processes[number] = new_id()
        self.world.renew(self.processes, now=self.now)
        last = open_ones[-1] if open_ones and ending else None
        outcome = ending.outcome(last) if last and ending else FAILED
        todo: list[Callable[[], Any]] = [partial(self.world.sweep, self.now)] * 2
        todo += [partial(self.world.settle, last["id"], outcome, at=self.at)] if last else []
        if self.world.at_once(todo)[-1] and last:
            self._settled(last["id"], outcome)
        self._lose(lambda row: row["process_id"] == dead, "unknown", with_text)
        self.told["crashes"] += 1

    # What must hold.

    @invariant()
    def everything_adds_up(self) -> None:
        with self.world.db.read() as session:
            check_rows(session.connection(), self.model)
            for company_id in self.model.terms:
                check_limits(session.connection(), self.model, company_id)
                # Where all rows, and all days, are those of the step before, so is what can be read of them.
                if self.checked.get(company_id) != (rows := self.model.of(company_id)):
                    check_figures(session.connection(), self.model, company_id)
                    self.checked[company_id] = rows
        self.told["steps"] += 1
