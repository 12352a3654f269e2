"""What may be seen of a conversation: its turns, its answers, and what each answer took. Plain values only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from byok.core.live import State
from byok.core.parameters import Parameters
from byok.services.columns import ColumnView

PICO = Decimal(10) ** -12


@dataclass(frozen=True, slots=True)
class ConversationView:
    """One line of the list. Without a message yet, its title is empty.

    Attributes:
        model, key_id: of its first column.
        mine: whether the reader is its author; else it was shared with the company.
        author: the author's name.
    """

    id: UUID
    title: str
    chatbot_id: UUID | None
    model: str | None
    key_id: UUID | None
    sample: bool
    created_at: datetime
    updated_at: datetime
    shared: bool
    mine: bool
    author: str


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
    price_in_pico: int | None
    price_out_pico: int | None
    request_id: str | None

    @property
    def cost(self) -> Decimal | None:
        """Estimated cost in USD, exact."""
        return None if self.cost_pico is None else self.cost_pico * PICO


@dataclass(frozen=True, slots=True)
class AnswerView:
    """One answer. `model` is `source:provider/model`; `error` says in a sentence why it failed.

    Attributes:
        key_id, parameters, system_prompt: with the model, what it ran with.
        note: what it waits for, while it does.
        instead_of: the model that was asked for, where a chatbot's settings led to this one.
        put_in: the parameters that the person set, where a budget set the answer's length.
    """

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
    key_id: UUID | None = None
    parameters: Parameters = field(default_factory=Parameters)
    system_prompt: str = ""
    note: str | None = None
    instead_of: str | None = None
    put_in: Parameters | None = None

    @property
    def running(self) -> bool:
        """Whether it still grows."""
        return self.state == "running"


@dataclass(frozen=True, slots=True)
class TurnView:
    """A message and what was answered to it, oldest version first. `repeats` is above 1 for a fair race."""

    id: UUID
    parent_id: UUID | None
    text: str
    answers: tuple[AnswerView, ...]
    created_at: datetime
    repeats: int = 1

    def of(self, column_id: UUID) -> tuple[AnswerView, ...]:
        """The versions of one column's answer, oldest first; empty where it was not asked."""
        return tuple(answer for answer in self.answers if answer.column_id == column_id)

    @property
    def running(self) -> tuple[UUID, ...]:
        """The answers that still grow."""
        return tuple(answer.id for answer in self.answers if answer.running)


@dataclass(frozen=True, slots=True)
class ThreadView:
    """A whole conversation, oldest turn first, and its columns in their order, removed ones too."""

    conversation: ConversationView
    turns: tuple[TurnView, ...]
    columns: tuple[ColumnView, ...] = ()

    def branch(self, through: UUID | None = None) -> tuple[TurnView, ...]:
        """The turns of one branch, oldest first: the one through that turn, and its newest continuation.

        Args:
            through: None, or a turn that is not here, means the newest.
        """
        turns = {turn.id: turn for turn in self.turns}
        at = through if through in turns else next(reversed(turns), None)
        line: list[TurnView] = []
        up = at
        while up is not None and up in turns:
            line.append(turns[up])
            up = turns[up].parent_id
        line.reverse()
        while True:
            below = next((turn for turn in reversed(self.turns) if turn.parent_id == at), None)
            if below is None or at is None:
                return tuple(line)
            line.append(below)
            at = below.id

    def siblings(self, turn: TurnView) -> tuple[UUID, ...]:
        """The wordings of one message, oldest first: those that edits put in each other's place."""
        return tuple(other.id for other in self.turns if other.parent_id == turn.parent_id)


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
        "tokens_cached tokens_reasoning ttft_ms duration_ms cost_pico price_origin price_date "
        "price_in_pico price_out_pico"
    )
    return ReceiptView(
        provider=provider,
        model=row["model_asked"],
        finish_reason=finish_reason,
        request_id=row["provider_request_id"],
        **{name: row[name] for name in same.split()},
    )
