"""A company that talks: real runner, wire and rows, a fake provider, and routes that always lead to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import httpx

from byok.core.catalogue import Catalogue
from byok.core.model_names import ModelName
from byok.core.plans import Plan, Plans
from byok.ground.clock import utc_now
from byok.ground.db import Database
from byok.ground.errors import ProPlanNeededError
from byok.ground.ids import new_id
from byok.ground.tables import Chatbot
from byok.services.access import Actor, Grant, Reads
from byok.services.conversation_views import AnswerView, Asked
from byok.services.conversations import Conversations
from byok.services.routes import Route
from byok.services.usage import Usage
from tests.fake_provider import FakeProvider, fake_provider
from tests.run_world import BYOK, Author, Process

KEY_ID = new_id()
PLANS = Plans(
    {
        "pro": Plan(id="pro", name="Pro", checked=date(2026, 11, 23), messages=10, byok=True, models=("fake/fake-1",)),
        "basic": Plan(id="basic", name="Basic", checked=date(2026, 11, 23), messages=3, byok=False, models=()),
    }
)


class StubRoutes:
    """Leads every model to the fake provider; an own key only where the plan has them."""

    def __init__(self, fake: FakeProvider) -> None:
        self.fake = fake

    def find(self, session: Reads, grant: Grant, name: ModelName, *, key_id: UUID | None = None) -> Route:
        own = name.source == "byok"
        if own and not grant.plan.byok:
            raise ProPlanNeededError("Own keys are not part of it.")
        return Route(
            name=name,
            provider=self.fake.provider,
            auth=httpx.Auth(),
            key_id=(key_id or KEY_ID) if own else None,
            key_label="Product team" if own else None,
            key_hint="4f2a" if own else None,
            locate=lambda: self.fake.base_url,
        )


class TalkWorld:
    """One company and its admin `ada`; `max` is a member of it."""

    def __init__(self, db: Database, fake: FakeProvider, *, plan: str = "pro") -> None:
        self.db, self.fake = db, fake
        self.process = Process(db)
        self.author = Author(db, plan=plan)
        self.author.add_key(KEY_ID)
        self.ada = Actor(self.author.company_id, self.author.person_id)
        self.max = Actor(self.author.company_id, self.author.add_person("max", "member"))
        self.catalogue = Catalogue({"fake": fake.provider})
        self.talk = Conversations(
            db=db, plans=PLANS, catalogue=self.catalogue, routes=StubRoutes(fake), runner=self.process.runner
        )

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

    def add_chatbot(self, **fields: Any) -> UUID:
        """A chatbot of the company."""
        now = datetime.now(UTC)
        bot = Chatbot(company_id=self.author.company_id, name="Bot", created_at=now, updated_at=now, **fields)
        with self.db.write() as session:
            session.add(bot)
        return bot.id


@contextmanager
def talk_world(db: Database, **settings: Any) -> Iterator[TalkWorld]:
    """A world that is closed at the end."""
    with fake_provider() as fake:
        made = TalkWorld(db, fake, **settings)
        try:
            yield made
        finally:
            made.process.close()
