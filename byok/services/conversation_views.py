"""What may be seen of a conversation: its turns, its answers, and what each answer took. Plain values only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from byok.core.live import State

PICO = Decimal(10) ** -12


@dataclass(frozen=True, slots=True)
class ConversationView:
    """One line of the list. Without a message yet, its title is empty."""

    id: UUID
    title: str
    chatbot_id: UUID | None
    model: str | None
    key_id: UUID | None
    sample: bool
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class ReceiptView:
    """Who pays for an answer, and what it took. Unknown figures are None: a dash, never 0.

    Attributes:
        status: the attempt's: reserved, complete, stopped, interrupted, error or unknown.
        cost: estimated, in USD; None for a standard model, and where the price is unknown.
    """

    source: str
    provider_id: str
    provider: str
    model: str
    model_answered: str | None
    key_id: UUID | None
    key_label: str | None
    key_hint: str | None
    status: str
    answered: bool
    finish_reason: str | None
    tokens_in: int | None
    tokens_out: int | None
    tokens_cached: int | None
    tokens_reasoning: int | None
    ttft_ms: int | None
    duration_ms: int | None
    cost_pico: int | None
    price_origin: str | None
    price_date: str | None
    request_id: str | None

    @property
    def cost(self) -> Decimal | None:
        """Estimated cost in USD, exact."""
        return None if self.cost_pico is None else self.cost_pico * PICO


@dataclass(frozen=True, slots=True)
class AnswerView:
    """One answer. `model` is `source:provider/model`; `error` says in a sentence why it failed."""

    id: UUID
    turn_id: UUID
    column_id: UUID
    version: int
    model: str
    text: str
    reasoning: str
    state: State
    error: str | None
    finish_reason: str | None
    receipt: ReceiptView | None
    created_at: datetime
    finished_at: datetime | None

    @property
    def running(self) -> bool:
        """Whether it still grows."""
        return self.state == "running"


@dataclass(frozen=True, slots=True)
class TurnView:
    """A message and what was answered to it, oldest version first."""

    id: UUID
    parent_id: UUID | None
    text: str
    answers: tuple[AnswerView, ...]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class ThreadView:
    """A whole conversation, oldest turn first."""

    conversation: ConversationView
    turns: tuple[TurnView, ...]


@dataclass(frozen=True, slots=True)
class Asked:
    """What `ask` made; the answers are being written already."""

    conversation_id: UUID
    turn_id: UUID
    answer_ids: tuple[UUID, ...]


def text_of(parts: list[dict[str, Any]]) -> str:
    """The text of a message's parts."""
    return "\n\n".join(part["text"] for part in parts if part.get("type") == "text")


def receipt_view(row: Mapping[str, Any], *, provider: str, finish_reason: str | None) -> ReceiptView:
    """The receipt of one ledger row.

    Args:
        provider: the provider's full name.
    """
    same = (
        "source provider_id model_answered key_id key_label key_hint status answered tokens_in tokens_out "
        "tokens_cached tokens_reasoning ttft_ms duration_ms cost_pico price_origin price_date"
    )
    return ReceiptView(
        provider=provider,
        model=row["model_asked"],
        finish_reason=finish_reason,
        request_id=row["provider_request_id"],
        **{name: row[name] for name in same.split()},
    )
