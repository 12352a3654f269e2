"""Conversations: ask, follow, stop, find again, share, rename, delete. Private to their author until they are shared.

Somebody else's conversation is not found, whoever asks. Deleting one keeps its rows in the ledger.
"""

from __future__ import annotations

import builtins
import time
from collections.abc import Collection, Sequence
from uuid import UUID

import sqlalchemy as sa

from byok.core.catalogue import Catalogue
from byok.core.live import Live
from byok.core.model_names import ModelName
from byok.core.parameters import Parameters
from byok.core.plans import Plans
from byok.core.run import Pricing, storable
from byok.core.runner import Runner
from byok.ground.clock import Clock, utc_now
from byok.ground.db import Database
from byok.ground.errors import InvalidInputError
from byok.ground.tables.types import metadata
from byok.services import readers
from byok.services.access import Actor, admit
from byok.services.asking import Asking
from byok.services.booking import FindsRoutes
from byok.services.columns import ColumnSetup, ColumnView, arrange, columns_of
from byok.services.conversation_rows import go_on, title_of
from byok.services.conversation_views import AnswerView, Asked, ConversationView, ThreadView
from byok.services.messages import Message
from byok.services.threads import Threads

CONVERSATIONS = metadata.tables["conversation"]
ANSWERS = metadata.tables["answer"]

STOPPING = 2.0  # seconds to wait for stopped answers' last writes, so that whoever reads next sees them stopped


