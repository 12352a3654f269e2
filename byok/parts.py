"""The machinery of one process, each part made when first asked for: database, vault, loop, wire, runner.

Each part registers its end when it is made, so that what was made later, and uses it, ends before it.
"""

from __future__ import annotations

from concurrent.futures import Future
from contextlib import ExitStack
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from byok.core.catalogue import Catalogue
from byok.core.loop import LoopThread
from byok.core.master_keys import load_master_keys
from byok.core.plans import Plans
from byok.core.vault import Vault
from byok.ground.clock import Clock
from byok.ground.db import Database
from byok.ground.settings import Settings

if TYPE_CHECKING:
    import ssl

    import httpx

    from byok.core.audit import Chains
    from byok.core.leases import Lease
    from byok.core.local_model import LocalModel
    from byok.core.price_book import PriceBook
    from byok.core.retries import Retries
    from byok.core.runner import Runner
    from byok.core.wire import Wire


# Where many write to SQLite at once, late is better than never; nobody looks at a command while it waits.
PATIENCE_S = {"app": 15.0, "command": 60.0}


class Parts:
    """What services are built from.

    Args:
        what: `app` or `command`; the lease says so.
        transport: replaces the network, for tests.
        retries: another policy than the usual one, for tests.
        trust: the certificates, where somebody has begun to read them; see `core.trust`.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        what: Literal["app", "command"],
        transport: httpx.AsyncBaseTransport | None,
        trust: Future[ssl.SSLContext] | None,
        retries: Retries | None,
        clock: Clock,
    ) -> None:
        self.settings, self.what, self.clock = settings, what, clock
        self._transport, self._trust, self._retries = transport, trust, retries
        self._ends = ExitStack()

    @cached_property
    def catalogue(self) -> Catalogue:
        """The providers."""
        return Catalogue.load(overlay=self.settings.providers)

    @cached_property
    def plans(self) -> Plans:
        """The plans."""
        return Plans.load()

    @cached_property
    def vault(self) -> Vault:
        """The room that sees keys."""
        return Vault(load_master_keys(self.settings))

    @cached_property
    def chains(self) -> Chains:
        """The audit log, to be added to."""
        from byok.core.audit import Chains

        return Chains(vault=self.vault)

    @cached_property
    def db(self) -> Database:
        """The database."""
        db = Database(self.settings.url, patience_s=PATIENCE_S[self.what])
        self._ends.callback(db.close)
        return db

    @cached_property
    def loop(self) -> LoopThread:
        """The loop on which everything streams; its thread starts when first used."""
        _ = self.db
        loop = LoopThread()
        self._ends.callback(loop.close)
        return loop

    @cached_property
    def http(self) -> httpx.AsyncClient:
        """The one HTTP client of the process."""
        from byok.core.wire import make_http_client

        trust = None if self._trust is None else self._trust.result()
        loop, client = self.loop, make_http_client(transport=self._transport, trust=trust)
        self._ends.callback(lambda: loop.run(client.aclose(), timeout=5))
        return client

    @cached_property
    def wire(self) -> Wire:
        """The way to providers."""
        from byok.core.wire import Wire

        return Wire(self.http)

    @cached_property
    def local(self) -> LocalModel:
        """The built-in model; its server starts when first needed."""
        from byok.core.local_model import LocalModel

        local = LocalModel(home=self.settings.home)
        self._ends.callback(local.close)
        return local

    @cached_property
    def lease(self) -> Lease:
        """The sign of life by which other processes know that this one's answers are still being written."""
        from byok.core.leases import Lease

        lease = Lease(db=self.db, loop=self.loop, what=self.what, clock=self.clock)
        self._ends.callback(lease.close)
        return lease

    @cached_property
    def price_book(self) -> PriceBook:
        """What answers cost."""
        from byok.core.price_book import PriceBook

        return PriceBook(db=self.db)

    @cached_property
    def runner(self) -> Runner:
        """Where answers stream."""
        from byok.core.runner import Runner

        _ = self.local  # it serves answers, so it must outlive them
        runner = Runner(
            db=self.db,
            loop=self.loop,
            wire=self.wire,
            lease=self.lease,
            price=self.price_book,
            chains=self.chains,
            retries=self._retries,
            clock=self.clock,
        )
        self._ends.callback(runner.close)
        return runner
