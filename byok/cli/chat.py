"""`byok chat`: ask one question. The answer goes to standard output as it arrives, the receipt to standard error.

Nothing that the answer does not need is imported before its first token. Terminal control codes are not passed on.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from byok.cli.opened import company_option, find_key, json_option, workbench
from byok.cli.output import echo_line
from byok.core.live import Live, Snapshot
from byok.core.model_names import ModelName
from byok.ground.errors import ByokError, InvalidInputError

if TYPE_CHECKING:
    from uuid import UUID

    from byok.process import Workbench
    from byok.services.access import Actor

# A model must not be able to move the cursor, rename the window or write the clipboard: C0 and C1 codes are dropped.
CONTROLS = dict.fromkeys(code for code in (*range(32), *range(127, 160)) if chr(code) not in "\n\t")
PICO = 10**12
POLL = 0.5  # seconds: where a wait cannot be interrupted, Ctrl-C is heard this late


class ModelParameter(click.ParamType[ModelName]):
    """A model's full name."""

    name = "model"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> ModelName:
        try:
            return value if isinstance(value, ModelName) else ModelName.parse(value)
        except InvalidInputError as error:
            self.fail(str(error), param, ctx)


@click.command()
@company_option
@click.option("--model", "name", required=True, type=ModelParameter(), metavar="M", help="E.g. byok:openai/gpt-x.")
@click.option("--key", "which", metavar="KEY", help="A spare key, by id or label, instead of the default one.")
@click.option("--system", default="", metavar="S", help="The system prompt.")
@click.option("--temperature", type=click.FloatRange(0, 2), help="Sent only if given.")
@click.option("--max-tokens", type=click.IntRange(1), help="The longest answer; sent only if given.")
@click.argument("question", required=False)
@json_option
def chat(
    slug: str,
    name: ModelName,
    which: str | None,
    system: str,
    temperature: float | None,
    max_tokens: int | None,
    question: str | None,
    as_json: bool,
) -> None:
    """Ask QUESTION, or what is on standard input."""
    text = sys.stdin.read() if question is None else question
    with workbench() as bench:
        actor = bench.accounts.company(slug).operator
        pinned = find_key(bench, actor, which).id if which else None
        live = bench.conversations.ask_once(
            actor, text=text, model=name, key_id=pinned, system=system, temperature=temperature, max_tokens=max_tokens
        )
        end = _follow(bench, live, show=_ignore if as_json else _show)
        if as_json:
            click.echo(json.dumps(_json(end), ensure_ascii=False))
        else:
            click.echo()
            echo_line(_receipt(end, payer=_payer(bench, actor, name, pinned), model=name.model), err=True)
    if end.state != "complete":
        raise ByokError(end.error or f"The answer was {end.state}.")


def _follow(bench: Workbench, live: Live, *, show: Callable[[str], None]) -> Snapshot:
    """Shows the text as it grows, until its end is in the ledger. Ctrl-C stops the answer, and it counts as stopped."""
    shown, noted = 0, None
    try:
        while True:
            now = live.snapshot()
            if now.note is not None and now.note != noted:
                noted = now.note
                echo_line(noted, err=True)
            if len(now.text) > shown:
                show(now.text[shown:])
                shown = len(now.text)
            if now.state != "running":
                return now
            live.wait(now.version, timeout=POLL)
    except KeyboardInterrupt:
        bench.runner.stop(live.answer_id)
        live.wait_end(timeout=5)
        return live.snapshot()


def _show(text: str) -> None:
    sys.stdout.write(text.translate(CONTROLS) if sys.stdout.isatty() else text)
    sys.stdout.flush()


def _ignore(text: str) -> None:
    """The text comes whole, at the end."""


def _payer(bench: Workbench, actor: Actor, name: ModelName, pinned: UUID | None) -> str:
    """Who paid, as every receipt says it. Read after the answer, so that it delays no token."""
    provider = bench.catalogue.get(name.provider_id).name
    if name.source == "plan":
        return f"Plan · {provider}"
    keys = [key for key in bench.keys.list(actor) if key.provider_id == name.provider_id]
    hint = next((key.hint for key in keys if key.id == pinned or (pinned is None and key.is_default)), None)
    return f"Your key · {provider} …{hint}" if hint else f"Your key · {provider}"


def _receipt(end: Snapshot, *, payer: str, model: str) -> str:
    """One line: who pays, what, how much, how fast. What is not known is a dash."""
    done = end.outcome
    parts = [payer, model]
    if done is not None:
        parts.append(f"{_count(done.tokens_in)} in, {_count(done.tokens_out)} out")
        parts.append(f"first token {_count(done.ttft_ms)} ms, whole {_count(done.duration_ms)} ms")
        cost = _cost(done.cost_pico)
        if payer.startswith("Your key"):
            parts.append(f"${cost} ({done.price_origin})" if cost else "cost -")
    return " · ".join(parts)


def _count(number: int | None) -> str:
    return "-" if number is None else f"{number:,}"


def _cost(pico: int | None) -> str | None:
    """US dollars as plain decimals: never as a float, never with an exponent."""
    if pico is None:
        return None
    whole, rest = divmod(pico, PICO)
    return f"{whole}.{rest:012d}".rstrip("0").rstrip(".")


def _json(end: Snapshot) -> dict[str, Any]:
    done = end.outcome
    usage = ("tokens_in", "tokens_out", "tokens_cached", "tokens_reasoning")
    return {
        "text": end.text,
        "status": done.status if done else end.state,
        "finish_reason": end.finish_reason,
        "usage": {name: getattr(done, name, None) for name in usage},
        "model": done.model_answered if done else None,
        "ttft_ms": done.ttft_ms if done else None,
        "duration_ms": done.duration_ms if done else None,
        "cost": _cost(done.cost_pico) if done else None,
        "error": end.error,
    }
