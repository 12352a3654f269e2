"""The services that read the ledger, and those that hold it to limits and prices: a part of every process.

Each is made when first asked for, as everything of a process is; see `byok.process`.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from byok.parts import Parts

if TYPE_CHECKING:
    from byok.services.budgets import Budgets
    from byok.services.corrections import Corrections
    from byok.services.elsewhere import Elsewhere
    from byok.services.own_prices import OwnPrices
    from byok.services.usage import Usage


class UsageServices(Parts):
    """What was used, what it cost, and what it may."""

    @cached_property
    def usage(self) -> Usage:
        """What was used."""
        from byok.services.usage import Usage

        return Usage(db=self.db, plans=self.plans, catalogue=self.catalogue, clock=self.clock)

    @cached_property
    def corrections(self) -> Corrections:
        """The operator's hand in the ledger."""
        from byok.services.corrections import Corrections

        return Corrections(db=self.db, plans=self.plans, chains=self.chains, clock=self.clock)

    @cached_property
    def budgets(self) -> Budgets:
        """What own keys may cost in a month."""
        from byok.services.budgets import Budgets

        return Budgets(db=self.db, plans=self.plans, catalogue=self.catalogue, chains=self.chains, clock=self.clock)

    @cached_property
    def own_prices(self) -> OwnPrices:
        """What providers ask of a company."""
        from byok.services.own_prices import OwnPrices

        return OwnPrices(db=self.db, plans=self.plans, catalogue=self.catalogue, chains=self.chains, clock=self.clock)

    @cached_property
    def elsewhere(self) -> Elsewhere:
        """What it would come to elsewhere."""
        from byok.services.elsewhere import Elsewhere

        return Elsewhere(db=self.db, plans=self.plans, catalogue=self.catalogue, clock=self.clock)
