"""Two companies in one database: whatever one has of its own carries a mark that must never reach the other.

`CALLS` says how each function is called with the rows of the first company, whoever calls.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import respx
import sqlalchemy as sa
from pydantic import SecretStr

from byok.core.audit import Happening
from byok.core.live import Live
from byok.core.model_names import ModelName
from byok.ground.clock import utc_now
from byok.ground.tables import Company, Person, metadata
from byok.process import Workbench
from byok.services.access import Actor
from byok.services.chatbots import ChatbotFields
from byok.services.columns import ColumnSetup
from byok.services.messages import Ask, Message
from byok.services.own_password import OwnPassword
from byok.services.passwords import hash_password
from byok.services.periods import Period
from tests.run_world import AT_ONCE
from tests.seeded import settings_of
from tests.services.key_world import fresh_key
from tests.wire_tools import chunk, sse, stream_of

MARK = "quill"
PASSWORD, NEW = SecretStr("nine tin whistles"), SecretStr("eleven tin drums")
OWN = ModelName("byok", "openai", "gpt-5.4-mini")
OPENAI = "https://api.openai.com/v1"
SIGN_OF_LIFE = "process_lease"
CHEAPEST = 4
Rows = dict[str, list[tuple[Any, ...]]]


class MatrixWorld:
    """Quill (Pro): admin ada and member max, with one row of every kind. Rival (Pro): admin eve, with none."""

    def __init__(self, bench: Workbench, router: respx.Router) -> None:
        self.bench, self.router = bench, router
        listed = {"object": "list", "data": [{"id": OWN.model, "object": "model", "created": 1}]}
        router.get(f"{OPENAI}/models").mock(return_value=httpx.Response(200, json=listed))
        router.post(f"{OPENAI}/chat/completions").mock(side_effect=lambda _: stream_of(sse(chunk(f"{MARK} answer"))))
        self.period = Period.last_days(2, today=utc_now().date())
        bench.own_password = OwnPassword(
            db=bench.db,
            plans=bench.plans,
            throttle=bench.throttle,
            chains=bench.chains,
            clock=bench.clock,
            cost=CHEAPEST,
        )
        self._people()
        self._rows()
        self.saved = self.snapshot()

    def _people(self) -> None:
        hashed = hash_password(PASSWORD, cost=CHEAPEST)
        with self.bench.db.write() as session:
            for slug, sample, people in (
                (MARK, True, (("ada", "admin"), ("max", "member"), ("out", "admin"))),
                ("rival", False, (("eve", "admin"), ("eva", "admin"))),
            ):
                key = b""
                company = Company(
                    slug=slug, name=f"{slug} company", plan="pro", fingerprint_key=key, created_at=utc_now()
                )
                company.sample = sample
                company.fingerprint_key = self.bench.vault.new_fingerprint_key(company_id=company.id)
                session.add(company)
                session.flush()
                for username, role in people:
                    person = Person(
                        company_id=company.id,
                        username=username,
                        name=f"{slug} {username}",
                        role=role,
                        password_hash=hashed,
                        created_at=utc_now(),
                    )
                    person.disabled_at = utc_now() if username == "out" else None
                    session.add(person)
                    session.flush()
                    setattr(self, username, Actor(company.id, person.id))
        self.gone = Actor(self.ada.company_id, UUID(int=7))
        self.forged = Actor(self.ada.company_id, self.eve.person_id)

    ada: Actor
    max: Actor
    out: Actor
    eve: Actor
    eva: Actor

    def _rows(self) -> None:
        bench, ada = self.bench, self.ada
        self.key_id = self._key("one")
        self.spare_id = self._key("two")
        draft = bench.keys.draft(ada, provider_id="openai", pasted=SecretStr(fresh_key()))
        bench.keys.test_draft(ada, draft.id)
        self.draft_id = draft.id
        fields = ChatbotFields(name=f"{MARK} bot", system_prompt=f"{MARK} prompt")
        self.chatbot_id = bench.chatbots.create(ada, fields).id
        asked = bench.conversations.ask(ada, text=f"{MARK} question", model=OWN)
        self.settle(asked.answer_ids)
        self.conversation_id, self.turn_id, self.answer_id = asked.conversation_id, asked.turn_id, asked.answer_ids[0]
        bench.budgets.set(ada, "openai", "10")
        bench.own_prices.set(ada, "openai", OWN.model, multiplier="0.5")
        with bench.db.write() as session:
            # The other company's record has begun as well: its beginning is noted in the operator's, once.
            begun = Happening("company.added", chain_id=self.eve.company_id)
            bench.chains.add(session.connection(), begun, at=utc_now())
        with bench.db.read() as session:
            self.attempt_id = session.connection().execute(sa.select(metadata.tables["attempt"].c.id)).scalar_one()

    def _key(self, label: str) -> UUID:
        keys = self.bench.keys
        draft = keys.draft(self.ada, provider_id="openai", pasted=SecretStr(fresh_key()))
        keys.test_draft(self.ada, draft.id)
        return keys.save_draft(self.ada, draft.id, label=f"{MARK} key {label}").id

    def settle(self, answer_ids: Sequence[UUID]) -> None:
        """Waits until these answers have ended."""
        for live in map(self.bench.runner.live, answer_ids):
            assert live is None or live.wait_end(timeout=20)

    def snapshot(self) -> Rows:
        """Every row of every table, the process's own sign of life apart."""
        with self.bench.db.read() as session:
            connection = session.connection()
            return {
                table.name: [tuple(row) for row in connection.execute(sa.select(table).order_by(*table.primary_key))]
                for table in metadata.sorted_tables
                if table.name != SIGN_OF_LIFE
            }

    def restore(self) -> None:
        """Puts every row back to where the world began."""
        tables = [table for table in metadata.sorted_tables if table.name != SIGN_OF_LIFE]
        with self.bench.db.write_core() as connection:
            connection.execute(sa.text("PRAGMA defer_foreign_keys=ON"))
            for table in reversed(tables):
                connection.execute(sa.delete(table))
            for table in tables:
                rows = [dict(zip(table.columns.keys(), row, strict=True)) for row in self.saved[table.name]]
                if rows:
                    connection.execute(sa.insert(table), rows)

    def set_plan(self, plan: str) -> None:
        with self.bench.db.write() as session:
            session.get_one(Company, self.ada.company_id).plan = plan

    def share(self) -> None:
        self.bench.conversations.share(self.ada, self.conversation_id, shared=True)

    def column(self, key_id: UUID | None = None) -> ColumnSetup:
        return ColumnSetup(OWN, key_id)


