"""Builds what one process owns, once, and closes it in the right order: the only place where parts meet.

Refuses to be imported from below. A command pays for no more than it uses; the app has everything ready at start.
"""

from __future__ import annotations

import asyncio
import logging
from functools import cached_property
from typing import TYPE_CHECKING, Literal, Self

from byok.account_services import AccountServices
from byok.audit_services import AuditServices
from byok.core.vault import check_platform_keys
from byok.ground import schema
from byok.ground.clock import Clock, utc_now
from byok.ground.home import make_home
from byok.ground.settings import Settings
from byok.services.master_key_checks import MasterKeyChecks
from byok.usage_services import UsageServices
from byok.vault_services import VaultServices

if TYPE_CHECKING:
    import ssl
    from concurrent.futures import Future

    import httpx

    from byok.core.retries import Retries
    from byok.services.chatbots import Chatbots
    from byok.services.conversations import Conversations
    from byok.services.forecasts import Forecasts
    from byok.services.key_check import KeyCheck
    from byok.services.keys import Keys
    from byok.services.models import Models
    from byok.services.routes import Routes

log = logging.getLogger(__name__)

ERASE_EVERY = 5.0  # seconds between attempts to see deleted ciphertext out of SQLite's files


class Workbench(AccountServices, UsageServices, VaultServices, AuditServices):
    """All services of a process. Get it from `open`; `close` it at the end."""

    @classmethod
    def open(
        cls,
        settings: Settings | None = None,
        *,
        what: Literal["app", "command"] = "app",
        transport: httpx.AsyncBaseTransport | None = None,
        trust: Future[ssl.SSLContext] | None = None,
        retries: Retries | None = None,
        clock: Clock = utc_now,
    ) -> Self:
        """Reads the settings, opens and upgrades the database, and seeds the demo where it belongs.

        Raises:
            SettingsError: the process must not start; the message says why.
        """
        bench = cls(
            settings or Settings.load(), what=what, transport=transport, trust=trust, retries=retries, clock=clock
        )
        try:
            bench._start()
        except BaseException:
            bench.close()
            raise
        return bench

    def close(self) -> None:
        """Stops answers that still run, settles them, and gives everything back. Calling it again is harmless."""
        self._ends.close()

    def _start(self) -> None:
        _ = self.catalogue, self.plans  # a mistake in a data file is said before anything is made
        check_platform_keys(self.settings.platform_keys)
        if not self.settings.embedded:
            _ = self.vault  # where master keys must be set, nothing is made without them
        make_home(self.settings)
        _ = self.vault
        schema.upgrade(self.db)
        MasterKeyChecks(db=self.db, vault=self.vault, clock=self.clock).run()
        if self.settings.demo_on:
            self.demo.seed()
        if self.what == "app":
            self.demo.follow_password()
            _ = (
                self.conversations,
                self.forecasts,
                self.usage,
                self.budgets,
                self.own_prices,
                self.elsewhere,
                self.models,
                self.chatbots,
                self.keys,
                self.accounts,
                self.audit,
                self.sessions,
                self.sign_in,
                self.own_password,
                self.team,
                self.invitations,
            )
            self.lease.start()
            self._ends.callback(self.loop.spawn(self._erase_now_and_then()).cancel)

    async def _erase_now_and_then(self) -> None:
        while True:
            await asyncio.sleep(ERASE_EVERY)
            try:
                await asyncio.to_thread(self.keys.retry_erasures)
            except Exception as error:  # noqa: BLE001 - a database that is away for a moment must not end the retries
                log.warning("erasing could not go on (%s); trying again", type(error).__name__)

    @cached_property
    def routes(self) -> Routes:
        """Who pays, and how a model is called."""
        from byok.services.routes import Routes

        return Routes(
            catalogue=self.catalogue, plans=self.plans, vault=self.vault, local=self.local, settings=self.settings
        )

    @cached_property
    def keys(self) -> Keys:
        """Own keys."""
        from byok.services.keys import Keys

        return Keys(
            db=self.db,
            plans=self.plans,
            catalogue=self.catalogue,
            vault=self.vault,
            wire=self.wire,
            loop=self.loop,
            local=self.local,
            clock=self.clock,
        )

    @cached_property
    def key_check(self) -> KeyCheck:
        """Tests of keys that are not kept."""
        from byok.services.key_check import KeyCheck

        return KeyCheck(catalogue=self.catalogue, vault=self.vault, wire=self.wire, loop=self.loop, local=self.local)

    @cached_property
    def models(self) -> Models:
        """The models to choose from."""
        from byok.services.models import Models

        return Models(
            db=self.db,
            plans=self.plans,
            catalogue=self.catalogue,
            vault=self.vault,
            wire=self.wire,
            loop=self.loop,
            local=self.local,
            settings=self.settings,
            clock=self.clock,
        )

    @cached_property
    def chatbots(self) -> Chatbots:
        """The companies' chatbots."""
        from byok.services.chatbots import Chatbots

        return Chatbots(db=self.db, plans=self.plans, routes=self.routes, chains=self.chains, clock=self.clock)

    @cached_property
    def conversations(self) -> Conversations:
        """Questions and answers."""
        from byok.services.conversations import Conversations

        return Conversations(
            db=self.db,
            plans=self.plans,
            catalogue=self.catalogue,
            routes=self.routes,
            price=self.price_book,
            runner=self.runner,
            clock=self.clock,
        )

    @cached_property
    def forecasts(self) -> Forecasts:
        """What a run will cost, and who pays."""
        from byok.services.forecasts import Forecasts

        return Forecasts(
            db=self.db,
            plans=self.plans,
            catalogue=self.catalogue,
            routes=self.routes,
            price=self.price_book,
            clock=self.clock,
        )
