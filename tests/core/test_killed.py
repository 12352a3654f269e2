"""A real process, killed with no chance to say goodbye: its text is kept, its attempt is settled by somebody else."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from byok.core import ledger
from byok.core.leases import LEASE, sweep
from byok.ground.clock import month_of, utc_now
from byok.ground.db import Database
from byok.ground.settings import ROOT
from tests.run_world import process, row, rows


@pytest.mark.slow
def test_a_killed_process_leaves_its_text_and_one_settled_attempt(any_db: Database) -> None:
    url = any_db.engine.url.render_as_string(hide_password=False)
    program = [sys.executable, "-m", "tests.core.killed_process", url]
    with subprocess.Popen(program, cwd=ROOT, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": "."}) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"midway\n"
        child.kill()
        child.wait(10)

    assert sweep(any_db, utc_now()) == 0  # its lease still stands
    later = utc_now() + 2 * LEASE
    with process(any_db, clock=lambda: later) as next_one:
        next_one.lease.start()
    answer, attempt = row(any_db, "answer"), row(any_db, "attempt")
    assert (answer["state"], answer["text"]) == ("interrupted", "Once")
    assert (attempt["status"], attempt["answered"], attempt["tokens_out"]) == ("unknown", True, None)
    assert rows(any_db, "process_lease") == []
    with any_db.read() as session:
        month = month_of(attempt["reserved_at"])
        assert ledger.plan_used(session.connection(), company_id=attempt["company_id"], month=month) == 1
