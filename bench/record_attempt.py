"""Recording an attempt: the ledger's SQLAlchemy Core beside the same in SQLModel sessions, in turns, in one run.

    uv run python bench/record_attempt.py

An attempt is reserved in one transaction, as it is sent, and settled in another with both rows of its day, as it ends;
every third draws on the plan, whose allowance is counted. Either way writes for a company of its own in the same
database, opened as the product opens it: on SQLite with a write-ahead log, on PostgreSQL with every commit on the disk.
At the end both companies must have the same figures, and exactly those that their rows add up to.

`ms` is the time on the clock, `CPU` that of this process. On PostgreSQL the clock also counts the server's waits for
its disk, two of them for an attempt, which are the same either way.
"""

from __future__ import annotations

import gc
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import sqlalchemy as sa

import session_ledger
from byok.core import ledger
from byok.core.ledger import Outcome
from byok.core.ledger_check import differences
from byok.core.model_names import ModelName
from byok.ground import schema
from byok.ground.db import Database
from byok.ground.ids import new_id
from byok.ground.tables.rollups import USAGE_DETAIL
from byok.ground.tables.types import metadata
from postgres import postgres
from report import Report

ATTEMPTS, WARM_UP = 2_000, 300
LEAST = 2.5
ALLOWANCE = 1_000_000
PROVIDERS, MODELS, PEOPLE, CHATBOTS = 8, 5, 25, 4
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
CORE, SESSIONS = "Core", "SQLModel sessions"
Record = Callable[[dict[str, Any], Outcome], None]


def core(db: Database, company_id: UUID) -> Record:
    """The product's way."""

    def record(asked: dict[str, Any], outcome: Outcome) -> None:
        with db.write_core() as connection:
            attempt_id = ledger.reserve(connection, company_id=company_id, plan_messages=ALLOWANCE, at=NOON, **asked)
        with db.write_core() as connection:
            assert ledger.settle(connection, attempt_id, outcome, at=NOON)

    return record


def sessions(db: Database, company_id: UUID) -> Record:
    """The other way."""

    def record(asked: dict[str, Any], outcome: Outcome) -> None:
        attempt_id = session_ledger.reserve(db, company_id=company_id, plan_messages=ALLOWANCE, at=NOON, **asked)
        assert session_ledger.settle(db, attempt_id, outcome, at=NOON)

    return record


PROCESS, KEYS = new_id(), [new_id() for _ in range(PROVIDERS)]
WHO, BOTS = [new_id() for _ in range(PEOPLE)], [new_id() for _ in range(CHATBOTS)]


def attempt(number: int) -> tuple[dict[str, Any], Outcome]:
    """What attempt number so many asks, and what comes of it."""
    provider, plan = number % PROVIDERS, number % 3 == 0
    name = ModelName("plan" if plan else "byok", f"provider-{provider}", f"model-{number % MODELS}")
    asked: dict[str, Any] = {"name": name, "process_id": PROCESS, "person_id": WHO[number % PEOPLE]}
    asked |= {"chatbot_id": BOTS[number % CHATBOTS], "conversation_id": new_id(), "answer_id": new_id()}
    if not plan:
        asked |= {"key_id": KEYS[provider], "key_label": "Bench", "key_hint": "made"}
    if number % 50 == 49:
        return asked, Outcome("error", answered=False, error="RateLimitedError", duration_ms=100 + number % 900)
    tokens_in, tokens_out = 100 + number * 37 % 3000, 20 + number * 53 % 900
    outcome = Outcome(
        "complete",
        answered=True,
        model_answered=name.model,
        tokens_in=tokens_in,
        tokens_out=tokens_out,
        cost_pico=tokens_in * 150_000 + tokens_out * 600_000,
        price_origin="genai-prices",
        price_date="2026-11-23",
        price_in_pico=150_000_000_000,
        price_out_pico=600_000_000_000,
        ttft_ms=100 + number * 71 % 2500,
        duration_ms=500 + number * 71 % 9000,
        provider_request_id=f"req-{number}",
    )
    return asked, outcome


