"""What can be measured of answers, and compared: figures of one, median and spread of several, who stands first.

Screen, export and data frames all take their figures from here, rounded once, so that they agree to the digit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from decimal import ROUND_HALF_EVEN, Decimal
from statistics import median
from typing import Final
from uuid import UUID

from byok.services.conversation_views import AnswerView, TurnView

TENTH: Final = Decimal("0.1")


@dataclass(frozen=True, slots=True)
class Numbers:
    """One answer's figures; None where one is not known.

    Attributes:
        ttft_ms: from sending to the first text; `duration_ms`: from sending to the end.
        tokens_per_s: of the text, from its first piece to the end; see `numbers_of`.
        tokens_out: reasoning included, as providers bill it; `tokens_reasoning`: of those, the reasoning.
        cost_pico: estimated, in pico-dollars; None for standard models too.
    """

    ttft_ms: int | None = None
    duration_ms: int | None = None
    tokens_per_s: Decimal | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None
    tokens_reasoning: int | None = None
    cost_pico: int | None = None


@dataclass(frozen=True, slots=True)
class Spread:
    """Median, least and most of the known values of several answers; `count` says of how many."""

    median: Decimal
    least: Decimal
    most: Decimal
    count: int


@dataclass(frozen=True, slots=True)
class ColumnNumbers:
    """What a column's answers to one message came to. `answers` counts those that had text."""

    column_id: UUID
    answers: int
    asked: int
    spreads: Mapping[str, Spread]

    def median(self, figure: str) -> Decimal | None:
        """The median of a figure of `Numbers`, by its name; None where it is not known of any."""
        found = self.spreads.get(figure)
        return found.median if found else None


@dataclass(frozen=True, slots=True)
class Standing:
    """Which columns come first: by first token, tokens/s, cost, and by tokens out. Empty where none can be told."""

    soonest: tuple[UUID, ...]
    fastest: tuple[UUID, ...]
    cheapest: tuple[UUID, ...]
    longest: tuple[UUID, ...]


def numbers_of(answer: AnswerView) -> Numbers:
    """The figures of one answer.

    Tokens/s are the text's tokens over the time from its first piece to the end: reasoning, which comes before, counts
    neither way. Where a model reasoned and the provider does not say how much, they are not known.
    """
    receipt = answer.receipt
    if receipt is None:
        return Numbers()
    told = receipt.tokens_reasoning is not None or not answer.reasoning
    written = None if receipt.tokens_out is None or not told else receipt.tokens_out - (receipt.tokens_reasoning or 0)
    rate = None
    if written and written > 0 and receipt.ttft_ms is not None and receipt.duration_ms is not None:
        spent = receipt.duration_ms - receipt.ttft_ms
        rate = (Decimal(written) * 1000 / spent).quantize(TENTH, ROUND_HALF_EVEN) if spent > 0 else None
    return Numbers(
        ttft_ms=receipt.ttft_ms,
        duration_ms=receipt.duration_ms,
        tokens_per_s=rate,
        tokens_in=receipt.tokens_in,
        tokens_out=receipt.tokens_out,
        tokens_reasoning=receipt.tokens_reasoning,
        cost_pico=receipt.cost_pico if receipt.source == "byok" else None,
    )


def column_numbers(column_id: UUID, versions: Sequence[AnswerView], *, repeats: int) -> ColumnNumbers:
    """Of a fair race all answers count; else the newest version alone.

    Args:
        versions: of one column's answer to one message, oldest first.
        repeats: the turn's.
    """
    counted = versions if repeats > 1 else versions[-1:]
    answered = [numbers_of(one) for one in counted if one.text and not one.running]
    spreads = {field.name: spread(getattr(one, field.name) for one in answered) for field in fields(Numbers)}
    return ColumnNumbers(
        column_id, len(answered), len(counted), {name: one for name, one in spreads.items() if one is not None}
    )


def spread(values: Iterable[int | Decimal | None]) -> Spread | None:
    """Of those that are known; None where none is. A median between two whole numbers is rounded to a whole one."""
    known = [value for value in values if value is not None]
    if not known:
        return None
    middle = median(map(Decimal, known))
    step = TENTH if any(isinstance(value, Decimal) for value in known) else Decimal(1)
    rounded = middle.quantize(step, ROUND_HALF_EVEN)
    return Spread(rounded, Decimal(min(known)), Decimal(max(known)), len(known))


def turn_numbers(turn: TurnView, columns: Iterable[UUID]) -> list[ColumnNumbers]:
    """Of each of these columns that was asked."""
    asked = [(column, turn.of(column)) for column in columns]
    return [column_numbers(column, versions, repeats=turn.repeats) for column, versions in asked if versions]


def standing(found: Sequence[ColumnNumbers]) -> Standing:
    """Which of several columns come first; all that share the first place."""
    return Standing(
        soonest=_first(found, "ttft_ms", highest=False),
        fastest=_first(found, "tokens_per_s", highest=True),
        cheapest=_first(found, "cost_pico", highest=False),
        longest=_first(found, "tokens_out", highest=True),
    )


def _first(found: Sequence[ColumnNumbers], figure: str, *, highest: bool) -> tuple[UUID, ...]:
    known = [(value, one.column_id) for one in found if (value := one.median(figure)) is not None]
    if not known:
        return ()
    best = (max if highest else min)(value for value, _ in known)
    return tuple(column for value, column in known if value == best)
