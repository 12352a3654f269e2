"""What the tests about accounts, sessions and the demo stand on: real services over a database, and a clock to set."""

from __future__ import annotations

import base64
import secrets
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from byok.core.audit import Chains
from byok.core.master_keys import MasterKeys
from byok.core.plans import Plans
from byok.core.vault import Vault
from byok.ground.db import Database
from byok.ground.settings import Settings
from byok.services.accounts import Accounts
from byok.services.demo import Demo
from byok.services.invitations import Invitations
from byok.services.own_password import OwnPassword
from byok.services.sessions import Sessions
from byok.services.sign_in import SignIn
from byok.services.team import Team
from byok.services.throttle import Throttle

PASSWORD = SecretStr("correct horse")
CHEAP = 4  # bcrypt's lowest cost: these tests are not about its strength


class DoorWorld:
    """Acme (Pro) with its admin `alice`."""

    def __init__(
        self,
        db: Database,
        *,
        home: Path,
        demo: bool = True,
        demo_password: str | None = None,
        vault: Vault | None = None,
    ) -> None:
        self.db, self.home = db, home
        self.now = datetime(2026, 11, 23, 12, tzinfo=UTC)
        self.plans = Plans.load()
        self.vault = vault or Vault(MasterKeys.parse("t1:" + base64.b64encode(secrets.token_bytes(32)).decode()))
        self.chains, self.throttle = Chains(vault=self.vault), Throttle(db=db, clock=self.clock)
        self.accounts = Accounts(db=db, plans=self.plans, vault=self.vault, clock=self.clock, cost=CHEAP)
        self.sessions = Sessions(db=db, plans=self.plans, chains=self.chains, clock=self.clock)
        own: dict[str, Any] = {"db": db, "chains": self.chains, "clock": self.clock, "cost": CHEAP}
        self.sign_in_form = SignIn(throttle=self.throttle, **own)
        self.own_password = OwnPassword(plans=self.plans, throttle=self.throttle, **own)
        self.team = Team(plans=self.plans, **own)
        self.invitations = Invitations(**own)
        self.demo = self.new_demo(demo=demo, demo_password=demo_password)

    def clock(self) -> datetime:
        return self.now

    def pass_(self, time: timedelta) -> None:
        self.now += time

    def new_demo(self, *, demo: bool = True, demo_password: str | None = None) -> Demo:
        password = SecretStr(demo_password) if demo_password else None
        settings = Settings(home=self.home, demo=demo, demo_password=password)
        return Demo(db=self.db, plans=self.plans, vault=self.vault, settings=settings, clock=self.clock, cost=CHEAP)

    def acme(self) -> None:
        self.accounts.add_company(slug="acme", name="Acme", plan="pro")
        self.accounts.add_person(company="acme", username="alice", name="Alice", role="admin", password=PASSWORD)

    def sign_in(self, username: str = "alice", *, place: str = "") -> str:
        found = self.accounts.credential(username)
        assert found is not None
        signed_in = self.sessions.redeem(self.sessions.issue_ticket(found[0]), place=place)
        assert signed_in is not None
        return signed_in.token
