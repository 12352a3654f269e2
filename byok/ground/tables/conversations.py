"""conversation -> turn -> column -> answer. An answer keeps the configuration that it ran with."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field

from byok.ground.tables.types import Row, belongs_to, moment, partial_index, primary_key


class Conversation(Row, table=True):
    """Private to its author; from `shared_at` on, all of the same company may read it."""

    __tablename__ = "conversation"
    __table_args__ = (sa.Index("ix_conversation_author", "person_id", "updated_at"),)

    id: UUID = primary_key()
    company_id: UUID = belongs_to("company.id")
    person_id: UUID = belongs_to("person.id", index=False)
    chatbot_id: UUID | None = belongs_to("chatbot.id", ondelete="SET NULL", nullable=True)
    title: str
    sample: bool = False
    shared_at: datetime | None = moment(nullable=True)
    created_at: datetime = moment()
    updated_at: datetime = moment()


class Turn(Row, table=True):
    """One user message. `parts` is a list, e.g. `[{"type": "text", "text": "..."}]`; edits branch by `parent_id`.

    `repeats` says how often each column was asked at once: more than once in a fair race.
    """

    __tablename__ = "turn"

    id: UUID = primary_key()
    conversation_id: UUID = belongs_to("conversation.id")
    parent_id: UUID | None = belongs_to("turn.id", nullable=True)
    parts: list[dict[str, Any]] = Field(sa_type=sa.JSON)
    repeats: int = 1
    created_at: datetime = moment()


class Column(Row, table=True):
    """One model's place in a conversation: what it will be asked with next. A removed one keeps its answers."""

    __tablename__ = "conversation_column"
    __table_args__ = (sa.UniqueConstraint("conversation_id", "position"),)

    id: UUID = primary_key()
    conversation_id: UUID = belongs_to("conversation.id")
    position: int
    model: str
    key_id: UUID | None = None
    parameters: dict[str, Any] = Field(sa_type=sa.JSON)
    system_prompt: str = ""
    removed_at: datetime | None = moment(nullable=True)


class Answer(Row, table=True):
    """What a column answered to a turn. `state`: running, complete, stopped, interrupted or failed.

    `configuration` is what it ran with: model, key_id, parameters, system_prompt; `instead_of` is the model that was
    asked for, and `put_in` the parameters, where those were others. `process_id` names the process that runs it;
    `stop_requested` is the flag by which any process can ask that one to stop.
    """

    __tablename__ = "answer"
    __table_args__ = (
        sa.UniqueConstraint("turn_id", "column_id", "version"),
        partial_index("ix_answer_running", "process_id", where="state = 'running'"),
    )

    id: UUID = primary_key()
    turn_id: UUID = belongs_to("turn.id")
    column_id: UUID = belongs_to("conversation_column.id")
    version: int = 1
    configuration: dict[str, Any] = Field(sa_type=sa.JSON)
    text: str = ""
    reasoning: str = ""
    state: str = "running"
    error: str | None = None
    finish_reason: str | None = None
    process_id: UUID
    stop_requested: bool = False
    created_at: datetime = moment()
    finished_at: datetime | None = moment(nullable=True)
