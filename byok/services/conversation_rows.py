"""Opens conversations and takes them up again, inside the transaction of whoever asks. Only for their author."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from byok.core.model_names import ModelName
from byok.ground.errors import NotAllowedError, NotFoundError
from byok.ground.ids import new_id
from byok.ground.prepared import Prepared
from byok.ground.tables.types import metadata
from byok.services.access import Grant

CONVERSATIONS = metadata.tables["conversation"]
COLUMNS = metadata.tables["conversation_column"]
CHATBOTS = metadata.tables["chatbot"]

TITLE = 60  # characters

_c, _k = CONVERSATIONS.c, COLUMNS.c
_ADD_CONVERSATION = Prepared(
    sa.insert(CONVERSATIONS),
    columns=("id", "company_id", "person_id", "chatbot_id", "title", "sample", "created_at", "updated_at"),
)
_ADD_COLUMN = Prepared(
    sa.insert(COLUMNS),
    columns=("id", "conversation_id", "position", "model", "key_id", "parameters", "system_prompt"),
)
_TOUCH = Prepared(
    sa.update(CONVERSATIONS)
    .where(_c.id == sa.bindparam("which"), _c.company_id == sa.bindparam("of"), _c.person_id == sa.bindparam("by"))
    .values(updated_at=sa.bindparam("at"))
    .returning(_c.chatbot_id)
)
_FIRST_COLUMN = Prepared(
    sa.select(_k.id, _k.model, _k.key_id, _k.parameters, _k.system_prompt)
    .where(_k.conversation_id == sa.bindparam("which"))
    .order_by(_k.position)
    .limit(1)
)


@dataclass(frozen=True, slots=True)
class OpenColumn:
    """A conversation with the one column that is asked next; `parameters` holds what is set, nothing else."""

    conversation_id: UUID
    chatbot_id: UUID | None
    id: UUID
    parameters: dict[str, Any]
    system_prompt: str


def begin(
    connection: sa.Connection,
    grant: Grant,
    *,
    chatbot_id: UUID | None,
    model: ModelName,
    key_id: UUID | None,
    at: datetime,
    title: str = "",
) -> OpenColumn:
    """A new conversation with one column, set up as the chatbot is.

    Raises:
        NotAllowedError: the operator asks, who is nobody's author.
        NotFoundError: no such chatbot.
    """
    if grant.person is None:
        raise NotAllowedError("A conversation belongs to a person.", next_step="Sign in as one.")
    parameters: dict[str, Any] = {}
    system_prompt = ""
    if chatbot_id is not None:
        b = CHATBOTS.c
        its = sa.select(b.temperature, b.max_tokens, b.system_prompt)
        bot = connection.execute(its.where(b.id == chatbot_id, b.company_id == grant.company.id)).one_or_none()
        if bot is None:
            raise NotFoundError("There is no such chatbot.")
        wanted = {"temperature": bot.temperature, "max_tokens": bot.max_tokens}
        parameters = {name: value for name, value in wanted.items() if value is not None}
        system_prompt = bot.system_prompt
    made = OpenColumn(new_id(), chatbot_id, new_id(), parameters, system_prompt)
    owner = {"company_id": grant.company.id, "person_id": grant.person.id, "chatbot_id": chatbot_id}
    row = {"id": made.conversation_id, **owner, "title": title, "sample": False, "created_at": at, "updated_at": at}
    _ADD_CONVERSATION.run(connection, row)
    asked = {"model": str(model), "key_id": key_id, "parameters": parameters, "system_prompt": system_prompt}
    column = {"id": made.id, "conversation_id": made.conversation_id, "position": 0, **asked}
    _ADD_COLUMN.run(connection, column)
    return made


def go_on(
    connection: sa.Connection,
    grant: Grant,
    conversation_id: UUID,
    *,
    model: ModelName,
    key_id: UUID | None,
    at: datetime,
) -> OpenColumn:
    """The author's conversation, its column set to the model that is asked next.

    Raises:
        NotFoundError: no such conversation, or another person's.
    """
    # Written first: on PostgreSQL this row is what makes two tabs ask one after the other.
    who = {"which": conversation_id, "of": grant.company.id, "by": grant.person.id if grant.person else None}
    touched = _TOUCH.run(connection, {**who, "at": at})
    if not touched:
        raise NotFoundError("There is no such conversation.")
    (column,) = _FIRST_COLUMN.run(connection, {"which": conversation_id})
    if (column.model, column.key_id) != (str(model), key_id):
        connection.execute(sa.update(COLUMNS).where(_k.id == column.id).values(model=str(model), key_id=key_id))
    return OpenColumn(conversation_id, touched[0].chatbot_id, column.id, column.parameters, column.system_prompt)


def name_after(connection: sa.Connection, conversation_id: UUID, first_message: str) -> None:
    """Titles a conversation after its first message, unless it has a title."""
    untitled = (CONVERSATIONS.c.id == conversation_id) & (CONVERSATIONS.c.title == "")
    connection.execute(sa.update(CONVERSATIONS).where(untitled).values(title=title_of(first_message)))


def title_of(text: str) -> str:
    """A title of at most 60 characters, on one line."""
    line = " ".join(text.split())
    return line if len(line) <= TITLE else line[: TITLE - 1].rstrip() + "…"
