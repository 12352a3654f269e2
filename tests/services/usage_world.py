"""A ledger to fill at will: two companies, and attempts that are written as they are, with their days added up."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from byok.core.catalogue import Catalogue
from byok.core.ledger_check import rebuild
from byok.core.plans import Plan, Plans
from byok.ground.clock import month_of
from byok.ground.db import Database
from byok.ground.ids import new_id
from byok.ground.tables import Attempt
from byok.ground.tables.types import metadata
from byok.services.access import Actor
from byok.services.elsewhere import Elsewhere
from byok.services.periods import Period
from byok.services.usage import Usage
from tests.run_world import Author

ATTEMPTS = metadata.tables["attempt"]
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
NOVEMBER = Period.month("2026-11")


class UsageWorld:
    """Acme with its admin `ada` and its member `max`, and Rival with `eve`. It is the 24th of November, noon."""

    def __init__(self, db: Database, *, message_price: str | None = None) -> None:
        self.db = db
        acme, rival = Author(db), Author(db, slug="rival")
        self.acme = acme
        self.ada = Actor(acme.company_id, acme.person_id)
        self.max = Actor(acme.company_id, acme.add_person("max", "member"))
        self.eve = Actor(rival.company_id, rival.person_id)
        price = None if message_price is None else Decimal(message_price)
        day, models = NOW.date(), ("local/tiny", "openai/gpt-5.4-mini")
        pro = Plan(id="pro", name="Pro", checked=day, messages=100, byok=True, models=models, message_price=price)
        self.plans, self.catalogue = Plans({"pro": pro}), Catalogue.load()
        self._changed: set[UUID] = set()

    def usage(self, clock: Callable[[], datetime] = lambda: NOW) -> Usage:
        self.add_up()
        return Usage(db=self.db, plans=self.plans, catalogue=self.catalogue, clock=clock)

    def elsewhere(self) -> Elsewhere:
        self.add_up()
        return Elsewhere(db=self.db, plans=self.plans, catalogue=self.catalogue, clock=lambda: NOW)

    def add_up(self) -> None:
        """Adds up the days of all that was written since; asking for a service does so."""
        with self.db.write_core() as connection:
            while self._changed:
                rebuild(connection, company_id=self._changed.pop())

    def add(self, *, by: Actor | None = None, at: datetime = NOW, count: int = 1, **fields: Any) -> UUID:
        """An answered attempt of an own key, unless its fields say otherwise; its id, or the last one's."""
        by = by or self.ada
        usual: dict[str, Any] = dict.fromkeys(Attempt.model_fields) | {
            "company_id": by.company_id,
            "person_id": by.person_id,
            "process_id": new_id(),
            "source": "byok",
            "provider_id": "openai",
            "model_asked": "gpt-5.4",
            "status": "complete",
            "answered": True,
            "tokens_in": 1000,
            "tokens_out": 100,
            "cost_pico": 10**9,
            "ttft_ms": 320,
            "duration_ms": 900,
            "sample": False,
            "month": month_of(at),
            "reserved_at": at,
            "settled_at": at,
        }
        made = [usual | fields | {"id": new_id()} for _ in range(count)]
        with self.db.write_core() as connection:
            connection.execute(sa.insert(ATTEMPTS), made)
        self._changed.add(by.company_id)
        return made[-1]["id"]  # type: ignore[no-any-return]

    def fail(self, **fields: Any) -> UUID:
        """A failed one."""
        nothing = dict.fromkeys(("tokens_in", "tokens_out", "cost_pico", "ttft_ms"))
        return self.add(**{**nothing, "status": "error", "answered": False, "error": "RateLimitedError", **fields})

    def plan(self, **fields: Any) -> UUID:
        """A message of the plan."""
        return self.add(**{"source": "plan", "model_asked": "gpt-5.4-mini", "cost_pico": None, **fields})
