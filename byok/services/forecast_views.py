"""What is told before a run, as plain values: of each column, and of all together. None is what cannot be told."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from byok.core.model_names import Source


@dataclass(frozen=True, slots=True)
class Forecast:
    """One column.

    Attributes:
        provider: full name.
        problem: why it cannot run, or cannot in part, with what to do; empty where it can.
        runs: whether anything of it can be sent.
        messages: plan messages that it holds.
        at_most_pico: what an own key's provider can charge at most, in pico-dollars; None where that cannot be told.
        why_unknown: the reason then.
        instead: what of it another model answers, as the chatbot's settings say; `problem` says so too.
    """

    column_id: UUID
    source: Source
    provider: str
    key_hint: str | None = None
    problem: str = ""
    runs: bool = True
    messages: int = 0
    at_most_pico: int | None = None
    why_unknown: str = ""
    instead: Forecast | None = None

    @property
    def parts(self) -> tuple[Forecast, ...]:
        """Itself, and what another model answers of it."""
        return (self, self.instead) if self.instead else (self,)


@dataclass(frozen=True, slots=True)
class Outlook:
    """A whole run. `allowance` and `used` are the plan's messages of this month.

    Attributes:
        warnings: what is left of each budget that binds the run and is spent to 80 % or more.
    """

    columns: tuple[Forecast, ...]
    allowance: int
    used: int
    warnings: tuple[str, ...] = ()

    @property
    def messages(self) -> int:
        """Plan messages that the run holds."""
        return sum(part.messages for one in self.columns for part in one.parts)

    @property
    def own(self) -> tuple[Forecast, ...]:
        """What runs on own keys."""
        parts = (part for one in self.columns for part in one.parts)
        return tuple(part for part in parts if part.source == "byok" and part.runs)

    @property
    def at_most_pico(self) -> int | None:
        """What all own keys together can be charged at most; None where it cannot be told of one of them."""
        known = [one.at_most_pico for one in self.own if one.at_most_pico is not None]
        return sum(known) if len(known) == len(self.own) else None
