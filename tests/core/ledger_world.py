"""Companies, processes and a crowd of threads for the model-based test: does to the product's ledger what it is told.

Each method is what one process would do, in transactions as the product has them. Knows nothing of what must be true.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from byok.core import answer_rows, leases, ledger
from byok.core.allowances import budgets_of
from byok.core.job import Job
from byok.core.ledger import Outcome
from byok.core.model_names import ModelName
from byok.core.run import End
from byok.core.wire import ChatCall
from byok.ground.db import Database
from byok.ground.ids import new_id
from byok.ground.tables.types import metadata
from tests.core.ledger_model import Row
from tests.run_world import NOVEMBER, Author

CROWD = 8  # threads
PROVIDERS = ("openai", "groq")
CHATBOTS = (None, new_id())
TABLES = metadata.tables


@dataclass
class Company:
    """One that asks. `keys`: those that are there, by provider."""

    id: UUID
    people: tuple[UUID | None, ...]
    conversation_id: UUID
    turn_id: UUID
    column_id: UUID
    keys: dict[str, list[UUID]] = field(default_factory=dict)


@dataclass(frozen=True)
class Call:
    """One attempt that is to begin. `most_pico`: what it may cost at most; None where it has no price."""

    company: Company
    name: ModelName
    process_id: UUID
    at: datetime
    most_pico: int | None
    key_id: UUID | None
    person_id: UUID | None
    chatbot_id: UUID | None
    talk: bool
    allowance: int


class World:
    """Two companies in one database. `empty` makes it new for the next story."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self.pool = ThreadPoolExecutor(CROWD)
        self.companies = [_add_company(db, slug) for slug in ("acme", "other")]
        self._versions = itertools.count(1)

    def close(self) -> None:
        """Ends the crowd."""
        self.pool.shutdown()

    def empty(self) -> None:
        """Removes all that happened, and gives each company two keys of each provider."""
        with self.db.write_core() as connection:
            for table in ("attempt", "answer", "budget", "api_key", "process_lease", "usage_day", "usage_detail"):
                connection.execute(sa.delete(TABLES[table]))
            for company in self.companies:
                company.keys = {one: [_add_key(connection, company, one, n) for n in range(2)] for one in PROVIDERS}

    def at_once(self, todo: Sequence[Callable[[], Any]]) -> list[Any]:
        """Does all of it at the same moment, each in a thread of its own."""
        together = threading.Barrier(len(todo))

        def do(one: Callable[[], Any]) -> Any:
            together.wait(30)
            return one()

        return list(self.pool.map(do, todo))

    def begin(self, call: Call) -> tuple[UUID, UUID | None]:
        """Reserves; with an answer of its own where it is part of a conversation.

        Returns:
            The attempt's id, and the answer's.

        Raises:
            PlanUsedUpError, BudgetReachedError: as the ledger says; then nothing is left of it.
        """
        company = call.company
        with self.db.write_core() as connection:
            budgets = []
            if call.name.source == "byok":
                budgets = budgets_of(connection, company_id=company.id, provider_id=call.name.provider_id)
            answer_id = self._answer(connection, call) if call.talk else None
            attempt_id = ledger.reserve(
                connection,
                company_id=company.id,
                process_id=call.process_id,
                name=call.name,
                at=call.at,
                plan_messages=call.allowance,
                person_id=call.person_id,
                chatbot_id=call.chatbot_id,
                conversation_id=company.conversation_id if call.talk else None,
                answer_id=answer_id,
                key_id=call.key_id,
                key_label="Product team" if call.key_id else None,
                key_hint="4f2a" if call.key_id else None,
                budgets=budgets,
                at_most_pico=call.most_pico if budgets else None,
            )
        return attempt_id, answer_id

    def settle(self, attempt_id: UUID, outcome: Outcome, *, at: datetime) -> bool:
        """Settles the attempt alone."""
        with self.db.write_core() as connection:
            return ledger.settle(connection, attempt_id, outcome, at=at)

    def finish(self, row: Row, outcome: Outcome, *, at: datetime) -> None:
        """Ends an attempt together with its answer, as the runner does."""
        job = Job(row["id"], row["company_id"], _no_call, answer_id=row["answer_id"], key_id=row["key_id"])
        end = End("complete" if outcome.status == "complete" else "failed", None, None, outcome)
        with self.db.write_core() as connection:
            answer_rows.finish(connection, job, end, text="Hi" if outcome.answered else "", reasoning="", at=at)

    def follow(self, attempt_id: UUID, outcome: Outcome, *, at: datetime) -> UUID | None:
        """Asks once more."""
        with self.db.write_core() as connection:
            return ledger.follow(connection, attempt_id, outcome, at=at)

    def keep_text(self, answer_ids: Sequence[UUID]) -> None:
        """The first text of these answers arrived and was kept."""
        if answer_ids:
            with self.db.write_core() as connection:
                answer_rows.checkpoint(connection, [(answer_id, "Once upon", "") for answer_id in answer_ids])

    def renew(self, processes: Sequence[UUID], *, now: datetime) -> None:
        """The leases of those that live."""
        table, until = TABLES["process_lease"], now + leases.LEASE
        with self.db.write_core() as connection:
            connection.execute(sa.delete(table).where(table.c.id.in_(processes)))
            told = {"what": "app", "started_at": now, "expires_at": until}
            connection.execute(sa.insert(table), [{"id": process_id, **told} for process_id in processes])

    def sweep(self, now: datetime) -> None:
        """Settles what the dead left."""
        leases.sweep(self.db, now)

    def set_budget(self, company: Company, provider_id: str, limit: tuple[int, int] | None, *, at: datetime) -> None:
        """Sets, changes or removes a budget: an amount in pico-dollars, and calls without a price."""
        table = TABLES["budget"]
        its = (table.c.company_id == company.id) & (table.c.provider_id == provider_id)
        with self.db.write_core() as connection:
            connection.execute(sa.delete(table).where(its))
            if limit is not None:
                told = {"limit_pico": limit[0], "unpriced_calls": limit[1], "updated_at": at}
                named = {"id": new_id(), "company_id": company.id, "provider_id": provider_id}
                connection.execute(sa.insert(table).values(**named, **told))

    def all_keys(self) -> list[UUID]:
        """The keys that are there."""
        return [key_id for company in self.companies for some in company.keys.values() for key_id in some]

    def delete_key(self, key_id: UUID) -> None:
        """One key less."""
        for company in self.companies:
            company.keys = {of: [one for one in some if one != key_id] for of, some in company.keys.items()}
        with self.db.write_core() as connection:
            connection.execute(sa.delete(TABLES["api_key"]).where(TABLES["api_key"].c.id == key_id))

    def _answer(self, connection: sa.Connection, call: Call) -> UUID:
        answer_id, company = new_id(), call.company
        connection.execute(
            sa.insert(TABLES["answer"]).values(
                id=answer_id,
                turn_id=company.turn_id,
                column_id=company.column_id,
                version=next(self._versions),
                configuration={},
                text="",
                reasoning="",
                state="running",
                process_id=call.process_id,
                stop_requested=False,
                created_at=call.at,
            )
        )
        return answer_id