@contextmanager
def matrix_world(home: Path) -> Iterator[MatrixWorld]:
    """The world, over an empty migrated database in `home`."""
    router = respx.Router(assert_all_called=False)
    transport = httpx.MockTransport(router.async_handler)
    settings = settings_of(home, demo=False)
    bench = Workbench.open(settings, transport=transport, retries=AT_ONCE, what="command")
    bench.settings = settings.model_copy(update={"demo": True})  # its services are there; nothing was seeded
    try:
        yield MatrixWorld(bench, router)
    finally:
        bench.close()


def _asked(world: MatrixWorld, asked: Any) -> Any:
    """What was asked, once it has been answered."""
    if isinstance(asked, Live):
        assert asked.wait_end(timeout=20)
        return None
    world.settle(asked.answer_ids)
    return None  # what one has asked oneself is one's own to read


Call = Callable[[MatrixWorld, Actor], Any]
FIELDS = ChatbotFields(name="New one")
CALLS: Mapping[str, Call] = {
    "keys.list": lambda w, a: w.bench.keys.list(a),
    "keys.erasing": lambda w, a: w.bench.keys.erasing(a),
    "keys.draft": lambda w, a: w.bench.keys.draft(a, provider_id="openai", pasted=SecretStr(fresh_key())),
    "keys.draft:replaces": lambda w, a: w.bench.keys.draft(
        a, provider_id="openai", pasted=SecretStr(fresh_key()), replaces=w.key_id
    ),
    "keys.test_draft": lambda w, a: w.bench.keys.test_draft(a, w.draft_id),
    "keys.save_draft": lambda w, a: w.bench.keys.save_draft(a, w.draft_id, label="New one"),
    "keys.discard_draft": lambda w, a: w.bench.keys.discard_draft(a, w.draft_id),
    "keys.test": lambda w, a: w.bench.keys.test(a, w.key_id),
    "keys.make_default": lambda w, a: w.bench.keys.make_default(a, w.spare_id),
    "keys.rename": lambda w, a: w.bench.keys.rename(a, w.key_id, label="Another"),
    "keys.used_by": lambda w, a: w.bench.keys.used_by(a, w.key_id),
    "keys.stored": lambda w, a: w.bench.keys.stored(a, w.key_id),
    "keys.delete": lambda w, a: w.bench.keys.delete(a, w.key_id),
    "models.menu": lambda w, a: w.bench.models.menu(a),
    "models.refresh": lambda w, a: w.bench.models.refresh(a, w.key_id),
    "chatbots.list": lambda w, a: w.bench.chatbots.list(a),
    "chatbots.get": lambda w, a: w.bench.chatbots.get(a, w.chatbot_id),
    "chatbots.create": lambda w, a: w.bench.chatbots.create(a, FIELDS),
    "chatbots.create:own key": lambda w, a: w.bench.chatbots.create(a, ChatbotFields("N", model=OWN, key_id=w.key_id)),
    "chatbots.edit": lambda w, a: w.bench.chatbots.edit(a, w.chatbot_id, FIELDS),
    "chatbots.edit:own key": lambda w, a: w.bench.chatbots.edit(
        a, w.chatbot_id, ChatbotFields("N", model=OWN, key_id=w.key_id)
    ),
    "chatbots.delete": lambda w, a: w.bench.chatbots.delete(a, w.chatbot_id),
    "conversations.start": lambda w, a: w.bench.conversations.start(a, chatbot_id=None, model=OWN),
    "conversations.start:chatbot": lambda w, a: w.bench.conversations.start(a, chatbot_id=w.chatbot_id, model=OWN),
    "conversations.ask": lambda w, a: _asked(w, w.bench.conversations.ask(a, text="Hi", model=OWN)),
    "conversations.ask:conversation": lambda w, a: _asked(
        w, w.bench.conversations.ask(a, text="Hi", model=OWN, conversation_id=w.conversation_id)
    ),
    "conversations.ask:chatbot": lambda w, a: _asked(
        w, w.bench.conversations.ask(a, text="Hi", model=OWN, chatbot_id=w.chatbot_id)
    ),
    "conversations.ask:key": lambda w, a: _asked(
        w, w.bench.conversations.ask(a, text="Hi", model=OWN, key_id=w.spare_id)
    ),
    "conversations.ask_once": lambda w, a: _asked(w, w.bench.conversations.ask_once(a, text="Hi", model=OWN)),
    "conversations.ask_once:key": lambda w, a: _asked(
        w, w.bench.conversations.ask_once(a, text="Hi", model=OWN, key_id=w.spare_id)
    ),
    "conversations.send": lambda w, a: _asked(w, w.bench.conversations.send(a, Message([Ask("Hi")], [w.column()]))),
    "conversations.send:conversation": lambda w, a: _asked(
        w, w.bench.conversations.send(a, Message([Ask("Hi")], [w.column()], w.conversation_id))
    ),
    "conversations.again": lambda w, a: _asked(w, w.bench.conversations.again(a, w.answer_id)),
    "conversations.arrange": lambda w, a: w.bench.conversations.arrange(a, w.conversation_id, [w.column()]),
    "conversations.list": lambda w, a: w.bench.conversations.list(a, search=MARK),
    "conversations.get": lambda w, a: w.bench.conversations.get(a, w.conversation_id),
    "conversations.thread": lambda w, a: w.bench.conversations.thread(a, w.conversation_id),
    "conversations.answer": lambda w, a: w.bench.conversations.answer(a, w.answer_id),
    "conversations.answers": lambda w, a: w.bench.conversations.answers(a, [w.answer_id]),
    "conversations.running": lambda w, a: w.bench.conversations.running(a, w.conversation_id),
    "conversations.places": lambda w, a: w.bench.conversations.places(a, [w.turn_id]),
    "conversations.check": lambda w, a: w.bench.conversations.check(a, [w.answer_id]),
    "conversations.stop": lambda w, a: w.bench.conversations.stop(a, w.answer_id),
    "conversations.rename": lambda w, a: w.bench.conversations.rename(a, w.conversation_id, title="Another"),
    "conversations.share": lambda w, a: w.bench.conversations.share(a, w.conversation_id, shared=True),
    "conversations.delete": lambda w, a: w.bench.conversations.delete(a, w.conversation_id),
    "forecasts.look": lambda w, a: w.bench.forecasts.look(a, [w.column(w.spare_id)], chatbot_id=w.chatbot_id),
    "forecasts.look:conversation": lambda w, a: w.bench.forecasts.look(
        a, [w.column()], conversation_id=w.conversation_id
    ),
    "usage.allowance": lambda w, a: w.bench.usage.allowance(a),
    "usage.attempts": lambda w, a: w.bench.usage.attempts(a, w.period),
    "usage.attempts:person": lambda w, a: w.bench.usage.attempts(a, w.period, where={"person_id": w.ada.person_id}),
    "usage.attempts_csv": lambda w, a: w.bench.usage.attempts_csv(a, w.period, limit=100),
    "usage.month": lambda w, a: w.bench.usage.month(a),
    "usage.months": lambda w, a: w.bench.usage.months(a),
    "usage.pace": lambda w, a: w.bench.usage.pace(a),
    "usage.steps": lambda w, a: w.bench.usage.steps(a, w.period, by="day"),
    "usage.table": lambda w, a: w.bench.usage.table(a, w.period, split="person"),
    "usage.table:keys": lambda w, a: w.bench.usage.table(a, w.period, split="key"),
    "usage.version": lambda w, a: w.bench.usage.version(a),
    "elsewhere.compare": lambda w, a: w.bench.elsewhere.compare(a, w.bench.usage.month(w.eve).total, []),
    "elsewhere.suggested": lambda w, a: w.bench.elsewhere.suggested(a, w.period),
    "budgets.list": lambda w, a: w.bench.budgets.list(a),
    "budgets.set": lambda w, a: w.bench.budgets.set(a, "openai", "5"),
    "budgets.clear": lambda w, a: w.bench.budgets.clear(a, "openai"),
    "own_prices.list": lambda w, a: w.bench.own_prices.list(a),
    "own_prices.set": lambda w, a: w.bench.own_prices.set(a, "openai", multiplier="0.9"),
    "own_prices.clear": lambda w, a: w.bench.own_prices.clear(a, "openai", OWN.model),
    "team.people": lambda w, a: w.bench.team.people(a),
    "team.invite": lambda w, a: w.bench.team.invite(a, username="newcomer", name="New", role="admin"),
    "team.reset": lambda w, a: w.bench.team.reset(a, _id(w.max)),
    "team.disable": lambda w, a: w.bench.team.disable(a, _id(w.max)),
    "team.enable": lambda w, a: w.bench.team.enable(a, _id(w.out)),
    "team.set_role": lambda w, a: w.bench.team.set_role(a, _id(w.max), "admin"),
    "own_password.change": lambda w, a: w.bench.own_password.change(a, present=PASSWORD, new=NEW),
    "demo.switch_to_pro": lambda w, a: w.bench.demo.switch_to_pro(a),
    "audit.list": lambda w, a: w.bench.audit.list(a),
    "audit.csv": lambda w, a: w.bench.audit.csv(a),
    "audit.choices": lambda w, a: w.bench.audit.choices(a),
    "audit.count": lambda w, a: w.bench.audit.count(a),
    "audit.verify": lambda w, a: w.bench.audit.verify(a),
    "corrections.correct": lambda w, a: w.bench.corrections.correct(a, w.attempt_id, reason="so", tokens_in=1),
}


def _id(actor: Actor) -> UUID:
    assert actor.person_id is not None
    return actor.person_id


def call(world: MatrixWorld, name: str, actor: Actor) -> Any:
    """Calls what a line of the table names. `:shared`: the conversation was shared with its company before."""
    plain, _, more = name.partition(":")
    return CALLS[plain if more == "shared" else name](world, actor)
