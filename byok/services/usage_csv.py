"""Usage as CSV: the table as on the screen, the total last, and the attempts behind it. Refuses to round."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from itertools import chain

from byok.core.ledger_figures import Figures
from byok.services.attempts import AttemptView
from byok.services.spreadsheet import Cell, to_csv
from byok.services.usage_table import UsageRow, UsageTable

HEAD = (
    "Period (UTC)",
    "Row",
    "Part",
    "BYOK requests",
    "BYOK answered",
    "BYOK tokens in",
    "BYOK tokens out",
    "BYOK estimated cost (USD)",
    "BYOK cost is at least that",
    "BYOK unpriced calls",
    "BYOK errors",
    "BYOK first token, about the median (ms)",
    "Plan messages",
    "Plan tokens in",
    "Plan tokens out",
    "Plan errors",
    "Answers",
)
ATTEMPTS_HEAD = (
    "Reserved at (UTC)",
    "Source",
    "Provider",
    "Model asked",
    "Model answered",
    "Instead of",
    "Key",
    "Key hint",
    "Person",
    "Chatbot",
    "Status",
    "Answered",
    "Error",
    "Tokens in",
    "Tokens out",
    "Tokens cached",
    "Tokens reasoning",
    "Estimated cost (USD)",
    "Price from",
    "Price of",
    "USD for a million tokens in",
    "USD for a million tokens out",
    "First token (ms)",
    "Duration (ms)",
    "Provider's request id",
    "Corrections",
    "Sample",
    "Conversation",
    "Attempt",
)


def table_csv(table: UsageTable) -> bytes:
    """The table; a row is followed by its parts."""
    return to_csv([HEAD, *(_cells(table.period.label, *line) for line in _lines(table))])


def attempts_csv(attempts: Iterable[AttemptView]) -> bytes:
    """One row an attempt."""
    return to_csv(chain([ATTEMPTS_HEAD], map(_attempt, attempts)))


def _lines(table: UsageTable) -> Iterator[tuple[str, str, UsageRow]]:
    for row in (*table.rows, table.total):
        yield row.name, "", row
        for part in row.parts:
            yield row.name, part.name, part


def _cells(period: str, name: str, part: str, row: UsageRow) -> tuple[Cell, ...]:
    return (period, name, part, *_figures(row.byok, row.plan), row.answers)


def _figures(byok: Figures, plan: Figures) -> tuple[Cell, ...]:
    return (
        byok.requests,
        byok.answered,
        byok.tokens_in,
        byok.tokens_out,
        _dollars(byok.cost_pico),
        "yes" if byok.cost_at_least else "no",
        byok.unpriced,
        byok.errors,
        byok.ttft_ms,
        plan.answered,
        plan.tokens_in,
        plan.tokens_out,
        plan.errors,
    )


def _attempt(one: AttemptView) -> tuple[Cell, ...]:
    return (
        f"{one.at:%Y-%m-%d %H:%M:%S}",
        one.source,
        one.provider,
        one.model,
        one.model_answered,
        one.instead_of,
        one.key_label,
        one.key_hint,
        one.person,
        one.chatbot,
        one.status,
        "yes" if one.answered else "no",
        one.error,
        one.tokens_in,
        one.tokens_out,
        one.tokens_cached,
        one.tokens_reasoning,
        _dollars(one.cost_pico),
        one.price_origin,
        one.price_date,
        _dollars(one.price_in_pico),
        _dollars(one.price_out_pico),
        one.ttft_ms,
        one.duration_ms,
        one.request_id,
        one.corrections,
        "yes" if one.sample else "no",
        None if one.conversation_id is None else str(one.conversation_id),
        str(one.id),
    )


def _dollars(pico: int | None) -> Decimal | None:
    return None if pico is None else Decimal(pico).scaleb(-12)
