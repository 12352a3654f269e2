"""Random stories of the ledger, told to the product and to a plain model: after every step all that is kept is true.

Every attempt is one row, a settled row never changes, the days are the sums of the rows, the line adds up, no plan has
more messages than it allows and no budget is overspent. `ledger_machine` tells the stories.
"""

from __future__ import annotations

import os
import random
import sys
import time
from collections import Counter
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from byok.ground.db import Database
from tests.core.ledger_machine import LedgerMachine
from tests.core.ledger_story import KINDS
from tests.core.ledger_world import World

SLOW_TO_SHRINK = pytest.mark.timeout(900)  # only where it fails: what is left is the shortest story that does
MUST_HAPPEN = {
    *KINDS,
    *("sent: byok", "sent: plan", "refused: PlanUsedUpError", "refused: BudgetReachedError"),
    *("sends at once", "sends while others end", "ends at once", "settled again, nothing changed"),
    *("retried", "an amount held on for a retry", "not retried, its key is gone", "not retried, a month began"),
    *("crashes", "unknown, with text", "unknown, without text"),
    *("interrupted, without text", "months begun", "plan changes", "keys deleted"),
    *("budgets set or changed", "budgets removed", "ends what tells its cost later"),
}


def tell(db: Database, *, stories: int, steps: int, number: int | None = None) -> Counter[str]:
    """Tells so many stories of so many steps.

    Args:
        number: their seed; None: always the same ones.

    Returns:
        What happened in them, and how often.
    """
    world, told = World(db), Counter[str]()
    once = settings(
        max_examples=stories,
        stateful_step_count=steps,
        derandomize=number is None,
        deadline=None,
        database=None,
        print_blob=True,
        suppress_health_check=list(HealthCheck),
    )

    def machine() -> LedgerMachine:
        return LedgerMachine(world, told)

    try:
        run_state_machine_as_test(cast("Any", machine if number is None else seed(number)(machine)), settings=once)
    finally:
        world.close()
    return told


@SLOW_TO_SHRINK
def test_a_few_stories_of_the_ledger_add_up_after_every_step(db: Database) -> None:
    assert tell(db, stories=10, steps=25)["steps"] >= 250


@pytest.mark.slow
@SLOW_TO_SHRINK
def test_stories_in_which_everything_happens_add_up_after_every_step(any_db: Database) -> None:
    told = tell(any_db, stories=35, steps=30)
    assert set(+told) >= MUST_HAPPEN


@pytest.mark.soak
@pytest.mark.timeout(7200)
def test_many_long_stories_add_up_after_every_step(any_db: Database, capsys: pytest.CaptureFixture[str]) -> None:
    """Other ones each time; with the seed that it names in `LEDGER_MODEL_SEED` the same again."""
    number = int(os.environ.get("LEDGER_MODEL_SEED") or random.SystemRandom().randrange(2**32))
    began = time.monotonic()
    told = tell(any_db, stories=200, steps=60, number=number)
    with capsys.disabled():
        took = time.monotonic() - began
        sys.stdout.write(f"\n{any_db.engine.dialect.name}, seed {number}: {summary(told)}; {took:.0f} s\n")
        sys.stdout.writelines(f"{count:>9,}  {what}\n" for what, count in (+told).most_common())
    assert set(+told) >= MUST_HAPPEN


def summary(told: Counter[str]) -> str:
    """In one line."""
    attempts = told["sent: byok"] + told["sent: plan"] + told["retried"]
    return f"{told['stories']:,} stories, {told['steps']:,} steps, {attempts:,} attempts; nothing failed to add up"
