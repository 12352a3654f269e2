"""What a company may use, as the model of the ledger has it, and how far that is passed through no reservation's fault.

Refuses to excuse a reservation.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from byok.core.allowances import Spending


@dataclass
class Limit:
    """A budget as it stands. `over_*`: by month, how far it is passed through no fault of a reservation: it was so when
    it was set, or calls that were reserved without an amount did cost something. `told_pico`: what those cost that
    ended since it was last looked at; nothing else may carry it further.
    """

    pico: int
    calls: int
    over_pico: Counter[str] = field(default_factory=Counter)
    over_calls: Counter[str] = field(default_factory=Counter)
    told_pico: Counter[str] = field(default_factory=Counter)

    def looked_at(self, month: str, now: Spending) -> None:
        """It is passed so far, and no further from now on."""
        self.over_pico[month] = max(0, now.spent_pico + now.held_pico - self.pico)
        self.over_calls[month] = max(0, now.unpriced + now.held_unpriced - self.calls)
        self.told_pico[month] = 0


@dataclass
class Terms:
    """What a company may use. `over`: by month, the messages above an allowance that was lowered below them."""

    allowance: int
    over: Counter[str] = field(default_factory=Counter)
    budgets: dict[str, Limit] = field(default_factory=dict)
