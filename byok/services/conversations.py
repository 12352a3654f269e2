"""Conversations: ask, follow, stop, find again, rename, delete. Private to their author, admin or not.

Somebody else's conversation is not found, whoever asks. Deleting one keeps its rows in the ledger.
"""

from __future__ import annotations

from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from byok.core.catalogue import Catalogue
from byok.core.live import Live
from byok.core.model_names import ModelName
from byok.core.plans import Plans
from byok.core.runner import Runner
from byok.ground.clock import Clock, utc_now
from byok.ground.db import Database
from byok.ground.errors import InvalidInputError, NotFoundError
from byok.ground.tables.types import metadata
from byok.services.access import Actor, admit
from byok.services.asking import Asking, FindsRoutes
from byok.services.conversation_rows import title_of
from byok.services.conversation_views import AnswerView, Asked, ConversationView, ThreadView
from byok.services.threads import Threads

CONVERSATIONS = metadata.tables["conversation"]
TURNS = metadata.tables["turn"]
COLUMNS = metadata.tables["conversation_column"]
ANSWERS = metadata.tables["answer"]

STOPPING = 2.0  # seconds to wait for a stopped answer's last write, so that whoever reads next sees it stopped


class Conversations:
    """What pages and commands may do with conversations. Each call admits its actor anew."""

    def __init__(
        self,
        *,
        db: Database,
        plans: Plans,
        catalogue: Catalogue,
        routes: FindsRoutes,
        runner: Runner,
        clock: Clock = utc_now,
    ) -> None:
        self._db, self._plans, self._runner, self._clock = db, plans, runner, clock
        self._asking = Asking(db=db, plans=plans, routes=routes, runner=runner, clock=clock)
        self._threads = Threads(catalogue=catalogue, runner=runner)

    def start(
        self, actor: Actor, *, chatbot_id: UUID | None, model: ModelName, key_id: UUID | None = None
    ) -> ConversationView:
        """An empty conversation; `ask` makes one by itself where none is named."""
        conversation_id = self._asking.start(actor, chatbot_id=chatbot_id, model=model, key_id=key_id)
        return self.thread(actor, conversation_id).conversation

    def ask(
        self,
        actor: Actor,
        *,
        conversation_id: UUID | None = None,
        chatbot_id: UUID | None = None,
        text: str,
        model: ModelName,
        key_id: UUID | None = None,
    ) -> Asked:
        """Sends a message. Returns as soon as the rows are written; the answer grows in the runner.

        Args:
            conversation_id: None opens a new conversation.
            chatbot_id: whose instructions and settings a new conversation takes over; else ignored.
            key_id: pins one of the company's keys; None means the default one.

        Raises:
            InvalidInputError: the message is empty or too long, or the last answer is still being written.
            NotFoundError: no such conversation or chatbot, or another person's.
            PlanError: own keys are not part of the plan, or the month's messages are used up.
            ModelGoneError: the model or its key is not there any more.
            KeyUnreadableError: the key must be entered again.
        """
        return self._asking.ask(
            actor, conversation_id=conversation_id, chatbot_id=chatbot_id, text=text, model=model, key_id=key_id
        )

    def ask_once(
        self,
        actor: Actor,
        *,
        text: str,
        model: ModelName,
        key_id: UUID | None = None,
        system: str = "",
        temperature: float | None = None,
        max_tokens: int | None = None,
    ) -> Live:
        """Asks without a conversation, as the command line does; only the ledger keeps a row. Errors as `ask`.

        Returns:
            The buffer in which the answer grows; its `outcome` is the receipt.
        """
        wanted = {"temperature": temperature, "max_tokens": max_tokens}
        return self._asking.ask_once(actor, text=text, model=model, key_id=key_id, system=system, parameters=wanted)

    def list(self, actor: Actor, *, search: str = "", limit: int = 200) -> tuple[ConversationView, ...]:
        """The actor's conversations, last used first.

        Args:
            search: only those with this text in the title, a message or an answer, whatever its case.
        """
        with self._db.read() as session:
            admit(session, actor, self._plans)
            return tuple(self._threads.listed(session.connection(), _mine(actor), search=search.strip(), limit=limit))

    def get(self, actor: Actor, conversation_id: UUID) -> ConversationView:
        """One conversation without its messages.

        Raises:
            NotFoundError: no such conversation, or another person's.
        """
        with self._db.read() as session:
            self._admit(session, actor, conversation_id)
            wanted = CONVERSATIONS.c.id == conversation_id
            return self._threads.listed(session.connection(), wanted, search="", limit=1)[0]

    def thread(self, actor: Actor, conversation_id: UUID) -> ThreadView:
        """The whole conversation; running answers with their text up to this moment.

        Raises:
            NotFoundError: no such conversation, or another person's.
        """
        with self._db.read() as session:
            self._admit(session, actor, conversation_id)
            return self._threads.thread(session.connection(), conversation_id)

    def answer(self, actor: Actor, answer_id: UUID) -> AnswerView:
        """One answer; with its text up to this moment where it runs.

        Raises:
            NotFoundError: no such answer, or another person's.
        """
        with self._db.read() as session:
            self._admit(session, actor, self._conversation_of(session, answer_id))
            return self._threads.answers(session.connection(), ANSWERS.c.id == answer_id)[0]

    def running(self, actor: Actor, conversation_id: UUID) -> tuple[UUID, ...]:
        """The answers of a conversation that are being written, by whatever process."""
        with self._db.read() as session:
            self._admit(session, actor, conversation_id)
            return _running(session.connection(), conversation_id)

    def live(self, actor: Actor, answer_id: UUID) -> Live | None:
        """The growing answer's buffer, where this process writes it; else None, and `answer` has what there is.

        Raises:
            NotFoundError: no such answer, or another person's.
        """
        with self._db.read() as session:
            self._admit(session, actor, self._conversation_of(session, answer_id))
        return self._runner.live(answer_id)

    def stop(self, actor: Actor, answer_id: UUID) -> None:
        """Stops an answer and keeps what has arrived: at once here, within a second in another process.

        Raises:
            NotFoundError: no such answer, or another person's.
        """
        live = self.live(actor, answer_id)
        if live is not None:
            self._runner.stop(answer_id)
            live.wait_end(timeout=STOPPING)
            return
        running = (ANSWERS.c.id == answer_id) & (ANSWERS.c.state == "running")
        with self._db.write_core() as connection:
            connection.execute(sa.update(ANSWERS).where(running).values(stop_requested=True))

    def rename(self, actor: Actor, conversation_id: UUID, *, title: str) -> None:
        """Gives another title, of at most 60 characters.

        Raises:
            InvalidInputError: the title is empty.
            NotFoundError: no such conversation, or another person's.
        """
        title = title_of(title)
        if not title:
            raise InvalidInputError("The title is empty.", field="title")
        with self._db.write() as session:
            self._admit(session, actor, conversation_id)
            named = sa.update(CONVERSATIONS).where(CONVERSATIONS.c.id == conversation_id)
            session.connection().execute(named.values(title=title))

    def delete(self, actor: Actor, conversation_id: UUID) -> None:
        """Deletes a conversation for good; what still runs in it is stopped, in whatever process.

        Raises:
            NotFoundError: no such conversation, or another person's.
        """
        with self._db.write() as session:
            self._admit(session, actor, conversation_id)
            running = _running(session.connection(), conversation_id)
            session.connection().execute(sa.delete(CONVERSATIONS).where(CONVERSATIONS.c.id == conversation_id))
        for answer_id in running:
            self._runner.stop(answer_id)

    def _admit(self, session: Session, actor: Actor, conversation_id: UUID | None) -> None:
        admit(session, actor, self._plans)
        wanted = sa.select(CONVERSATIONS.c.id).where(CONVERSATIONS.c.id == conversation_id, _mine(actor))
        if session.connection().execute(wanted).one_or_none() is None:
            raise NotFoundError("There is no such conversation.")

    def _conversation_of(self, session: Session, answer_id: UUID) -> UUID | None:
        query = sa.select(TURNS.c.conversation_id).join(ANSWERS, ANSWERS.c.turn_id == TURNS.c.id)
        return session.connection().execute(query.where(ANSWERS.c.id == answer_id)).scalar()


def _mine(actor: Actor) -> sa.ColumnElement[bool]:
    c = CONVERSATIONS.c
    return (c.company_id == actor.company_id) & (c.person_id == actor.person_id)


def _running(connection: sa.Connection, conversation_id: UUID) -> tuple[UUID, ...]:
    query = sa.select(ANSWERS.c.id).join(TURNS, ANSWERS.c.turn_id == TURNS.c.id)
    query = query.where(TURNS.c.conversation_id == conversation_id, ANSWERS.c.state == "running")
    return tuple(connection.execute(query).scalars())
