"""Opens conversations and takes them up again, inside the transaction of whoever asks. Only for their author."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from byok.core.run import storable
from byok.ground.errors import NotAllowedError, NotFoundError
from byok.ground.ids import new_id
from byok.ground.prepared import Prepared
from byok.ground.tables.types import metadata
from byok.services.access import Grant

CONVERSATIONS = metadata.tables["conversation"]

TITLE = 60  # characters

_c = CONVERSATIONS.c
_ADD_CONVERSATION = Prepared(
    sa.insert(CONVERSATIONS),
    columns=("id", "company_id", "person_id", "chatbot_id", "title", "sample", "created_at", "updated_at"),
)
_TOUCH = Prepared(
    sa.update(CONVERSATIONS)
    .where(_c.id == sa.bindparam("which"), _c.company_id == sa.bindparam("of"), _c.person_id == sa.bindparam("by"))
    .values(updated_at=sa.bindparam("at"))
    .returning(_c.chatbot_id)
)


@dataclass(frozen=True, slots=True)
class OpenConversation:
    """A conversation that its author asks in."""

    id: UUID
    chatbot_id: UUID | None


def begin(
    connection: sa.Connection, grant: Grant, *, chatbot_id: UUID | None, at: datetime, title: str = ""
) -> OpenConversation:
    """A new conversation, without columns yet.

    Raises:
        NotAllowedError: the operator asks, who is nobody's author.
    """
    if grant.person is None:
        raise NotAllowedError("A conversation belongs to a person.", next_step="Sign in as one.")
    made = OpenConversation(new_id(), chatbot_id)
    owner = {"company_id": grant.company.id, "person_id": grant.person.id, "chatbot_id": chatbot_id}
    row = {"id": made.id, **owner, "title": title, "sample": False, "created_at": at, "updated_at": at}
    _ADD_CONVERSATION.run(connection, row)
    return made


def go_on(connection: sa.Connection, grant: Grant, conversation_id: UUID, *, at: datetime) -> OpenConversation:
    """The author's conversation.

    Raises:
        NotFoundError: no such conversation, or another person's.
    """
    # Written first: on PostgreSQL this row is what makes two tabs ask one after the other.
    who = {"which": conversation_id, "of": grant.company.id, "by": grant.person.id if grant.person else None}
    touched = _TOUCH.run(connection, {**who, "at": at})
    if not touched:
        raise NotFoundError("There is no such conversation.")
    return OpenConversation(conversation_id, touched[0].chatbot_id)


def name_after(connection: sa.Connection, conversation_id: UUID, first_message: str) -> None:
    """Titles a conversation after its first message, unless it has a title."""
    untitled = (CONVERSATIONS.c.id == conversation_id) & (CONVERSATIONS.c.title == "")
    connection.execute(sa.update(CONVERSATIONS).where(untitled).values(title=title_of(first_message)))


def title_of(text: str) -> str:
    """A title of at most 60 characters, on one line."""
    line = " ".join(storable(text).split())
    return line if len(line) <= TITLE else line[: TITLE - 1].rstrip() + "…"
