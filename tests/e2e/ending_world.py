"""Real processes to ask and to end: the app with its pages, or a workbench without them; the database behind both."""

from __future__ import annotations

import base64
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from itertools import count
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

import sqlalchemy as sa

from byok.core.leases import LEASE, sweep
from byok.ground.clock import utc_now
from byok.ground.db import Database
from byok.ground.tables.types import metadata
from tests.e2e.conftest import ROOT
from tests.e2e.ending_kinds import OWN, STANDARD, Choice, Ending
from tests.e2e.ending_pages import Person
from tests.e2e.endings import Asked, Found, adds_up, judge, kept, lease_until, wait_settled, watch
from tests.e2e.paced_app import PacedApp, furnished_app
from tests.run_world import until

T = TypeVar("T")

SIGNALS: Mapping[str, signal.Signals] = MappingProxyType({"SIGTERM": signal.SIGTERM, "kill -9": signal.SIGKILL})
NAMES: Mapping[str, str] = MappingProxyType({"mistral": "Mistral", "gemini": "Google Gemini", "openai": "OpenAI"})
ROUNDS = 4  # in which runs that came late are made up for
SHARE = 125  # questions for one person before what they came to is judged


class World:
    """One database, the provider, and the app over both, which may be running or not. Counts what is asked."""

    def __init__(self, app: PacedApp, db: Database) -> None:
        self.app, self.db, self.asked = app, db, 0
        self._numbers = count(1)

    def texts(self, ending: Ending, number: int) -> list[str]:
        """Questions that were not asked before."""
        self.asked += number
        return [f"Question {next(self._numbers)} that meets {ending.name}" for _ in range(number)]

    def judge(self, asked: Iterable[Asked], *, timeout: float = 30.0) -> Found:
        """What came of these, once all have been settled or the time (seconds) is over; and the whole must add up."""
        asked = list(asked)
        wait_settled(self.db, asked, timeout=timeout)
        return judge(self.db, asked, self.app.provider.seen())

    def adds_up(self) -> None:
        """Fails unless the ledger adds up, over all that was asked."""
        adds_up(self.db, asked=self.asked)


@contextmanager
def world(folder: Path, settings: Mapping[str, str]) -> Iterator[World]:
    """With the app furnished and not started; its database is watched.

    Args:
        settings: those of the database, of the app's environment.
    """
    with furnished_app(folder, *OWN, standard=STANDARD, settings=settings) as app:
        db = Database(settings.get("BYOK_DATABASE_URL") or f"sqlite:///{app.server.home / 'byok.sqlite3'}")
        watch(db)
        try:
            yield World(app, db)
        finally:
            app.server.stop()
            db.close()


def on(url: str) -> dict[str, str]:
    """The settings of an app on a database of one's own, with the demo in it."""
    key = base64.b64encode(secrets.token_bytes(32)).decode()
    return {"BYOK_DATABASE_URL": url, "BYOK_MASTER_KEYS": f"first:{key}", "BYOK_DEMO": "1"}


class Desk:
    """A thread with a person in it: Playwright's objects belong to the thread that made them."""

    def __init__(self, one: World) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="person")
        self._world = one
        self.person: Person = self._thread.submit(Person, one.app.server).result()

    def start(self, ending: Ending, questions: list[tuple[str, Choice]]) -> Callable[[], list[Asked]]:
        """Has the person ask these, each of its model; call what is returned to wait for it."""
        return self._thread.submit(self.person.run, ending, questions).result

    def do(self, what: Callable[[Person], T]) -> T:
        """Does something with the person."""
        return self._thread.submit(what, self.person).result()

    def close(self) -> None:
        """Closes the browser."""
        self._thread.submit(self.person.close).result()
        self._thread.shutdown()


@contextmanager
def desks(one: World, number: int) -> Iterator[list[Desk]]:
    """So many persons, each with a browser of his own."""
    with ExitStack() as ends, ThreadPoolExecutor(number) as at_once:
        made = list(at_once.map(Desk, [one] * number))
        for desk in made:
            ends.callback(desk.close)
        yield made


def in_pages(one: World, people: list[Desk], ending: Ending, runs: int) -> Found:
    """Runs of an ending that the app survives: half on the company's key, half on the plan."""
    found, most = Found(), SHARE * len(people)
    for _ in range(ROUNDS + runs // most):
        texts = one.texts(ending, min(runs - found.runs, most))
        # Where an even number of persons asks, each stays with his model.
        pairs = [(text, ending.choices[number % 2]) for number, text in enumerate(texts)]
        tasks = [desk.start(ending, pairs[place :: len(people)]) for place, desk in enumerate(people)]
        found += one.judge(asked for task in tasks for asked in task())
    return found


def whole_app(one: World, endings: Collection[Ending], runs: int) -> dict[str, Found]:
    """Runs of endings of the app itself, by name, asked by one person: one app after the other over the same database.

    The last one stays: what was killed has its heirs, and no clock is moved.
    """
    server, asked = one.app.server, list[Asked]()
    server.start()
    with desks(one, 1) as (desk,):
        for ending in endings:
            own, _ = ending.choices
            for text in one.texts(ending, runs):
                began = desk.do(partial(Person.ask, text=text, choice=own))
                asked.append(_end(one, Asked(ending, text, own, began), server.stop))
                server.start()
                desk.do(Person.come_back)
    timeout = 2 * LEASE.total_seconds()
    return {
        ending.name: one.judge((run for run in asked if run.ending == ending), timeout=timeout) for ending in endings
    }


def light_processes(one: World, ending: Ending, runs: int, *, at_once: int = 2) -> Found:
    """Runs of an ending of a process without pages, so many of them side by side."""
    people = metadata.tables["person"].c
    with one.db.read() as session:
        query = sa.select(people.company_id, people.id).where(people.username == "ada")
        ids = [str(found) for found in session.connection().execute(query).one()]

    def run(text: str, choice: Choice) -> Asked:
        program = [sys.executable, "-m", "tests.e2e.ending_process", *ids, choice.name, text]
        with subprocess.Popen(program, cwd=ROOT, stdout=subprocess.PIPE, env=one.app.server.env) as child:
            try:
                assert child.stdout is not None
                assert child.stdout.readline() == b"midway\n"

                def stop(how: int) -> None:
                    child.send_signal(how)
                    child.wait(20)

                return _end(one, Asked(ending, text, choice), stop)
            except Exception as error:  # noqa: BLE001 - one run that fails is told of in its place
                return Asked(ending, text, choice, trouble=repr(error)[:500])
            finally:
                child.kill()

    texts = one.texts(ending, runs)
    with ThreadPoolExecutor(at_once) as pool:
        asked = list(pool.map(run, texts, (ending.choices[number % 2] for number in range(runs))))
    if ending.name == "kill -9":
        sweep(one.db, utc_now() + 2 * LEASE)  # none lives any more: the heir of the last ones need not wait
    return one.judge(asked, timeout=1.0)


def _end(one: World, asked: Asked, stop: Callable[[int], None]) -> Asked:
    """Ends a process that answers; one that is to be killed only when some text is kept."""
    how = SIGNALS[asked.ending.name]
    if how == signal.SIGTERM:
        at = time.time()
        stop(how)
        return replace(asked, at=at)
    until(lambda: kept(one.db, asked.text)[0])
    began, process_id = kept(one.db, asked.text)
    at = time.time()
    stop(how)
    assert process_id is not None
    return replace(asked, began=began, at=at, lease_until=lease_until(one.db, process_id))
