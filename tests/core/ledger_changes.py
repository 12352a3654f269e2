"""What changes around the calls of a random story: the time, plans, budgets and keys. Begins and ends no attempt."""

from __future__ import annotations

from datetime import timedelta, timezone

from hypothesis import strategies as st
from hypothesis.stateful import rule

from tests.core.ledger_model import month_of
from tests.core.ledger_story import COMPANIES, LIMITS, PLACES, WAITS, ZONES
from tests.core.ledger_teller import Teller
from tests.core.ledger_world import PROVIDERS


class Changes(Teller):
    """The rules by which it does."""

    @rule(wait=st.sampled_from(list(WAITS)), hours=ZONES)
    def wait(self, wait: str, hours: float) -> None:
        before, self.now = self.now, max(self.now, WAITS[wait](self.now))
        self.zone = timezone(timedelta(hours=hours))
        self.told["months begun"] += month_of(before) != month_of(self.now)

    @rule(who=COMPANIES, messages=st.integers(0, 8))
    def change_plan(self, who: int, messages: int) -> None:
        self.model.change_allowance(self.world.companies[who].id, messages)
        self.told["plan changes"] += 1

    @rule(who=COMPANIES, provider_id=st.sampled_from(["", *PROVIDERS]), limit=LIMITS)
    def set_budget(self, who: int, provider_id: str, limit: tuple[int, int] | None) -> None:
        company = self.world.companies[who]
        self.world.set_budget(company, provider_id, limit, at=self.at)
        self.model.set_budget(company.id, provider_id, limit)
        self.told["budgets removed" if limit is None else "budgets set or changed"] += 1

    @rule(pick=PLACES)
    def delete_key(self, pick: int) -> None:
        keys = self.world.all_keys()
        if keys:
            self.world.delete_key(keys[pick % len(keys)])
            self.told["keys deleted"] += 1
