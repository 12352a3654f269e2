"""A small world for the services about keys: two companies, real services, and a router in the providers' place."""

from __future__ import annotations

import asyncio
import base64
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar
from uuid import UUID

import httpx
import respx
from pydantic import SecretStr
from sqlmodel import SQLModel, select

from byok.core.audit import Chains
from byok.core.catalogue import Catalogue
from byok.core.local_model import LocalModel
from byok.core.loop import LoopThread
from byok.core.master_keys import MasterKeys
from byok.core.plans import Plans
from byok.core.vault import Vault
from byok.core.wire import Finding, Wire, make_http_client
from byok.ground.db import Database
from byok.ground.settings import Settings
from byok.ground.tables import Company, Person
from byok.services.access import Actor, Grant, admit
from byok.services.chatbots import Chatbots
from byok.services.key_views import KeyView
from byok.services.keys import Keys
from byok.services.models import Models
from byok.services.routes import Routes
from tests.certificates import network_client

Row = TypeVar("Row", bound=SQLModel)

SHAPES = {
    "openai": ("sk-proj-", 40),
    "groq": ("gsk_", 52),
    "anthropic": ("sk-ant-" + "api03-", 95),
    "together": ("tgp_" + "v1_", 43),
    "local": ("local-", 32),
}


def fresh_key(provider_id: str = "openai") -> str:
    """A key of that provider's shape, made now: none stands in this repository."""
    prefix, length = SHAPES[provider_id]
    return prefix + secrets.token_hex(length)[:length]


def fresh_master_keys() -> MasterKeys:
    return MasterKeys.parse("t1:" + base64.b64encode(secrets.token_bytes(32)).decode())


class FakeClock:
    def __init__(self) -> None:
        self.now = datetime(2026, 11, 23, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def pass_(self, time: timedelta) -> None:
        self.now += time


def absent_model(home: Path) -> LocalModel:
    """As on a machine without the packages of the built-in model."""
    return LocalModel(home=home, finder=lambda _: None)


class KeyWorld:
    """Northwind (Pro) with its admin and member, Rival (Pro) with its admin, and every service about keys."""

    def __init__(
        self,
        db: Database,
        *,
        home: Path,
        master_keys: MasterKeys | None = None,
        vault: Vault | None = None,
        local: LocalModel | None = None,
        overlay: Path | None = None,
        platform_keys: dict[str, SecretStr] | None = None,
        clock: FakeClock | None = None,
        network: bool = False,
    ) -> None:
        self.db, self.clock = db, clock or FakeClock()
        self.router = respx.Router(assert_all_called=False)
        routed = httpx.MockTransport(self.router.async_handler)
        self.http = network_client() if network else make_http_client(transport=routed)
        self.wire, self.loop, self.local = Wire(self.http), LoopThread(), local or LocalModel(home=home)
        self.settings = Settings(home=home, platform_keys=platform_keys or {})
        self.plans, self.catalogue = Plans.load(), Catalogue.load(overlay=overlay)
        self.vault = vault or Vault(master_keys or fresh_master_keys())
        self.routes = Routes(
            catalogue=self.catalogue,
            plans=self.plans,
            vault=self.vault,
            local=self.local,
            settings=self.settings,
        )
        self.keys = Keys(
            db=db,
            plans=self.plans,
            catalogue=self.catalogue,
            vault=self.vault,
            wire=self.wire,
            loop=self.loop,
            local=self.local,
            clock=self.clock,
        )
        self.models = Models(
            db=db,
            plans=self.plans,
            catalogue=self.catalogue,
            vault=self.vault,
            wire=self.wire,
            loop=self.loop,
            local=self.local,
            settings=self.settings,
            clock=self.clock,
        )
        self.chains = Chains(vault=self.vault)
        self.chatbots = Chatbots(db=db, plans=self.plans, routes=self.routes, chains=self.chains, clock=self.clock)
        companies = self.rows(Company)
        self.northwind = next((c.id for c in companies if c.slug == "northwind"), None) or self._company("northwind")
        self.rival = next((c.id for c in companies if c.slug == "rival"), None) or self._company("rival")
        self.ada, self.max = self._person("ada", self.northwind, "admin"), self._person("max", self.northwind, "member")
        self.eve, self.operator = self._person("eve", self.rival, "admin"), Actor(self.northwind)

    def close(self) -> None:
        self.loop.run(self.http.aclose())
        self.loop.close()
        self.local.close()

    def settle(self) -> None:
        """Waits until nothing runs on the loop: fetches in the background have ended."""

        async def others() -> None:
            await asyncio.gather(*(asyncio.all_tasks() - {asyncio.current_task()}), return_exceptions=True)

        self.loop.run(others())

    def openai_lists(self, *models: str) -> None:
        listed = {"object": "list", "data": [{"id": model, "object": "model", "created": 1} for model in models]}
        self.router.get("https://api.openai.com/v1/models").respond(json=listed)

    def openai_says(self, status: int, error: dict[str, str] | None = None) -> None:
        self.router.get("https://api.openai.com/v1/models").respond(status, json={"error": error or {"message": "no"}})

    def openai_rejects(self) -> None:
        self.openai_says(401, {"code": "invalid_api_key", "message": "Incorrect API key provided."})

    def paste(self, key: str, provider_id: str = "openai", *, by: Actor | None = None) -> UUID:
        return self.keys.draft(by or self.ada, provider_id=provider_id, pasted=SecretStr(key)).id

    def test_pasted(self, key: str, provider_id: str = "openai") -> tuple[UUID, Finding]:
        draft_id = self.paste(key, provider_id)
        return draft_id, self.keys.test_draft(self.ada, draft_id)

    def saved(self, label: str = "", *, key: str = "", models: Sequence[str] = ("gpt-5.4-mini",)) -> KeyView:
        """An OpenAI key, pasted, tested and saved."""
        self.openai_lists(*models)
        draft_id, _ = self.test_pasted(key or fresh_key())
        return self.keys.save_draft(self.ada, draft_id, label=label)

    def set_plan(self, plan: str) -> None:
        with self.db.write() as session:
            company = session.get_one(Company, self.northwind)
            company.plan = plan
            session.add(company)

    def grant(self, actor: Actor) -> Grant:
        with self.db.read() as session:
            return admit(session, actor, self.plans)

    def rows(self, table: type[Row]) -> list[Row]:
        with self.db.read() as session:
            return list(session.exec(select(table)).all())

    def files(self) -> bytes:
        """Every byte of SQLite's files."""
        file = Path(str(self.db.engine.url.database))
        return b"".join(path.read_bytes() for path in sorted(file.parent.glob(f"{file.name}*")))

    def _company(self, slug: str) -> UUID:
        company = Company(slug=slug, name=slug.title(), plan="pro", fingerprint_key=b"", created_at=self.clock())
        company.fingerprint_key = self.vault.new_fingerprint_key(company_id=company.id)
        with self.db.write() as session:
            session.add(company)
        return company.id

    def _person(self, username: str, company_id: UUID, role: str) -> Actor:
        for known in self.rows(Person):
            if known.username == username:
                return Actor(company_id, known.id)
        person = Person(
            company_id=company_id,
            username=username,
            name=username.title(),
            role=role,
            password_hash="-",
            created_at=self.clock(),
        )
        with self.db.write() as session:
            session.add(person)
        return Actor(company_id, person.id)
