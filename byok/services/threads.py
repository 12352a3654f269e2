"""Reads conversations for their author: the list, the whole of one, single answers. Checks nothing: callers admit.

Text of an answer that this process is writing comes from its buffer, all else from the rows.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from byok.core.catalogue import Catalogue
from byok.core.live import Live
from byok.core.parameters import Parameters
from byok.core.runner import Runner
from byok.ground.tables.types import metadata
from byok.services.columns import columns_of
from byok.services.conversation_views import (
    AnswerView,
    ConversationView,
    ReceiptView,
    ThreadView,
    TurnView,
    receipt_view,
    text_of,
)
from byok.services.turn_order import in_order

CONVERSATIONS = metadata.tables["conversation"]
TURNS = metadata.tables["turn"]
COLUMNS = metadata.tables["conversation_column"]
ANSWERS = metadata.tables["answer"]
PEOPLE = metadata.tables["person"]
ATTEMPTS = metadata.tables["attempt"]


class Threads:
    """Turns rows into views."""

    def __init__(self, *, catalogue: Catalogue, runner: Runner) -> None:
        self._catalogue, self._runner = catalogue, runner

    def listed(
        self,
        connection: sa.Connection,
        which: sa.ColumnElement[bool],
        *,
        search: str,
        limit: int,
        reader: UUID | None,
    ) -> list[ConversationView]:
        """The conversations that `which` selects, last used first.

        Args:
            reader: the person who reads.
        """
        c, k, p = CONVERSATIONS.c, COLUMNS.c, PEOPLE.c
        other = COLUMNS.alias()
        its = (other.c.conversation_id == c.id) & other.c.removed_at.is_(None)
        first = sa.select(sa.func.min(other.c.position)).where(its).scalar_subquery()
        query = (
            sa.select(*c, k.model, k.key_id, p.name.label("author"))
            .select_from(CONVERSATIONS.join(PEOPLE, p.id == c.person_id))
            .outerjoin(COLUMNS, (k.conversation_id == c.id) & (k.position == first))
            .where(which)
            .order_by(c.updated_at.desc(), c.id.desc())
            .limit(limit)
        )
        if search:
            said = sa.select(TURNS.c.id).where(TURNS.c.conversation_id == c.id)
            asked = said.where(TURNS.c.parts[0]["text"].as_string().icontains(search, autoescape=True))
            answered = said.join(ANSWERS, ANSWERS.c.turn_id == TURNS.c.id).where(
                ANSWERS.c.text.icontains(search, autoescape=True)
            )
            query = query.where(c.title.icontains(search, autoescape=True) | sa.exists(asked) | sa.exists(answered))
        return [_conversation(row, reader) for row in connection.execute(query).mappings()]

    def thread(self, connection: sa.Connection, conversation_id: UUID, *, reader: UUID | None) -> ThreadView:
        """All of one conversation."""
        which = CONVERSATIONS.c.id == conversation_id
        (conversation,) = self.listed(connection, which, search="", limit=1, reader=reader)
        t = TURNS.c
        # Answers first: a turn that came in between is missing then, and not one whose answers are missing.
        answers: dict[UUID, list[AnswerView]] = defaultdict(list)
        for answer in self.answers(connection, t.conversation_id == conversation_id):
            answers[answer.turn_id].append(answer)
        query = sa.select(t.id, t.parent_id, t.parts, t.repeats, t.created_at).where(
            t.conversation_id == conversation_id
        )
        turns = in_order(
            TurnView(row.id, row.parent_id, text_of(row.parts), tuple(answers[row.id]), row.created_at, row.repeats)
            for row in connection.execute(query.order_by(t.created_at, t.id))
        )
        return ThreadView(conversation, tuple(turns.values()), tuple(columns_of(connection, conversation_id)))

    def answers(self, connection: sa.Connection, which: sa.ColumnElement[bool]) -> list[AnswerView]:
        """The answers that `which` selects, oldest first."""
        lives = self._runner.lives()
        rows = self._rows(connection, which)
        if any(row["state"] == "running" and (live := lives.get(row["id"])) and not live.running for row in rows):
            connection.rollback()  # it ended between the two looks: a new transaction sees the row that it left
            rows = self._rows(connection, which)
        return [self._answer(row, lives.get(row["id"]) or self._runner.live(row["id"])) for row in rows]

    def _rows(self, connection: sa.Connection, which: sa.ColumnElement[bool]) -> list[Any]:
        a, p = ANSWERS.c, ATTEMPTS.c
        figures = [column for column in p if column.name not in a]
        query = (
            sa.select(*a, *figures, p.id.label("attempt_id"), p.status)
            .select_from(ANSWERS.join(TURNS, TURNS.c.id == a.turn_id).outerjoin(ATTEMPTS, p.answer_id == a.id))
            .where(which)
            .order_by(a.created_at, a.id, p.reserved_at, p.id)
        )
        # Of several attempts the last one stays: it is the one that the receipt shows.
        return list({row["id"]: row for row in connection.execute(query).mappings()}.values())

    def _answer(self, row: Any, live: Live | None) -> AnswerView:
        text, reasoning, note, ran_with = row["text"], row["reasoning"], None, row["configuration"]
        if live is not None and row["state"] == "running":
            now = live.snapshot()
            text, reasoning, note = now.text, now.reasoning, now.note
        return AnswerView(
            id=row["id"],
            turn_id=row["turn_id"],
            column_id=row["column_id"],
            version=row["version"],
            model=ran_with["model"],
            text=text,
            reasoning=reasoning,
            state=row["state"],
            error=row["error"],
            finish_reason=row["finish_reason"],
            receipt=self._receipt(row),
            created_at=row["created_at"],
            finished_at=row["finished_at"],
            key_id=UUID(ran_with["key_id"]) if ran_with.get("key_id") else None,
            parameters=Parameters.of(ran_with.get("parameters") or {}),
            system_prompt=ran_with.get("system_prompt") or "",
            note=note,
            instead_of=ran_with.get("instead_of"),
            put_in=Parameters.of(ran_with["put_in"]) if "put_in" in ran_with else None,
        )

    def _receipt(self, row: Any) -> ReceiptView | None:
        if row["attempt_id"] is None:
            return None
        return receipt_view(
            row, provider=self._catalogue.name_of(row["provider_id"]), finish_reason=row["finish_reason"]
        )


def _conversation(row: Any, reader: UUID | None) -> ConversationView:
    names = ("id", "title", "chatbot_id", "model", "key_id", "sample", "created_at", "updated_at", "author")
    more = {"shared": row["shared_at"] is not None, "mine": row["person_id"] == reader}
    return ConversationView(**{name: row[name] for name in names}, **more)
