"""Run as a program by `test_endings.py`: the workbench without its pages asks one question, and waits for its end.

A request to end (SIGTERM) closes the workbench, as in the app and in every command.
"""

from __future__ import annotations

import signal
import sys
import threading
from contextlib import closing
from uuid import UUID

from byok.core.model_names import ModelName
from byok.process import Workbench
from byok.services.access import Actor
from tests.run_world import until


def _end(number: int, frame: object) -> None:
    sys.exit(128 + number)


def main(company_id: str, person_id: str, model: str, text: str) -> None:
    """Says `midway` on standard output once text is kept, and never ends by itself."""
    signal.signal(signal.SIGTERM, _end)
    with closing(Workbench.open(what="command")) as bench:
        actor = Actor(UUID(company_id), UUID(person_id))
        asked = bench.conversations.ask(actor, text=text, model=ModelName.parse(model))
        until(lambda: bench.conversations.answer(actor, asked.answer_ids[0]).text)
        sys.stdout.write("midway\n")
        sys.stdout.flush()
        threading.Event().wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