def _add_company(db: Database, slug: str) -> Company:
    author = Author(db, slug=slug)
    people = (None, author.person_id, author.add_person(f"{slug}'s member", "member"))
    conversation, turn, column = new_id(), new_id(), new_id()
    with db.write_core() as connection:
        made = {"created_at": NOVEMBER, "updated_at": NOVEMBER, "title": "", "sample": False}
        whose = {"company_id": author.company_id, "person_id": author.person_id}
        connection.execute(sa.insert(TABLES["conversation"]).values(id=conversation, **whose, **made))
        in_it = {"conversation_id": conversation}
        connection.execute(sa.insert(TABLES["turn"]).values(id=turn, parts=[], repeats=1, created_at=NOVEMBER, **in_it))
        its = {"position": 0, "model": "", "parameters": {}, "system_prompt": ""}
        connection.execute(sa.insert(TABLES["conversation_column"]).values(id=column, **its, **in_it))
    return Company(author.company_id, people, conversation, turn, column)


def _add_key(connection: sa.Connection, company: Company, provider_id: str, number: int) -> UUID:
    """A row that nothing can open."""
    sealed = dict.fromkeys(("data_key", "data_key_nonce", "ciphertext", "nonce", "fingerprint"), b"")
    told = dict.fromkeys(("label", "added_by_name", "hint", "origin", "master_key_id"), "fake")
    key_id = new_id()
    its = {"id": key_id, "company_id": company.id, "provider_id": provider_id, "is_default": number == 0}
    row = {**sealed, **told, **its, "seal_version": 1, "created_at": NOVEMBER}
    connection.execute(sa.insert(TABLES["api_key"]).values(row))
    return key_id


def _no_call() -> ChatCall:
    raise AssertionError("nothing is sent here")