def company(db: Database, slug: str) -> UUID:
    """A company to write for."""
    made = {"id": new_id(), "slug": slug, "name": slug, "plan": "pro", "fingerprint_key": b"-", "created_at": NOON}
    with db.write_core() as connection:
        connection.execute(sa.insert(metadata.tables["company"]).values(sample=False, **made))
    return made["id"]  # type: ignore[return-value]


def measure(db: Database) -> dict[str, list[tuple[float, float]]]:
    """Milliseconds on the clock and of CPU, by way."""
    schema.upgrade(db)
    whose = {CORE: company(db, "core"), SESSIONS: company(db, "sessions")}
    ways = {CORE: core(db, whose[CORE]), SESSIONS: sessions(db, whose[SESSIONS])}
    found: dict[str, list[tuple[float, float]]] = {way: [] for way in ways}
    for number in range(-WARM_UP, ATTEMPTS):
        asked, outcome = attempt(WARM_UP + number)
        for way, record in ways.items():
            began, spent = time.perf_counter(), time.process_time()
            record(asked, outcome)
            ended, used = time.perf_counter(), time.process_time()
            if number >= 0:
                found[way].append(((ended - began) * 1000, (used - spent) * 1000))
        if number == -1:
            gc.collect()
            gc.freeze()  # as the app does at its start
    _check(db, whose)
    return found


def _check(db: Database, whose: dict[str, UUID]) -> None:
    with db.read() as session:
        rows = []
        for company_id in whose.values():
            assert list(differences(session.connection(), company_id=company_id)) == []
            mine = sa.select(*list(USAGE_DETAIL.c)[1:]).where(USAGE_DETAIL.c.company_id == company_id)
            rows.append(sorted(map(str, session.connection().execute(mine))))
    assert rows[0] == rows[1], "the two ways came to different figures"


def main() -> int:
    """Prints and keeps the figures; the exit status."""
    with tempfile.TemporaryDirectory(prefix="byok-bench-") as folder:
        kinds: dict[str, dict[str, list[tuple[float, float]]]] = {}
        with postgres(Path(folder) / "postgres") as server:
            urls = {"SQLite": f"sqlite:///{folder}/byok.sqlite3", "PostgreSQL": server.database("byok")[0]}
            for kind, url in urls.items():
                db = Database(url)
                kinds[kind] = measure(db)
                db.close()
    report = Report(
        "record_attempt", f"Recording an attempt: reserved, settled, added to its day; {ATTEMPTS:,} each way"
    )
    report.add()
    report.add(f"{'way':<32}{'median ms':>11}{'p95 ms':>9}{'CPU, median ms':>17}{'attempts/s':>12}")
    medians: dict[tuple[str, str], tuple[float, float]] = {}
    for kind, ways in kinds.items():
        for way, taken in ways.items():
            clock, cpu = ([one[place] for one in taken] for place in (0, 1))
            medians[kind, way] = statistics.median(clock), statistics.median(cpu)
            p95, mean = statistics.quantiles(clock, n=20)[-1], statistics.fmean(clock)
            figures = f"{medians[kind, way][0]:>11.2f}{p95:>9.2f}{medians[kind, way][1]:>17.2f}{1000 / mean:>12.0f}"
            report.add(f"{kind + ', ' + way:<32}{figures}")
    report.add()
    for kind in kinds:
        clock, cpu = (medians[kind, CORE][place] / medians[kind, SESSIONS][place] for place in (0, 1))
        report.add(f"{kind}: sessions take {1 / clock:.2f} times as long, and {1 / cpu:.2f} times the CPU")
    report.add()
    for kind in kinds:
        clock = medians[kind, CORE][0] / medians[kind, SESSIONS][0]
        report.bar(f"{kind}, compared with SQLModel sessions", measured=clock, most=1 / LEAST, unit="x")
    return report.keep()


if __name__ == "__main__":
    sys.exit(main())
