"""Conversations of the time when there was one column: they open, go on, and take further columns."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from byok.core.parameters import Parameters
from byok.ground import schema
from byok.ground.db import Database
from byok.ground.ids import new_id
from byok.ground.tables.types import metadata
from byok.services.access import Actor
from byok.services.messages import Ask, Message
from tests.conftest import NewUrl
from tests.run_world import PLAN
from tests.services.talk_world import column, echo, talk_world, told

THEN = datetime(2026, 11, 2, 12, tzinfo=UTC)
BEFORE_COLUMNS = "0002"
SETTINGS = {"temperature": 0.2, "max_tokens": 200_000}


def write(db: Database, table: str, **values: Any) -> UUID:
    """A row with no other columns than were there then; its id."""
    values = {"id": new_id()} | values
    its = metadata.tables[table].c
    then = sa.table(table, *(sa.column(name, its[name].type) for name in values))
    with db.write_core() as connection:
        connection.execute(sa.insert(then).values(**values))
    row_id = values["id"]
    assert isinstance(row_id, UUID)
    return row_id


def conversation_of_then(db: Database) -> tuple[Actor, UUID, UUID]:
    """Who wrote it, its id, and its column's: one question, one answer."""
    company = {"slug": "old", "name": "Old", "plan": "pro", "fingerprint_key": b"", "sample": False}
    company_id = write(db, "company", created_at=THEN, **company)
    person = {"username": "ida", "name": "Ida", "role": "member", "password_hash": ""}
    person_id = write(db, "person", company_id=company_id, created_at=THEN, **person)
    owner = {"company_id": company_id, "person_id": person_id, "sample": False}
    kept = write(db, "conversation", title="Then", created_at=THEN, updated_at=THEN, **owner)
    turn = write(db, "turn", conversation_id=kept, parts=[{"type": "text", "text": "one"}], created_at=THEN)
    setup = {"model": str(PLAN), "parameters": SETTINGS, "system_prompt": "Be brief."}
    its_column = write(db, "conversation_column", conversation_id=kept, position=0, **setup)
    ran = {"configuration": setup, "text": "an answer of then", "reasoning": "", "state": "complete"}
    more = {"process_id": new_id(), "stop_requested": False, "created_at": THEN, "finished_at": THEN}
    write(db, "answer", turn_id=turn, column_id=its_column, version=1, **ran, **more)
    return Actor(company_id, person_id), kept, its_column


def test_a_conversation_of_one_column_opens_goes_on_and_takes_another(new_url: NewUrl) -> None:
    db = Database(new_url())
    schema.upgrade(db, to=BEFORE_COLUMNS)
    ida, conversation_id, first = conversation_of_then(db)
    schema.upgrade(db)
    with talk_world(db) as one:
        one.fake.script = echo
        thread = one.talk.thread(ida, conversation_id)
        (turn,) = thread.turns
        assert [(answer.text, answer.version) for answer in turn.of(first)] == [("an answer of then", 1)]
        assert (turn.repeats, thread.conversation.shared, thread.conversation.author) == (1, False, "Ida")
        assert [(kept.position, kept.removed) for kept in thread.columns] == [(0, False)]
        assert thread.columns[0].parameters == Parameters(temperature=0.2, max_tokens=200_000)

        columns = [thread.columns[0].setup, column("fake-1", source="plan")]
        asked = one.talk.send(ida, Message([Ask("two")], columns, conversation_id))
        lives = [one.process.runner.live(answer_id) for answer_id in asked.answer_ids]
        assert all(live is None or live.wait_end(timeout=10) for live in lives)
        assert sorted(told(one.fake, "fake-1"), key=len) == [["two"], ["Be brief.", "one", "an answer of then", "two"]]
        (longer,) = [body for body in one.fake.requests if len(body["messages"]) == 4]
        assert (longer["temperature"], longer["max_tokens"]) == (0.2, 200_000)

        again = one.talk.again(ida, turn.answers[0].id)
        live = one.process.runner.live(again.answer_ids[0])
        assert live is None or live.wait_end(timeout=10)
        assert [a.text for a in one.talk.thread(ida, conversation_id).turns[0].of(first)] == [
            "an answer of then",
            "fake-1: one",
        ]
    db.close()
