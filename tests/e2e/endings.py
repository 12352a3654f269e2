"""What the database says of answers that have ended, read from outside the product.

Refuses to take the product's word: a trigger of the tests' own notes each change of an attempt's row as it happens.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from byok.core.leases import LEASES
from byok.core.ledger_check import differences
from byok.ground.db import Database
from byok.ground.tables.types import metadata
from tests.e2e.ending_kinds import Choice, Ending
from tests.e2e.paced import Seen
from tests.e2e.paced_models import plan

ATTEMPTS, ANSWERS = metadata.tables["attempt"], metadata.tables["answer"]
TURNS, CONVERSATIONS = metadata.tables["turn"], metadata.tables["conversation"]
CHANGES = sa.table("ending_change", sa.column("attempt_id"), sa.column("before"), sa.column("after"))
WATCH = {
    "sqlite": (
        "CREATE TABLE ending_change (attempt_id, before, after)",
        "CREATE TRIGGER ending_watch AFTER UPDATE ON attempt BEGIN "
        "INSERT INTO ending_change VALUES (OLD.id, OLD.status, NEW.status); END",
    ),
    "postgresql": (
        "CREATE TABLE ending_change (attempt_id uuid, before text, after text)",
        "CREATE FUNCTION ending_note() RETURNS trigger AS $$ BEGIN "
        "INSERT INTO ending_change VALUES (OLD.id, OLD.status, NEW.status); RETURN NULL; END $$ LANGUAGE plpgsql",
        "CREATE TRIGGER ending_watch AFTER UPDATE ON attempt FOR EACH ROW EXECUTE FUNCTION ending_note()",
    ),
}


@dataclass(frozen=True)
class Asked:
    """One run: a question, and the ending that it met.

    Attributes:
        text: the question's, used once.
        began: what was there of the answer before its ending began: on the page, or kept in the database.
        at: when its ending had begun, in seconds since the epoch; 0 where that is the provider's to say.
        lease_until: until when the process that was killed counted as alive.
        trouble: what went wrong in asking or ending.
    """

    ending: Ending
    text: str
    choice: Choice
    began: str = ""
    at: float = 0.0
    lease_until: datetime | None = None
    trouble: str = ""


@dataclass
class Found:
    """What came of some runs. `wrong` says of each that is not as it must be which it is, and why."""

    runs: int = 0
    rows: int = 0
    settled_once: int = 0
    left_open: int = 0
    late: int = 0
    wrong: list[str] = field(default_factory=list)

    def __add__(self, other: Found) -> Found:
        numbers = {name: getattr(self, name) + getattr(other, name) for name in vars(self)}
        return replace(self, **numbers)

    @property
    def right(self) -> bool:
        """Whether each run has one row, settled once, and nothing else is wrong."""
        return not self.wrong and not self.left_open and self.runs == self.rows == self.settled_once


def watch(db: Database) -> None:
    """From now on each change of an attempt's row is noted, by whatever process it is made."""
    with db.write_core() as connection:
        for statement in WATCH[connection.dialect.name]:
            connection.exec_driver_sql(statement)


def adds_up(db: Database, *, asked: int) -> None:
    """Fails unless the ledger adds up: one row for each question that was asked, each settled, and in its day.

    Args:
        asked: how many questions were asked of this database, each of one column.
    """
    real = ATTEMPTS.c.sample.is_(False)
    with db.read() as session:
        connection = session.connection()
        by_status = (
            sa.select(ATTEMPTS.c.status, sa.func.count().label("number")).where(real).group_by(ATTEMPTS.c.status)
        )
        statuses = {row.status: row.number for row in connection.execute(by_status)}
        no_time = connection.execute(
            sa.select(sa.func.count()).where(real, ATTEMPTS.c.settled_at.is_(None))
        ).scalar_one()
    assert sum(statuses.values()) == asked, f"{asked} questions, but these rows: {statuses}"
    assert "reserved" not in statuses, f"left open: {statuses}"
    assert no_time == 0
    with db.read() as session:
        connection = session.connection()
        companies = connection.execute(sa.select(ATTEMPTS.c.company_id).distinct()).scalars().all()
        wrong = [str(one) for company_id in companies for one in differences(connection, company_id=company_id)]
    assert wrong == [], f"not what the rows add up to: {wrong}"


def kept(db: Database, text: str) -> tuple[str, UUID | None]:
    """The text that the database has of the answer to a question, and the process that writes it."""
    rows = _answers(db, {text}).get(text, [])
    return (rows[0]["text"], rows[0]["process_id"]) if rows else ("", None)


def lease_until(db: Database, process_id: UUID) -> datetime:
    """Until when that process counts as alive."""
    with db.read() as session:
        query = sa.select(LEASES.c.expires_at).where(LEASES.c.id == process_id)
        found: datetime = session.connection().execute(query).scalar_one()
    return found


