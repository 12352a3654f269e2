"""A rotation that is killed at any step of its way: every key still opens, nothing else changed, and it goes on."""

from __future__ import annotations

import random
import secrets
import subprocess
import sys
from pathlib import Path

import pytest

from byok.core.master_keys import MasterKeys, new_entry
from byok.core.vault import Vault
from byok.ground.db import Database
from byok.ground.settings import ROOT
from tests.security.conftest import Tally
from tests.security.rotation_world import environment, fill, lost, rest
from tests.security.threats import at_scale

pytestmark = pytest.mark.threat(6)

ORIGIN = "https://loop.example"
MOST_STEPS = 60  # a rotation of this little database has about as many


@at_scale(100, few=1)
@pytest.mark.timeout(1800)
def test_killed_at_any_step_of_the_database_it_loses_nothing_and_goes_on(
    any_db: Database, tmp_path: Path, tally: Tally, tries: int
) -> None:
    dice = random.Random(secrets.randbits(64))  # noqa: S311 - where it is killed is no secret
    url = any_db.engine.url.render_as_string(hide_password=False)
    old, new = new_entry(), new_entry()
    fill(any_db, Vault(MasterKeys.parse(old)), keys=6, companies=2, drafts=2, origin=ORIGIN)
    before = rest(any_db)
    for number in range(tries):
        env = environment(home=tmp_path, database_url=url, master_keys=f"{new},{old}")
        step = dice.randint(1, MOST_STEPS)
        command = [sys.executable, "-m", "tests.security.killed_rotation", str(step)]
        done = subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
        tally.tried()
        assert (done.returncode, done.stdout) in ((-9, ""), (0, "whole\n")), done.stderr
        for one in lost(any_db, new, old):
            tally.leaked(f"{one}, killed at step {step} in turn {number}")
        assert rest(any_db) == before
        if done.returncode == 0:
            assert lost(any_db, new) == []  # the old one is needed no more; on to the next master key
            old, new = new, new_entry()
    env = environment(home=tmp_path, database_url=url, master_keys=f"{new},{old}")
    command = [sys.executable, "-m", "tests.security.killed_rotation", "0"]
    subprocess.run(command, env=env, cwd=ROOT, check=True, timeout=60, stdout=subprocess.DEVNULL)
    for one in lost(any_db, new):
        tally.leaked(one)
    assert rest(any_db) == before
