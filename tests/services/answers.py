"""Answers, turns and threads as plain values, for tests of what is made from them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from byok.core.model_names import ModelName
from byok.core.parameters import Parameters
from byok.ground.ids import new_id
from byok.services.columns import ColumnView
from byok.services.conversation_views import AnswerView, ConversationView, ReceiptView, ThreadView, TurnView

AT = datetime(2026, 11, 23, 12, tzinfo=UTC)
MODEL = ModelName("byok", "fake", "fake-1")


def receipt(**fields: Any) -> ReceiptView:
    """Of an own key; what is not given is not known."""
    unknown = (
        *("model_answered", "key_id", "key_label", "key_hint", "finish_reason", "request_id"),
        *("tokens_in", "tokens_out", "tokens_cached", "tokens_reasoning", "ttft_ms", "duration_ms"),
        *("cost_pico", "price_origin", "price_date", "price_in_pico", "price_out_pico"),
    )
    known = {"source": "byok", "provider_id": "fake", "provider": "Fake AI", "model": "fake-1", "status": "complete"}
    return ReceiptView(**{**dict.fromkeys(unknown), **known, "answered": True, **fields})


def answer(
    column: UUID, *, version: int = 1, text: str = "Hello.", figures: dict[str, Any] | None = None, **fields: Any
) -> AnswerView:
    """A complete one; `figures` are its receipt's."""
    known: dict[str, Any] = {
        "id": new_id(),
        "turn_id": new_id(),
        "model": str(MODEL),
        "reasoning": "",
        "state": "complete",
        "error": None,
        "finish_reason": "stop",
        "created_at": AT,
        "finished_at": AT,
        "receipt": receipt(**(figures or {})),
    }
    return AnswerView(**{**known, "column_id": column, "version": version, "text": text, **fields})


def turn(answers: Sequence[AnswerView], *, text: str = "Hi", repeats: int = 1, parent: UUID | None = None) -> TurnView:
    """A message with its answers."""
    return TurnView(new_id(), parent, text, tuple(answers), AT, repeats)


def column(position: int = 0, **fields: Any) -> ColumnView:
    """One that stands there now."""
    known: dict[str, Any] = {"model": MODEL, "key_id": None, "parameters": Parameters(), "system_prompt": ""}
    return ColumnView(**{**known, "id": new_id(), "position": position, "removed": False, **fields})


def thread(columns: Sequence[ColumnView], turns: Sequence[TurnView], *, title: str = "A talk") -> ThreadView:
    """A conversation of ada's."""
    about = ConversationView(new_id(), title, None, str(MODEL), None, False, AT, AT, False, True, "Ada")
    return ThreadView(about, tuple(turns), tuple(columns))
