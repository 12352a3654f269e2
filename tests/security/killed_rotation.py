"""Run as a program by `test_half_a_rotation.py`: rotates, and kills itself -9 at the n-th step of the database."""

from __future__ import annotations

import os
import signal
import sys
from itertools import count
from typing import Any

import sqlalchemy as sa

from byok.core.master_keys import load_master_keys
from byok.core.vault import Vault
from byok.ground.db import Database
from byok.ground.settings import Settings
from byok.services.rotation import Rotation

STEPS = ("before_cursor_execute", "after_cursor_execute", "begin", "commit", "rollback")


def main(step: int) -> None:
    """Says `whole` where the rotation has fewer steps than that."""
    settings = Settings.load()
    db, steps = Database(settings.url), count(1)

    def reached(*_: Any, **__: Any) -> None:
        if next(steps) == step:
            os.kill(os.getpid(), signal.SIGKILL)

    for name in STEPS:
        sa.event.listen(db.engine, name, reached)
    Rotation(db=db, vault=Vault(load_master_keys(settings)), page=3).rotate()
    sys.stdout.write("whole\n")


if __name__ == "__main__":
    main(int(sys.argv[1]))
