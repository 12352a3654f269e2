"""A real process, killed with no chance to say goodbye: its text is kept, its attempt is settled by somebody else."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter

import pytest
import sqlalchemy as sa

from byok.core import allowances
from byok.core.leases import LEASE, LEASES, sweep
from byok.ground.clock import month_of, utc_now
from byok.ground.db import Database
from byok.ground.settings import ROOT
from tests.run_world import process, row, rows


def kill_midway(db: Database, module: str) -> float:
    """Runs the program and kills it when it says `midway`; when that was, on the machine's clock."""
    url = db.engine.url.render_as_string(hide_password=False)
    program = [sys.executable, "-m", module, url]
    with subprocess.Popen(program, cwd=ROOT, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": "."}) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"midway\n"
        child.kill()
        killed = time.monotonic()
        child.wait(10)
    return killed


def settle_what_it_left(db: Database) -> None:
    """Lets its lease run out, and starts another process."""
    with db.write_core() as connection:
        connection.execute(sa.update(LEASES).values(expires_at=utc_now() - LEASE))
    with process(db) as next_one:
        next_one.lease.start()


@pytest.mark.slow
def test_a_killed_process_leaves_its_text_and_one_settled_attempt(any_db: Database) -> None:
    kill_midway(any_db, "tests.core.killed_process")
    assert sweep(any_db, utc_now()) == 0  # its lease still stands
    settle_what_it_left(any_db)
    answer, attempt = row(any_db, "answer"), row(any_db, "attempt")
    assert (answer["state"], answer["text"]) == ("interrupted", "Once")
    assert (attempt["status"], attempt["answered"], attempt["tokens_out"]) == ("unknown", True, None)
    assert rows(any_db, "process_lease") == []
    with any_db.read() as session:
        month = month_of(attempt["reserved_at"])
        assert allowances.plan_used(session.connection(), company_id=attempt["company_id"], month=month) == 1


@pytest.mark.slow
def test_of_several_columns_each_keeps_its_text_up_to_the_last_second(any_db: Database) -> None:
    killed = kill_midway(any_db, "tests.core.killed_columns")
    settle_what_it_left(any_db)
    answers, attempts = rows(any_db, "answer"), rows(any_db, "attempt")
    assert [answer["state"] for answer in answers] == ["interrupted"] * 6
    times = [answer["text"].split() for answer in answers]
    assert [len(one) > 0 for one in times] == [True] * 4 + [False] * 2
    for one in times[:4]:
        assert one == sorted(one, key=float)
        assert killed - float(one[-1]) < 1.0
    # Who was called but had said nothing, and who still waited, are no answers.
    assert Counter((attempt["status"], attempt["answered"]) for attempt in attempts) == {
        ("unknown", True): 4,
        ("unknown", False): 2,
    }
    with any_db.read() as session:
        month, company_id = month_of(attempts[0]["reserved_at"]), attempts[0]["company_id"]
        assert allowances.plan_used(session.connection(), company_id=company_id, month=month) == 4