class Conversations:
    """What pages and commands may do with conversations. Each call admits its actor anew.

    Where a conversation or an answer is named, each raises NotFoundError if there is no such one, or if it is another
    person's and was not shared, or if it was shared and the call would change it.
    """

    def __init__(
        self,
        *,
        db: Database,
        plans: Plans,
        catalogue: Catalogue,
        routes: FindsRoutes,
        price: Pricing,
        runner: Runner,
        clock: Clock = utc_now,
    ) -> None:
        self._db, self._plans, self._runner, self._clock = db, plans, runner, clock
        self._asking = Asking(db=db, plans=plans, routes=routes, price=price, runner=runner, clock=clock)
        self._threads = Threads(catalogue=catalogue, runner=runner)

    def start(
        self, actor: Actor, *, chatbot_id: UUID | None, model: ModelName, key_id: UUID | None = None
    ) -> ConversationView:
        """An empty conversation with one column; `ask` and `send` make one by themselves where none is named."""
        conversation_id = self._asking.start(actor, chatbot_id=chatbot_id, model=model, key_id=key_id)
        return self.get(actor, conversation_id)

    def send(self, actor: Actor, sent: Message) -> Asked:
        """Sends a message to columns side by side. Returns once the rows are written; answers grow in the runner.

        A column that cannot be asked is answered by the reason, and holds up no other. One that still answers is asked
        when it has ended.

        Raises:
            InvalidInputError: the message, the columns or the repeats cannot be so; or all columns still answer.
            NotFoundError: no such conversation, chatbot or message.
            ByokError: no column at all could be asked; the first one's reason. Nothing was kept.
        """
        return self._asking.send(actor, sent)

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
        """Sends a message to the first column alone, set to that model. Errors as `send`.

        Args:
            conversation_id: None opens a new conversation.
            chatbot_id: whose instructions and settings a new conversation takes over; else ignored.
            key_id: pins one of the company's keys; None means the default one.
        """
        return self._asking.ask(
            actor, conversation_id=conversation_id, chatbot_id=chatbot_id, text=text, model=model, key_id=key_id
        )

    def again(self, actor: Actor, answer_id: UUID) -> Asked:
        """Asks for another version of one answer, as its column is set now. Earlier ones stay. Errors as `send`."""
        return self._asking.again(actor, answer_id)

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
        """Asks without a conversation, as the command line does; only the ledger keeps a row. Errors as `send`.

        Returns:
            The buffer in which the answer grows; its `outcome` is the receipt.
        """
        wanted = Parameters(temperature=temperature, max_tokens=max_tokens)
        return self._asking.ask_once(actor, text=text, model=model, key_id=key_id, system=system, parameters=wanted)

    def arrange(self, actor: Actor, conversation_id: UUID, setups: Sequence[ColumnSetup]) -> builtins.list[ColumnView]:
        """Sets the columns that are asked next; a removed one keeps its answers.

        Raises:
            InvalidInputError: none or too many, or one that cannot be set so.
        """
        with self._db.write_core() as connection:
            grant, at = admit(connection, actor, self._plans), self._clock()
            go_on(connection, grant, conversation_id, at=at)
            return arrange(connection, conversation_id, setups, before=columns_of(connection, conversation_id), at=at)

    def list(self, actor: Actor, *, search: str = "", limit: int = 200) -> tuple[ConversationView, ...]:
        """The actor's conversations, last used first.

        Args:
            search: only those with this text in the title, a message or an answer, whatever its case.
        """
        with self._db.read() as session:
            admit(session, actor, self._plans)
            which, search = readers.mine(actor), storable(search).strip()
            found = self._threads.listed(
                session.connection(), which, search=search, limit=limit, reader=actor.person_id
            )
            return tuple(found)

    def get(self, actor: Actor, conversation_id: UUID) -> ConversationView:
        """One conversation without its messages."""
        with self._db.read() as session:
            admit(session, actor, self._plans)
            readers.check(session.connection(), readers.readable(actor), conversation_id)
            wanted = CONVERSATIONS.c.id == conversation_id
            return self._threads.listed(session.connection(), wanted, search="", limit=1, reader=actor.person_id)[0]

    def thread(self, actor: Actor, conversation_id: UUID) -> ThreadView:
        """The whole conversation; running answers with their text up to this moment."""
        with self._db.read() as session:
            admit(session, actor, self._plans)
            readers.check(session.connection(), readers.readable(actor), conversation_id)
            return self._threads.thread(session.connection(), conversation_id, reader=actor.person_id)

    def answer(self, actor: Actor, answer_id: UUID) -> AnswerView:
        """One answer; with its text up to this moment where it runs."""
        return self.answers(actor, [answer_id])[0]

    def answers(self, actor: Actor, answer_ids: Collection[UUID]) -> builtins.list[AnswerView]:
        """Several answers, oldest first."""
        with self._db.read() as session:
            self._admit_answers(session.connection(), actor, answer_ids)
            return self._threads.answers(session.connection(), ANSWERS.c.id.in_(answer_ids))

    def running(self, actor: Actor, conversation_id: UUID) -> tuple[UUID, ...]:
        """The answers of a conversation that are being written, by whatever process."""
        with self._db.read() as session:
            admit(session, actor, self._plans)
            readers.check(session.connection(), readers.readable(actor), conversation_id)
            return readers.running(session.connection(), conversation_id)

    def places(self, actor: Actor, turn_ids: Collection[UUID]) -> dict[UUID, tuple[UUID, ...]]:
        """The ids of the answers to each of these messages, oldest first."""
        with self._db.read() as session:
            admit(session, actor, self._plans)
            return readers.answers_to(session.connection(), readers.readable(actor), turn_ids)

    def check(self, actor: Actor, answer_ids: Collection[UUID]) -> None:
        """Refuses as `answers` does, and reads none of them: cheap, for who looks again and again."""
        with self._db.read() as session:
            self._admit_answers(session.connection(), actor, answer_ids)

    def stop(self, actor: Actor, *answer_ids: UUID) -> None:
        """Stops answers and keeps what has arrived: at once here, within a second in another process."""
        with self._db.read() as session:
            self._admit_answers(session.connection(), actor, answer_ids, change=True)
        lives = [live for live in map(self._runner.live, answer_ids) if live is not None]
        for live in lives:
            self._runner.stop(live.answer_id)
        elsewhere = set(answer_ids) - {live.answer_id for live in lives}
        if elsewhere:
            still = ANSWERS.c.id.in_(elsewhere) & (ANSWERS.c.state == "running")
            with self._db.write_core() as connection:
                connection.execute(sa.update(ANSWERS).where(still).values(stop_requested=True))
        until = time.monotonic() + STOPPING
        for live in lives:
            live.wait_end(timeout=max(0.0, until - time.monotonic()))

    def rename(self, actor: Actor, conversation_id: UUID, *, title: str) -> None:
        """Gives another title, of at most 60 characters.

        Raises:
            InvalidInputError: the title is empty.
        """
        title = title_of(title)
        if not title:
            raise InvalidInputError("The title is empty.", field="title")
        self._change(actor, conversation_id, title=title)

    def share(self, actor: Actor, conversation_id: UUID, *, shared: bool) -> None:
        """Lets all of the company read it by its link, or takes that back."""
        self._change(actor, conversation_id, shared_at=self._clock() if shared else None)

    def delete(self, actor: Actor, conversation_id: UUID) -> None:
        """Deletes a conversation for good; what still runs in it is stopped, in whatever process."""
        with self._db.write_core() as connection:
            admit(connection, actor, self._plans)
            readers.check(connection, readers.mine(actor), conversation_id)
            running = readers.running(connection, conversation_id)
            connection.execute(sa.delete(CONVERSATIONS).where(CONVERSATIONS.c.id == conversation_id))
        for answer_id in running:
            self._runner.stop(answer_id)

    def _change(self, actor: Actor, conversation_id: UUID, **values: object) -> None:
        with self._db.write_core() as connection:
            admit(connection, actor, self._plans)
            readers.check(connection, readers.mine(actor), conversation_id)
            connection.execute(sa.update(CONVERSATIONS).where(CONVERSATIONS.c.id == conversation_id).values(**values))

    def _admit_answers(
        self, connection: sa.Connection, actor: Actor, answer_ids: Collection[UUID], *, change: bool = False
    ) -> None:
        admit(connection, actor, self._plans)
        readers.check_answers(connection, readers.mine(actor) if change else readers.readable(actor), answer_ids)