def wait_settled(db: Database, asked: Collection[Asked], *, timeout: float) -> None:
    """Waits until none of these is open any more, or the time (seconds) is over: whoever judges will see."""
    end = time.monotonic() + timeout
    open_rows = sa.select(sa.func.count()).where(ATTEMPTS.c.status == "reserved", ATTEMPTS.c.sample.is_(False))
    while time.monotonic() < end:
        with db.read() as session:
            if not session.connection().execute(open_rows).scalar():
                return
        time.sleep(0.05)


def judge(db: Database, asked: Collection[Asked], seen: Collection[Seen]) -> Found:
    """What came of these runs. One whose answer was over before its ending began is late, and does not count.

    Args:
        seen: all that the provider saw.
    """
    answers = _answers(db, {one.text for one in asked})
    requests: dict[str, list[Seen]] = {}
    for request in seen:
        requests.setdefault(str(request.body["messages"][-1]["content"]), []).append(request)
    found = Found()
    for one in asked:
        mine = requests.get(one.text, [])
        late = not one.trouble and bool(mine) and mine[0].ended is not None and mine[0].ended <= one.at
        rows = answers.get(one.text, [])
        attempts = [row for row in rows if row["status"] is not None]
        once = [row for row in attempts if _settled_once(row)]
        wrong = [] if late else _wrong(one, rows, mine)
        found += Found(
            runs=0 if late else 1,
            rows=0 if late else len(attempts),
            settled_once=0 if late else len(once),
            left_open=sum(row["status"] == "reserved" for row in attempts),
            late=int(late),
            wrong=[f"{one.text}: {'; '.join(wrong)}"] if wrong else [],
        )
    return found


def _settled_once(row: Mapping[str, Any]) -> bool:
    return row["status"] != "reserved" and row["settled_at"] is not None and row["settlements"] == 1


def _wrong(one: Asked, rows: list[Mapping[str, Any]], seen: list[Seen]) -> list[str]:
    if one.trouble:
        return [one.trouble]
    if len(rows) != 1 or len(seen) != 1:
        return [f"{len(rows)} rows, {len(seen)} requests"]
    ending, row, request = one.ending, rows[0], seen[0]
    expected = {"status": ending.status, "answered": True, "state": ending.state, "settlements": 1}
    wrong = [f"{name} is {row[name]!r}, not {value!r}" for name, value in expected.items() if row[name] != value]
    if row["settled_at"] is None or row["finished_at"] is None:
        wrong.append("no time of its end")
    elif one.lease_until is not None and row["settled_at"] < one.lease_until:
        wrong.append("settled while its lease still stood")
    if (row["error"] is not None) != (ending.status == "error"):
        wrong.append(f"error is {row['error']!r}")
    meant = plan(one.choice.paced)
    assert meant is not None
    whole = "".join(meant.words or ())
    if not row["text"] or not (row["text"] == whole if ending.whole else whole.startswith(row["text"])):
        wrong.append(f"its text is not the provider's: {len(row['text'])} of {len(whole)} characters")
    elif row["text"].split()[: len(one.began.split())] != one.began.split():
        wrong.append(f"a person had seen more than was kept: {one.began!r}, {row['text']!r}")
    if request.open or (request.aborted is not None) != ending.cut:
        wrong.append("the provider was hung up on" if request.aborted else "the provider was not hung up on")
    return wrong


def _answers(db: Database, texts: Collection[str]) -> dict[str, list[Mapping[str, Any]]]:
    """By question: a row for each attempt at it, with its answer; one without an attempt where there is none."""
    changes = sa.select(sa.func.count()).where(
        CHANGES.c.attempt_id == ATTEMPTS.c.id, ~((CHANGES.c.before == "reserved") & (CHANGES.c.after == "reserved"))
    )
    query = (
        sa.select(
            TURNS.c.parts,
            *(ANSWERS.c.text, ANSWERS.c.state, ANSWERS.c.finished_at, ANSWERS.c.process_id),
            *(ATTEMPTS.c.status, ATTEMPTS.c.answered, ATTEMPTS.c.error, ATTEMPTS.c.settled_at),
            changes.scalar_subquery().label("settlements"),
        )
        .select_from(TURNS)
        .join(CONVERSATIONS, (CONVERSATIONS.c.id == TURNS.c.conversation_id) & CONVERSATIONS.c.sample.is_(False))
        .join(ANSWERS, ANSWERS.c.turn_id == TURNS.c.id)
        .outerjoin(ATTEMPTS, ATTEMPTS.c.answer_id == ANSWERS.c.id)
    )
    if len(texts) == 1:
        query = query.where(sa.cast(TURNS.c.parts, sa.String).contains(next(iter(texts)), autoescape=True))
    found: dict[str, list[Mapping[str, Any]]] = {}
    with db.read() as session:
        for row in session.connection().execute(query).mappings():
            if (text := row["parts"][0]["text"]) in texts:
                found.setdefault(text, []).append(dict(row))
    return found
