"""The usage table of a month with up to 10 million attempts, from the service call to its rows, on both databases.

    uv run python bench/usage_table.py [--rows 1000000 10000000] [--keep FOLDER]

Makes a database of either kind for each number of attempts (see `made_ledger.py`), 200 companies over 400 days, and
asks for the company that owns 5 % of them, as the Usage page does: `Usage.table` with the actor admitted, the month's
days added up, its open attempts, the plan's figure. All databases are asked in turns, in one run, so that a slow moment
hits all alike. Beside it the way without days added up: the month's attempts found by an index, and counted one by one;
both must come to the same. `--keep` leaves the databases in a folder, where the next run finds them.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import shutil
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from byok.core.catalogue import Catalogue
from byok.core.ledger_figures import within
from byok.core.plans import Plans
from byok.ground import schema
from byok.ground.db import Database
from byok.ground.tables.types import metadata
from byok.services.periods import LONGEST, Period
from byok.services.usage import Usage
from made_ledger import DAYS, END, actors, make
from postgres import postgres
from report import Report

CALLS, SLOW_CALLS, WARM_UP = 200, 20, 10
SIZES = [1_000_000, 10_000_000]
BYTES_A_ROW = 2000  # at most, both databases together, while they are made
MOST_MS = {"SQLite": 2.0, "PostgreSQL": 4.0}
MOST_GROWTH = 1.5
NOW = END - timedelta(seconds=1)
MONTH = Period.month(f"{NOW:%Y-%m}")
A_YEAR = Period.last_days(min(LONGEST, DAYS), today=NOW.date())
OPENING, SCAN = "month table", "month by a scan"
ATTEMPTS = metadata.tables["attempt"]


@dataclass(frozen=True, slots=True)
class Ledger:
    """A filled database. `calls` are what is measured, by name."""

    kind: str
    rows: int
    calls: dict[str, Callable[[], Any]]


def calls_of(db: Database) -> dict[str, Callable[[], Any]]:
    """What is asked of each database."""
    usage = Usage(db=db, plans=Plans.load(), catalogue=Catalogue.load(), clock=lambda: NOW)
    admin, member = actors()
    return {
        OPENING: lambda: usage.table(admin, MONTH),
        "a member's own month": lambda: usage.table(member, MONTH),
        "month split by model": lambda: usage.table(admin, MONTH, split="model"),
        f"{A_YEAR.days} days by provider": lambda: usage.table(admin, A_YEAR),
        "the newest 100 attempts": lambda: usage.attempts(admin, MONTH),
        "has anything changed?": lambda: usage.version(admin),
        SCAN: lambda: scan(db),
    }


def scan(db: Database) -> dict[str, tuple[int, ...]]:
    """Answered, errors, tokens, costs of the month by provider, counted from its attempts."""
    a = ATTEMPTS.c
    settled = a.status != "reserved"
    query = sa.select(
        a.provider_id,
        a.source,
        sa.func.count(sa.case((settled & a.answered, 1))),
        sa.func.count(sa.case(((a.status == "error") & ~a.answered, 1))),
        sa.func.count(sa.case((~settled, 1))),
        sa.func.sum(a.tokens_in),
        sa.func.sum(a.tokens_out),
        sa.func.sum(a.cost_pico),
        sa.func.count(sa.case((settled & a.answered & a.cost_pico.is_(None), 1))),
    ).where(a.company_id == actors()[0].company_id, *within(MONTH.first, MONTH.last))
    with db.read() as session:
        rows = session.connection().execute(query.group_by(a.provider_id, a.source)).all()
    return {f"{row[1]} {row[0]}": tuple(int(value or 0) for value in row[2:]) for row in rows}


def check(made: list[Ledger]) -> None:
    """The table comes to what the scan counts (corrections only add), and to the same on both databases."""
    tables: dict[int, Any] = {}
    for one in made:
        table, counted = one.calls[OPENING](), one.calls[SCAN]()
        assert table == tables.setdefault(one.rows, table), f"{one.rows} attempts: the databases say different things"
        for row in table.rows:
            for source, its in (("byok", row.byok), ("plan", row.plan)):
                answered, errors, still_open, *sums, unpriced = counted.pop(f"{source} {row.id}", (0,) * 7)
                assert (its.answered, its.errors, its.open, its.unpriced) == (answered, errors, still_open, unpriced)
                kept = (its.tokens_in, its.tokens_out, its.cost_pico)
                assert all((one or 0) >= other for one, other in zip(kept, sums, strict=True)), (kept, sums)
        assert not counted


@contextlib.contextmanager
def ledgers(folder: Path, sizes: list[int]) -> Iterator[tuple[list[Ledger], list[str]]]:
    """The databases, made where the folder does not have them yet; and what to say about them."""
    with postgres(folder / "postgres") as server, contextlib.ExitStack() as opened:
        told = [f"SQLite {sqlite3.sqlite_version}, PostgreSQL {server.version}"]
        found = []
        for rows in sizes:
            file = folder / f"usage_{rows}.sqlite3"
            url, anew = server.database(f"usage_{rows}")
            for kind, where, empty in (("SQLite", f"sqlite:///{file}", not file.exists()), ("PostgreSQL", url, anew)):
                db = Database(where)
                opened.callback(db.close)
                if empty:
                    began = time.perf_counter()
                    try:
                        schema.upgrade(db)
                        make(db, rows)
                    except BaseException:  # no half of one for the next run
                        db.close()
                        file.unlink(missing_ok=True) if kind == "SQLite" else server.drop(f"usage_{rows}")
                        raise
                    told.append(f"{rows:,} attempts made on {kind} in {time.perf_counter() - began:.0f} s")
                    print(told[-1], flush=True)
                found.append(Ledger(kind, rows, calls_of(db)))
        yield found, told


def measure(made: list[Ledger]) -> dict[tuple[str, int, str], list[float]]:
    """Milliseconds by kind, attempts and what was asked, all in turns."""
    found: dict[tuple[str, int, str], list[float]] = {}
    for turn in range(-WARM_UP, CALLS):
        for one in made:
            for name, call in one.calls.items():
                if name == SCAN and turn >= SLOW_CALLS:
                    continue
                began = time.perf_counter()
                call()
                took = (time.perf_counter() - began) * 1000
                if turn >= 0:
                    found.setdefault((one.kind, one.rows, name), []).append(took)
    return found


def report(found: dict[tuple[str, int, str], list[float]], sizes: list[int], about: list[str]) -> int:
    """Prints the table, and keeps it where nothing was asked to be smaller; 1 where a bar is missed."""
    told = Report("usage_table", f"The usage table, from the service call to its rows, {CALLS} calls of each in turns")
    told.add(f"200 companies, {DAYS} days; the company that is asked for owns 5 % of the attempts")
    for line in about:
        told.add(line)
    told.add()
    heads = [f"{rows:,}" for rows in sizes]
    told.add(f"{'median (p95) in ms':<40}" + "".join(f"{head:>19}" for head in heads) + f"{'growth':>9}")
    medians = {key: statistics.median(taken) for key, taken in found.items()}
    for kind in MOST_MS:
        for name in dict.fromkeys(name for _, _, name in found):
            keys = [(kind, rows, name) for rows in sizes]
            cells = [f"{medians[key]:.2f} ({statistics.quantiles(found[key], n=20)[-1]:.2f})" for key in keys]
            growth = f"{medians[keys[-1]] / medians[keys[0]]:>9.2f}"
            told.add(f"{kind + ', ' + name:<40}" + "".join(f"{cell:>19}" for cell in cells) + growth)
    told.add()
    for kind in MOST_MS:
        ratio = medians[kind, sizes[-1], SCAN] / medians[kind, sizes[-1], OPENING]
        told.add(f"{kind}, {heads[-1]} attempts: a scan of the month takes {ratio:.0f} times as long as its table")
    told.add()
    for kind, most in MOST_MS.items():
        few, many = (medians[kind, rows, OPENING] for rows in (sizes[0], sizes[-1]))
        told.bar(f"{kind}, {OPENING} of {heads[-1]}", measured=many, most=most, unit="ms")
        told.bar(f"{kind}, from {heads[0]} to {heads[-1]}", measured=many / few, most=MOST_GROWTH, unit="x")
    return told.keep() if sizes == SIZES else 0


def main() -> int:
    """Runs the benchmark; 1 where a bar is missed."""
    parser = argparse.ArgumentParser(description="The usage table of a month, by number of attempts.")
    parser.add_argument("--rows", type=int, nargs="+", default=SIZES, help="attempts of each database, fewest first")
    parser.add_argument("--keep", type=Path, help="where databases are left, and found again")
    asked = parser.parse_args()
    with contextlib.ExitStack() as opened:
        folder = asked.keep or Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="byok-bench-")))
        folder.mkdir(parents=True, exist_ok=True)
        wanted, free = sum(asked.rows) * BYTES_A_ROW, shutil.disk_usage(folder).free
        if free < wanted:
            print(f"{folder} has {free / 1e9:.0f} GB free, and up to {wanted / 1e9:.0f} GB are needed.")
            return 1
        made, about = opened.enter_context(ledgers(folder, asked.rows))
        check(made)
        gc.collect()
        gc.freeze()  # as the app does at its start
        found = measure(made)
    return report(found, asked.rows, about)


if __name__ == "__main__":
    sys.exit(main())
