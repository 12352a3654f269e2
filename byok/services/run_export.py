"""A conversation as a run file, as Markdown and as CSV: what the screen shows, to the digit, and nothing of a key."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from importlib.metadata import version
from uuid import UUID

from byok.services.columns import ColumnSetup
from byok.services.conversation_views import AnswerView, ReceiptView, ThreadView, TurnView
from byok.services.fallbacks import told
from byok.services.numbers import numbers_of
from byok.services.run_file import RunAnswer, RunColumn, RunFile, RunNumbers, RunPrice, RunTurn, prompt_hash, text_hash
from byok.services.spreadsheet import Cell, to_csv

PICO = Decimal(10) ** -12
# Greedy, since a label may hold any character: the words of a refusal may name the key, and a file is to hold no label.
_NAMED_KEY = re.compile(r"\bkey “.*”", re.DOTALL)
_LINE = re.compile(r"\r\n|\r|\n")  # what ends a line of Markdown
CSV_HEAD = (
    *("Turn", "Question", "Column", "Version", "Model", "Answered by", "Parameters", "State", "Finish reason"),
    *("Paid by", "First token (ms)", "Duration (ms)", "Tokens/s", "Tokens in", "Tokens out", "Tokens reasoning"),
    *("Estimated cost (USD)", "Price origin", "Price date", "Error", "Instead of"),
)


def run_file(thread: ThreadView, *, at: datetime, through: UUID | None = None) -> RunFile:
    """The whole conversation, all branches and versions.

    Args:
        at: now.
        through: a turn of the branch that is to be run anew; None means the newest.
    """
    columns = {column.id: number for number, column in enumerate(thread.columns, 1)}
    turns = {turn.id: number for number, turn in enumerate(thread.turns, 1)}
    branch = thread.branch(through)
    return RunFile(
        made_by=f"Aimy BYOK workbench {version('aimy-byok-workbench')}",
        made_at=_moment(at) or "",
        title=thread.conversation.title,
        columns=[
            RunColumn(
                column=columns[one.id],
                model=str(one.model),
                parameters=one.parameters.to_json(),
                system_prompt=one.system_prompt,
                removed=one.removed,
            )
            for one in thread.columns
        ],
        turns=[
            RunTurn(
                turn=turns[turn.id],
                follows=turns[turn.parent_id] if turn.parent_id else None,
                text=turn.text,
                repeats=turn.repeats,
                columns=sorted({columns[answer.column_id] for answer in turn.answers}),
                answers=[
                    _answer(answer, columns[answer.column_id], _said(thread, turn, answer.column_id))
                    for answer in turn.answers
                ],
            )
            for turn in thread.turns
        ],
        newest=turns[branch[-1].id] if branch else None,
    )


def markdown(run: RunFile) -> bytes:
    """For people: each message with the answers of every column under it.

    Messages and answers are quotations: a fence, a table or HTML that one leaves open ends with it.
    """
    return ("\n".join(_lines(run)).rstrip() + "\n").encode("utf-8", "replace")


def numbers_csv(run: RunFile) -> bytes:
    """One row an answer, safe to open in a spreadsheet."""
    return to_csv([CSV_HEAD, *_rows(run)])


def _answer(answer: AnswerView, column: int, said: list[str]) -> RunAnswer:
    receipt, figures = answer.receipt, numbers_of(answer)
    setup = ColumnSetup(None, parameters=answer.parameters, system_prompt=answer.system_prompt)
    made = RunAnswer(
        column=column,
        version=answer.version,
        model=answer.model,
        parameters=setup.parameters.to_json(),
        system_prompt=answer.system_prompt,
        state=answer.state,
        text=answer.text,
        reasoning=answer.reasoning,
        error=_NAMED_KEY.sub("key", answer.error) if answer.error else answer.error,
        finish_reason=answer.finish_reason,
        provider=receipt.provider if receipt else None,
        model_answered=receipt.model_answered if receipt else None,
        paid_by=None if receipt is None else "own key" if receipt.source == "byok" else "plan",
        instead_of=answer.instead_of,
        started_at=_moment(answer.created_at) or "",
        finished_at=_moment(answer.finished_at),
        numbers=RunNumbers(
            ttft_ms=figures.ttft_ms,
            duration_ms=figures.duration_ms,
            tokens_per_s=figures.tokens_per_s,
            tokens_in=figures.tokens_in,
            tokens_out=figures.tokens_out,
            tokens_cached=receipt.tokens_cached if receipt else None,
            tokens_reasoning=figures.tokens_reasoning,
            cost_usd=usd(figures.cost_pico),
        ),
        price=_price(receipt),
        prompt_sha256="",
        text_sha256=text_hash(answer.text),
    )
    put_in = made if answer.put_in is None else made.model_copy(update={"parameters": answer.put_in.to_json()})
    return made.model_copy(update={"prompt_sha256": prompt_hash(put_in, said)})


def _price(receipt: ReceiptView | None) -> RunPrice | None:
    if receipt is None or receipt.price_origin is None or receipt.price_date is None:
        return None
    return RunPrice(
        origin=receipt.price_origin,
        date=receipt.price_date,
        in_usd_per_million=usd(receipt.price_in_pico),
        out_usd_per_million=usd(receipt.price_out_pico),
    )


def _said(thread: ThreadView, turn: TurnView, column_id: UUID) -> list[str]:
    """The messages that one column was asked on the way to this turn, itself included."""
    turns = {one.id: one for one in thread.turns}
    said: list[str] = []
    at: TurnView | None = turn
    while at is not None:
        if at.of(column_id):
            said.insert(0, at.text)
        at = turns.get(at.parent_id) if at.parent_id else None
    return said


def _lines(run: RunFile) -> Iterator[str]:
    yield from (f"# {_plain(run.title) or 'Untitled'}", "")
    yield from (f"Exported {_plain(run.made_at)} by {_plain(run.made_by)}.", "")
    for turn in run.turns:
        yield from (f"## Message {turn.turn}", "", *_quotation(turn.text), "")
        for answer in turn.answers:
            again = f", version {answer.version}" if answer.version > 1 else ""
            yield from (f"### Column {answer.column}{again}: {_plain(answer.model)}", "", _receipt(answer), "")
            if answer.instead_of:
                words = told(answer.model, asked=answer.instead_of, done=bool(answer.text) or answer.state == "running")
                yield from (_plain(words), "")
            if answer.text:
                yield from (*_quotation(answer.text), "")
            if answer.error:
                yield from (f"Error: {_plain(answer.error)}", "")


def _quotation(text: str) -> Iterator[str]:
    return (f"> {line}".rstrip() for line in _LINE.split(text))


def _plain(text: str) -> str:
    """A text on one line, letter by letter."""
    return re.sub(r"([\\`*_\[\]<>&#~|!])", r"\\\1", " ".join(text.split()))


def _receipt(answer: RunAnswer) -> str:
    n = answer.numbers
    cost = (
        "plan message" if answer.paid_by == "plan" else f"cost {'—' if n.cost_usd is None else f'≈ ${n.cost_usd:,f}'}"
    )
    reasoning = f" (reasoning {n.tokens_reasoning:,})" if n.tokens_reasoning else ""
    return " · ".join(
        (
            answer.state,
            f"first token {_known(n.ttft_ms, ' ms')}",
            f"{_known(n.duration_ms, ' ms')} in all",
            f"{_known(n.tokens_per_s, '')} tokens/s",
            f"{_known(n.tokens_in, '')} tokens in",
            f"{_known(n.tokens_out, '')} out{reasoning}",
            cost,
            *([f"finish: {_plain(answer.finish_reason)}"] if answer.finish_reason else []),
        )
    )


def _known(value: int | Decimal | None, unit: str) -> str:
    return "—" if value is None else f"{value:,}{unit}"


def _rows(run: RunFile) -> Iterator[tuple[Cell, ...]]:
    for turn in run.turns:
        for answer in turn.answers:
            n, price = answer.numbers, answer.price
            settings = ", ".join(f"{name}={value}" for name, value in answer.parameters.items())
            yield (
                *(turn.turn, turn.text, answer.column, answer.version, answer.model, answer.model_answered),
                *(settings, answer.state, answer.finish_reason, answer.paid_by),
                *(n.ttft_ms, n.duration_ms, n.tokens_per_s, n.tokens_in, n.tokens_out, n.tokens_reasoning),
                *(n.cost_usd, price.origin if price else None, price.date if price else None, answer.error),
                answer.instead_of,
            )


def usd(pico: int | None) -> Decimal | None:
    """Pico-dollars as USD, exact and without zeros at the end."""
    if pico is None:
        return None
    value = (pico * PICO).normalize()
    return value if value.as_tuple().exponent <= 0 else value.quantize(Decimal(1))  # type: ignore[operator]


def _moment(at: datetime | None) -> str | None:
    return None if at is None else f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}Z"
