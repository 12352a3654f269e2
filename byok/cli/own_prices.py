"""`byok price`: what providers ask of a company, where it has agreed on something else than their lists say."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import click

from byok.cli.amounts import DecimalParameter
from byok.cli.opened import company_option, json_option, workbench
from byok.cli.output import echo_json, echo_line, echo_table
from byok.core.prices import plain
from byok.services.own_prices import OwnPriceView

HEADINGS = ["PROVIDER", "MODEL", "TIMES LIST", "IN $/M", "OUT $/M", "SINCE"]
NUMBER = DecimalParameter()
provider_option = click.option("--provider", "provider_id", required=True, metavar="P", help="The provider, by id.")
model_option = click.option("--model", default="", metavar="M", help="One model; all others' if not given.")


@click.group()
def price() -> None:
    """A company's own prices."""


@price.command("list")
@company_option
@json_option
def list_prices(slug: str, as_json: bool) -> None:
    """List a company's own prices."""
    with workbench() as bench:
        views = bench.own_prices.list(bench.accounts.company(slug).operator)
    if as_json:
        echo_json([_json(view) for view in views])
    else:
        echo_table(HEADINGS, [_cells(view) for view in views], empty="No own prices: those of the lists hold.")


@price.command("set")
@company_option
@provider_option
@model_option
@click.option("--multiplier", type=NUMBER, metavar="X", help="Times what the list says, e.g. 0.85.")
@click.option("--in", "price_in", type=NUMBER, metavar="USD", help="For a million tokens in; with --out.")
@click.option("--out", "price_out", type=NUMBER, metavar="USD", help="For a million tokens out.")
@json_option
def set_price(
    slug: str,
    provider_id: str,
    model: str,
    multiplier: Decimal | None,
    price_in: Decimal | None,
    price_out: Decimal | None,
    as_json: bool,
) -> None:
    """Set a price, or change it: either --multiplier, or --in and --out."""
    with workbench() as bench:
        view = bench.own_prices.set(
            bench.accounts.company(slug).operator,
            provider_id,
            model,
            multiplier=multiplier,
            price_in=price_in,
            price_out=price_out,
        )
    if as_json:
        echo_json(_json(view))
        return
    what = (
        f"{_text(view.multiplier)} times the list"
        if view.multiplier is not None
        else f"${_text(view.price_in)} in, ${_text(view.price_out)} out for a million tokens"
    )
    echo_line(f"Set: {view.provider}, {view.model or 'all models'}: {what}. It holds for answers from now on.")


@price.command("clear")
@company_option
@provider_option
@model_option
def clear_price(slug: str, provider_id: str, model: str) -> None:
    """Remove a price: the list's holds again."""
    with workbench() as bench:
        bench.own_prices.clear(bench.accounts.company(slug).operator, provider_id, model)
    click.echo("Removed.")


def _text(value: Decimal | None) -> str | None:
    return None if value is None else plain(value)


def _cells(view: OwnPriceView) -> list[Any]:
    numbers = [_text(value) for value in (view.multiplier, view.price_in, view.price_out)]
    return [view.provider, view.model or "all models", *numbers, f"{view.updated_at:%Y-%m-%d}"]


def _json(view: OwnPriceView) -> dict[str, Any]:
    return {
        "provider": view.provider_id,
        "model": view.model or None,
        "multiplier": _text(view.multiplier),
        "in": _text(view.price_in),
        "out": _text(view.price_out),
        "updated_at": view.updated_at.isoformat(),
    }
