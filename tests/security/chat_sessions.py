"""Run as a program by `test_rotation_load.py`: a process of the app in which many people chat, each on another key.

Says `chatting` after the first answers, and at the end of its standard input what became of all as JSON.
"""

from __future__ import annotations

import json
import random
import secrets
import sys
import threading
from collections import Counter
from uuid import UUID

import sqlalchemy as sa
from pydantic import SecretStr

from byok.core.model_names import ModelName
from byok.process import Workbench
from byok.services.access import Actor
from tests.certificates import read_already
from tests.security.rotation_world import KEYS

MODEL = ModelName("byok", "loop", "small")
PATIENCE = 120.0  # seconds until an answer that did not end is a failed one


class Sessions:
    """People who ask one question after the other until they are told to stop."""

    def __init__(self, bench: Workbench, *, people: int) -> None:
        self._bench, self._stop = bench, threading.Event()
        with bench.db.read() as session:
            found = session.connection().execute(sa.select(KEYS.c.company_id, KEYS.c.id)).all()
        self._keys = [(Actor(company_id), key_id) for company_id, key_id in found]
        self.answers, self.saved, self.failures, self.used = 0, 0, Counter[str](), set[UUID]()
        self._count, self._first = threading.Lock(), threading.Event()
        self._threads = [threading.Thread(target=self._chat) for _ in range(people)]
        self._threads.append(threading.Thread(target=self._save))

    def run(self) -> None:
        """Until standard input ends."""
        for thread in self._threads:
            thread.start()
        self._first.wait()
        sys.stdout.write("chatting\n")
        sys.stdout.flush()
        sys.stdin.read()
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _chat(self) -> None:
        dice = random.Random(secrets.randbits(64))  # noqa: S311 - whose turn it is is no secret
        while not self._stop.is_set():
            actor, key_id = dice.choice(self._keys)
            try:
                live = self._bench.conversations.ask_once(actor, text=str(key_id), model=MODEL, key_id=key_id)
                ended = live.wait_end(timeout=PATIENCE)
                now = live.snapshot()
                good = ended and (now.state, now.text) == ("complete", f"Yes, {key_id}.")
                words = "" if good else f"{now.state}: {now.error} {now.text[:40]}"
            except Exception as error:  # noqa: BLE001 - whatever goes wrong is counted
                words = f"{type(error).__name__}: {error}"[:300]
            with self._count:
                self.answers += not words
                self.used.add(key_id)
                if words:
                    self.failures[words] += 1
                if self.answers >= len(self._threads):
                    self._first.set()

    def _save(self) -> None:
        """One admin who goes on adding keys: what is sealed while a rotation runs."""
        keys = self._bench.keys
        while not self._stop.wait(0.2):
            actor, _ = random.choice(self._keys)  # noqa: S311
            try:
                pasted = SecretStr(f"sk-saved-{secrets.token_hex(16)}")
                draft = keys.draft(actor, provider_id="loop", pasted=pasted)
                assert keys.save_draft(actor, draft.id, untested=True).readable
                self.saved += 1
            except Exception as error:  # noqa: BLE001
                with self._count:
                    self.failures[f"saving: {type(error).__name__}: {error}"[:300]] += 1


def main(people: int) -> None:
    """Opens the workbench as the app does."""
    bench = Workbench.open(what="app", trust=read_already())
    try:
        sessions = Sessions(bench, people=people)
        sessions.run()
    finally:
        bench.close()
    told = {"answers": sessions.answers, "keys": len(sessions.used), "saved": sessions.saved}
    sys.stdout.write(json.dumps({**told, "failures": dict(sessions.failures)}) + "\n")


if __name__ == "__main__":
    main(int(sys.argv[1]))
