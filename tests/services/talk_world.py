"""A company that talks: real runner, wire and rows, a fake provider, and routes that always lead to it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import httpx
import sqlalchemy as sa

from byok.core.audit import Chains
from byok.core.catalogue import Catalogue
from byok.core.key_auth import KeyAuth
from byok.core.model_names import ModelName
from byok.core.plans import Plan, Plans
from byok.ground.clock import utc_now
from byok.ground.db import Database
from byok.ground.errors import ModelGoneError, ProPlanNeededError
from byok.ground.ids import new_id
from byok.ground.tables import Chatbot
from byok.ground.tables.types import metadata
from byok.services.access import Actor, Grant, Reads, connection_of
from byok.services.columns import ColumnSetup
from byok.services.conversation_views import AnswerView, Asked
from byok.services.conversations import Conversations
from byok.services.messages import Ask, Message
from byok.services.routes import Route
from byok.services.usage import Usage
from tests.audit_world import fresh_vault
from tests.fake_provider import Exchange, FakeProvider, Script, answer, fake_provider, held
from tests.run_world import BYOK, Author, Process

KEY_ID = new_id()
PLANS = Plans(
    {
        "pro": Plan(id="pro", name="Pro", checked=date(2026, 11, 23), messages=10, byok=True, models=("fake/fake-1",)),
        "basic": Plan(id="basic", name="Basic", checked=date(2026, 11, 23), messages=3, byok=False, models=()),
    }
)


class StubRoutes:
    """Leads every model to its fake provider, `gone` apart; an own key only where the plan has them and it is there.

    In a key's place its id is sent.
    """

    def __init__(self, *fakes: FakeProvider) -> None:
        self.fakes = {fake.provider.id: fake for fake in fakes}

    def find(self, session: Reads, grant: Grant, name: ModelName, *, key_id: UUID | None = None) -> Route:
        own = name.source == "byok"
        if own and not grant.plan.byok:
            raise ProPlanNeededError("Own keys are not part of it.")
        if name.model == "gone":
            raise ModelGoneError("It is gone.")
        keys = metadata.tables["api_key"].c
        which = keys.id == key_id if key_id else keys.is_default
        key = connection_of(session).execute(sa.select(keys.id).where(keys.company_id == grant.company.id, which))
        found = key.scalar()
        if own and found is None:
            raise ModelGoneError("The key is gone.")
        fake = self.fakes[name.provider_id]
        return Route(
            name=name,
            provider=fake.provider,
            auth=KeyAuth(lambda: str(found), header="Authorization", prefix="Bearer ") if own else httpx.Auth(),
            key_id=found if own else None,
            key_label="Product team" if own else None,
            key_hint="4f2a" if own else None,
            locate=lambda: fake.base_url,
        )


class TalkWorld:
    """One company and its admin `ada`; `max` is a member of it.

    Args:
        others: further providers. process: settings of the process.
    """

    def __init__(
        self, db: Database, fake: FakeProvider, *others: FakeProvider, plan: str = "pro", **process: Any
    ) -> None:
        self.db, self.fake = db, fake
        self.vault = fresh_vault()
        self.chains = Chains(vault=self.vault)
        self.process = Process(db, chains=self.chains, **process)
        self.author = Author(db, plan=plan)
        self.author.add_key(KEY_ID)
        self.ada = Actor(self.author.company_id, self.author.person_id)
        self.max = Actor(self.author.company_id, self.author.add_person("max", "member"))
        self.catalogue = Catalogue({one.provider.id: one.provider for one in (fake, *others)})
        self.routes = StubRoutes(fake, *others)
        self.talk = self.talk_of(self.process)

    def talk_of(self, process: Process, **settings: Any) -> Conversations:
        """The service as another process has it."""
        more: dict[str, Any] = {"routes": self.routes, "runner": process.runner, "price": process.price} | settings
        return Conversations(db=self.db, plans=PLANS, catalogue=self.catalogue, **more)

    def usage(self, *, clock: Callable[[], datetime] = utc_now) -> Usage:
        """The usage service, at whatever time."""
        return Usage(db=self.db, plans=PLANS, catalogue=self.catalogue, clock=clock)

    def ask(
        self, text: str = "Hi", *, model: ModelName = BYOK, actor: Actor | None = None, **more: Any
    ) -> tuple[Asked, AnswerView]:
        """Asks and waits for the end."""
        actor = actor or self.ada
        asked = self.talk.ask(actor, text=text, model=model, **more)
        live = self.process.runner.live(asked.answer_ids[0])
        assert live is None or live.wait_end(timeout=10)
        return asked, self.talk.answer(actor, asked.answer_ids[0])

    def send(
        self, text: str, columns: Sequence[ColumnSetup], *, to: Collection[ColumnSetup] | None = None, **more: Any
    ) -> Asked:
        """Sends one message, to all columns or to those in `to`, and does not wait."""
        ids = None if to is None else {column.id for column in to}
        return self.talk.send(self.ada, Message([Ask(text, to=ids)], columns, **more))

    def ended(self, *asked: Asked) -> list[AnswerView]:
        """The answers once all of them have ended."""
        ids = [answer_id for one in asked for answer_id in one.answer_ids]
        for live in map(self.process.runner.live, ids):
            assert live is None or live.wait_end(timeout=10)
        views = {view.id: view for view in self.talk.answers(self.ada, ids)}
        return [views[answer_id] for answer_id in ids]

    def add_chatbot(self, **fields: Any) -> UUID:
        """A chatbot of the company."""
        now = datetime.now(UTC)
        bot = Chatbot(company_id=self.author.company_id, name="Bot", created_at=now, updated_at=now, **fields)
        with self.db.write() as session:
            session.add(bot)
        return bot.id


def column(model: str = "fake-1", *, source: str = "byok", **more: Any) -> ColumnSetup:
    """A new column of the fake provider."""
    return ColumnSetup(ModelName.parse(f"{source}:fake/{model}"), **more)


def told(fake: FakeProvider, model: str) -> list[list[str]]:
    """What each request to that model told it, in the order in which they came."""
    return [[message["content"] for message in body["messages"]] for body in fake.requests if body["model"] == model]


def echo(exchange: Exchange) -> None:
    """Answers with the model's name and the question: `fake-1: Hi`."""
    answer(f"{exchange.body['model']}: {exchange.body['messages'][-1]['content']}")(exchange)


def held_where(model: str, gate: threading.Event, *, text: str = "") -> Script:
    """Holds that model's answers (to that question alone, where one is named) until the gate opens; others echo."""

    def script(exchange: Exchange) -> None:
        hers = exchange.body["model"] == model and text in exchange.body["messages"][-1]["content"]
        (held(gate) if hers else echo)(exchange)

    return script


@contextmanager
def talk_world(
    db: Database, *others: FakeProvider, habits: Mapping[str, Any] | None = None, **settings: Any
) -> Iterator[TalkWorld]:
    """A world that is closed at the end.

    Args:
        others: further providers. habits: more of the provider's row.
    """
    with fake_provider(**habits or {}) as fake:
        made = TalkWorld(db, fake, *others, **settings)
        try:
            yield made
        finally:
            made.process.close()
