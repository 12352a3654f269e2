"""`byok models`: what a company can choose from, standard models and those of its own keys."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import click

from byok.cli.opened import company_option, json_option, workbench
from byok.cli.output import echo_json, echo_line, echo_table
from byok.core.prices import plain
from byok.services.model_choices import ModelChoice


@click.command()
@company_option
@json_option
def models(slug: str, as_json: bool) -> None:
    """List the models that a company can use, by the names that `byok chat --model` takes."""
    with workbench() as bench:
        menu = bench.models.menu(bench.accounts.company(slug).operator)
    if as_json:
        echo_json([_json(choice) for choice in menu.choices])
    else:
        rows = [
            [
                str(choice.name),
                f"Your key …{choice.key_hint}" if choice.key_hint else "Plan",
                choice.context,
                _price(choice.price_in),
                _price(choice.price_out),
                _state(choice),
            ]
            for choice in menu.choices
        ]
        echo_table(["MODEL", "PAYS", "CONTEXT", "IN $/M", "OUT $/M", "STATE"], rows, empty="No models.")
    for note in menu.notes:
        echo_line(f"byok: {note}", err=True)


def _state(choice: ModelChoice) -> str:
    """What stands in the way of `byok chat`, where something does; a spare key is only used where it is named."""
    if choice.state == "ok":
        return "" if choice.key_id is None else f"with --key {choice.key_id}"
    return choice.state


def _price(value: Decimal | None) -> str:
    return "" if value is None else plain(value)


def _json(choice: ModelChoice) -> dict[str, Any]:
    return {
        "model": str(choice.name),
        "source": choice.source,
        "provider": choice.name.provider_id,
        "label": choice.label,
        "key_id": str(choice.own_key) if choice.own_key else None,
        "key_label": choice.key_label,
        "key_hint": choice.key_hint,
        "context": choice.context,
        "price_in": None if choice.price_in is None else plain(choice.price_in),
        "price_out": None if choice.price_out is None else plain(choice.price_out),
        "price_request": None if choice.price_request is None else plain(choice.price_request),
        "state": choice.state,
    }
