"""Companies, people and a process (loop, lease, wire, runner) for tests of what runs, on any database."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import httpx
import sqlalchemy as sa

from byok.core import ledger
from byok.core.audit import Chains
from byok.core.job import Job
from byok.core.leases import Lease
from byok.core.live import Live
from byok.core.loop import LoopThread
from byok.core.model_names import ModelName
from byok.core.prices import Price
from byok.core.provider import Provider
from byok.core.retries import Retries
from byok.core.run import Chats, Pricing
from byok.core.runner import Runner
from byok.core.waiting_line import WaitingLine
from byok.core.wire import ChatCall, Usage, Wire
from byok.ground.clock import utc_now
from byok.ground.db import Database
from byok.ground.ids import new_id
from byok.ground.tables import Answer, Column, Company, Conversation, Person, Turn
from byok.ground.tables.types import metadata
from tests.certificates import network_client
from tests.fake_provider import FakeProvider

NOVEMBER = datetime(2026, 11, 23, 12, tzinfo=UTC)
BYOK = ModelName("byok", "fake", "fake-1")
PLAN = ModelName("plan", "fake", "fake-1")
AT_ONCE = Retries(pauses=(0.0, 0.0))  # asks again without a pause


class Process:
    """What one process owns, over a database that may be shared with others."""

    def __init__(
        self,
        db: Database,
        *,
        tick: float = 0.02,
        retries: Retries = AT_ONCE,
        wire: Chats | None = None,
        clock: Callable[[], datetime] = utc_now,
        line: WaitingLine | None = None,
        price: Pricing | None = None,
        chains: Chains | None = None,
    ) -> None:
        self.db, self.price = db, price or cheap
        self.loop = LoopThread()
        self.http = network_client()
        self.lease = Lease(db=db, loop=self.loop, what="app", clock=clock)
        self.runner = Runner(
            db=db,
            loop=self.loop,
            wire=wire or Wire(self.http),
            lease=self.lease,
            price=self.price,
            chains=chains,
            retries=retries,
            line=line,
            tick=tick,
            clock=clock,
        )

    def close(self) -> None:
        """Ends it as the product does: runner, lease, client, loop."""
        self.runner.close()
        self.lease.close()
        self.loop.run(self.http.aclose())
        self.loop.close()

    def send(self, fake: FakeProvider, author: Author, *, name: ModelName = BYOK, key_id: UUID | None = None) -> Live:
        """Reserves and submits one question in a conversation of its own."""
        answer_id, attempt_id = author.reserve(self.runner.enlist(), name=name, key_id=key_id)
        call = ChatCall(fake.provider, fake.base_url, name.model, [{"role": "user", "content": "hi"}], httpx.Auth())
        return self.runner.submit(Job(attempt_id, author.company_id, call, answer_id, key_id))


class Author:
    """A company with one person, who asks."""

    def __init__(self, db: Database, *, plan: str = "pro", role: str = "admin", slug: str = "acme") -> None:
        self.db = db
        company = Company(slug=slug, name=slug, plan=plan, fingerprint_key=b"", created_at=NOVEMBER)
        self.company_id = company.id
        with db.write() as session:
            session.add(company)
        self.person_id = self.add_person(slug, role)

    def add_person(self, username: str, role: str) -> UUID:
        """Another person of the company."""
        person = Person(
            company_id=self.company_id,
            username=username,
            name=username,
            role=role,
            password_hash="",
            created_at=NOVEMBER,
        )
        with self.db.write() as session:
            session.add(person)
        return person.id

    def add_key(self, key_id: UUID | None = None) -> UUID:
        """A row of a key of the company, which nothing can open."""
        key_id = key_id or new_id()
        sealed = dict.fromkeys(("data_key", "data_key_nonce", "ciphertext", "nonce", "fingerprint"), b"")
        told = dict.fromkeys(("provider_id", "label", "added_by_name", "hint", "origin", "master_key_id"), "fake")
        its = {"id": key_id, "company_id": self.company_id, "seal_version": 1, "is_default": True}
        with self.db.write_core() as connection:
            keys = metadata.tables["api_key"]
            connection.execute(sa.insert(keys).values(**sealed, **told, **its, created_at=NOVEMBER))
        return key_id

    def reserve(
        self, process_id: UUID, *, name: ModelName = BYOK, allowance: int = 10, key_id: UUID | None = None
    ) -> tuple[UUID, UUID]:
        """The rows of one running answer and its reserved attempt; (answer id, attempt id)."""
        now = utc_now()
        conversation = Conversation(
            company_id=self.company_id, person_id=self.person_id, title="", created_at=now, updated_at=now
        )
        turn = Turn(conversation_id=conversation.id, parts=[{"type": "text", "text": "hi"}], created_at=now)
        column = Column(conversation_id=conversation.id, position=0, model=str(name), parameters={})
        answer = Answer(
            turn_id=turn.id,
            column_id=column.id,
            configuration={"model": str(name)},
            process_id=process_id,
            created_at=now,
        )
        with self.db.write() as session:
            for row in (conversation, turn, column, answer):
                session.add(row)
                session.flush()
            attempt_id = ledger.reserve(
                session.connection(),
                company_id=self.company_id,
                person_id=self.person_id,
                process_id=process_id,
                name=name,
                at=now,
                plan_messages=allowance,
                answer_id=answer.id,
                conversation_id=conversation.id,
                key_id=key_id,
            )
        return answer.id, attempt_id


@contextmanager
def process(db: Database, **settings: Any) -> Iterator[Process]:
    """A process that is closed at the end."""
    made = Process(db, **settings)
    try:
        yield made
    finally:
        made.close()


def cheap(provider: Provider, *, model: str, usage: Usage, at: datetime, **more: Any) -> Price | None:
    """A thousand pico-dollars for each token that came out."""
    return None if usage.tokens_out is None else Price(usage.tokens_out * 1000, "test list", "2026-11-01")


def rows(db: Database, table: str) -> list[Any]:
    """All rows of a table, in the order they were made."""
    with db.read() as session:
        made = metadata.tables[table]
        return list(session.connection().execute(sa.select(made).order_by(made.c.id)).mappings())


def row(db: Database, table: str) -> Any:
    """The only row of a table."""
    (one,) = rows(db, table)
    return one


def until(condition: Callable[[], object], *, seconds: float = 10.0) -> None:
    """Waits until the condition holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "the condition never came true"
        time.sleep(0.002)


def text_arrived(live: Live) -> None:
    """Waits for the first text."""
    until(lambda: live.text)
