"""Run as a program by `test_killed.py`: one message to several columns, each answered with the time as it passes."""

from __future__ import annotations

import sys
import threading
import time

from byok.core.checkpoints import TICK
from byok.ground.db import Database
from byok.services.messages import Ask, Message
from tests.fake_provider import Exchange
from tests.run_world import rows, until
from tests.services.talk_world import column, talk_world

COLUMNS = 4
STEP = 0.02  # seconds between two pieces


def tell_the_time(exchange: Exchange) -> None:
    """Streams the machine's own clock, which the process that kills can read too; the last column says nothing."""
    if exchange.body["model"] == "silent":
        exchange.wait(threading.Event())
    while True:
        exchange.text(f"{time.monotonic():.3f} ")
        time.sleep(STEP)


def last(text: str) -> float:
    """The last time that was told."""
    return float(text.split()[-1])


def main(url: str) -> None:
    """Says `midway` on standard output once all have kept text and the next is nearly due, and never ends by itself."""
    db = Database(url)
    with talk_world(db, tick=TICK, habits={"at_once": COLUMNS + 1}) as one:
        one.fake.script = tell_the_time
        columns = [*(column(source="plan") for _ in range(COLUMNS)), column("silent"), column("waits")]
        asked = one.talk.send(one.ada, Message([Ask("What time is it?")], columns))
        until(lambda: sum(row["text"] != "" for row in rows(db, "answer")) == COLUMNS)
        live = one.process.runner.live(asked.answer_ids[0])
        assert live is not None
        until(lambda: last(live.text) - last(rows(db, "answer")[0]["text"]) > 0.8 * TICK)
        sys.stdout.write("midway\n")
        sys.stdout.flush()
        threading.Event().wait()


if __name__ == "__main__":
    main(sys.argv[1])
