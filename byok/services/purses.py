"""What is left of a company's budgets, call by call as a run that is only looked at would take from them.

Reserves nothing; says why a call would be refused in the words in which it would be.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa

from byok.core.allowances import Budget, spending, usd, why_not
from byok.ground.errors import ByokError
from byok.services.awaited import no_end
from byok.services.budgets import WARN, share_of


@dataclass(frozen=True, slots=True)
class Fit:
    """How many of a column's calls fit, of how many, and why the first of the others does not."""

    wanted: int = 0
    goes: int = 0
    refusal: ByokError | None = None

    @property
    def problem(self) -> str:
        """For the person; empty where all fit."""
        if self.refusal is None:
            return ""
        return f"Only {self.goes} of {self.wanted} can be asked: {self.refusal}" if self.goes else str(self.refusal)


class Purses:
    """The budgets that bind a run, as they are now.

    Args:
        budgets: by the provider's full name; one may be among them several times.
    """

    def __init__(self, connection: sa.Connection, budgets: Iterable[Budget], *, company_id: UUID, month: str) -> None:
        self._month, self._set = month, {one.provider_id: one for one in budgets}
        self._now = {
            which: spending(connection, company_id=company_id, month=month, provider_id=which) for which in self._set
        }

    def take(self, budgets: Sequence[Budget], at_most_pico: int | None, *, ends: bool = True) -> ByokError | None:
        """Takes what one call holds from each; or nothing, and why, where one has less left.

        Args:
            ends: whether that is the most; else the call is refused even where so much is left.
        """
        for one in budgets:
            refusal = why_not(one, self._now[one.provider_id], month=self._month, at_most_pico=at_most_pico)
            if refusal is not None:
                return refusal
        if not ends and at_most_pico is not None:
            return no_end()
        for one in budgets:
            self._now[one.provider_id] = self._now[one.provider_id].and_holding(at_most_pico)
        return None

    def warnings(self) -> tuple[str, ...]:
        """What is left of each that is spent or held to 80 % or more: `$1.20 of $10.00 left of the OpenAI budget …`."""
        return tuple(
            f"{usd(self._now[which].left_pico(one))} of {usd(one.limit_pico)} left of {one.called(self._month)}"
            for which, one in self._set.items()
            if share_of(one, self._now[which]) >= WARN
        )
