"""Run as a program by `test_killed.py`: a process that asks one question and is then killed, mid-answer."""

from __future__ import annotations

import sys
import threading

from byok.ground.db import Database
from tests.fake_provider import fake_provider, held
from tests.run_world import PLAN, Author, Process, row, until


def main(url: str) -> None:
    """Says `midway` on standard output once the first text is kept, and never ends by itself."""
    db = Database(url)
    with fake_provider() as fake:
        fake.script = held(threading.Event())
        Process(db).send(fake, Author(db), name=PLAN)
        until(lambda: row(db, "answer")["text"] == "Once")
        sys.stdout.write("midway\n")
        sys.stdout.flush()
        threading.Event().wait()


if __name__ == "__main__":
    main(sys.argv[1])
