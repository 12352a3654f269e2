"""`byok budget`: what own keys may cost in a month, for all of them or for one provider."""

from __future__ import annotations

from decimal import ROUND_DOWN, Decimal
from typing import Any

import click

from byok.cli.amounts import DOLLARS
from byok.cli.opened import company_option, json_option, workbench
from byok.cli.output import echo_json, echo_table
from byok.services.amounts import written
from byok.services.budgets import UNPRICED_CALLS, BudgetView

HEADINGS = ["BUDGET", "LIMIT $", "SPENT $", "HELD $", "USED %", "STATE", "UNPRICED CALLS"]
provider_option = click.option(
    "--provider", "provider_id", default="", metavar="P", help="Of one provider; of all own keys if not given."
)


@click.group()
def budget() -> None:
    """Monthly budgets (UTC) on what own keys cost."""


@budget.command("list")
@company_option
@json_option
def list_budgets(slug: str, as_json: bool) -> None:
    """List a company's budgets with this month's spending."""
    with workbench() as bench:
        views = bench.budgets.list(bench.accounts.company(slug).operator)
    if as_json:
        echo_json([_json(view) for view in views])
    else:
        echo_table(HEADINGS, [_cells(view) for view in views], empty="No budgets: own keys are not limited here.")


@budget.command("set")
@company_option
@provider_option
@click.option("--limit", required=True, type=DOLLARS, metavar="USD", help="US dollars a month, e.g. 50.00.")
@click.option(
    "--unpriced-calls",
    type=click.IntRange(0),
    default=UNPRICED_CALLS,
    show_default=True,
    help="How many calls a month may go without a known price.",
)
@json_option
def set_budget(slug: str, provider_id: str, limit: Decimal, unpriced_calls: int, as_json: bool) -> None:
    """Set a budget, or change it."""
    with workbench() as bench:
        view = bench.budgets.set(bench.accounts.company(slug).operator, provider_id, limit, unpriced_calls)
    if as_json:
        echo_json(_json(view))
    else:
        click.echo(
            f"Set: {view.provider}, ${written(view.limit_pico)} a month, {view.unpriced_calls:,} unpriced calls."
        )


@budget.command("clear")
@company_option
@provider_option
def clear_budget(slug: str, provider_id: str) -> None:
    """Remove a budget."""
    with workbench() as bench:
        bench.budgets.clear(bench.accounts.company(slug).operator, provider_id)
    click.echo("Removed.")


def _down(share: Decimal, *, places: int) -> Decimal:
    """So many places, rounded down: what is not quite used up must not look as if it were."""
    return share.quantize(Decimal(1).scaleb(-places), rounding=ROUND_DOWN)


def _cells(view: BudgetView) -> list[Any]:
    return [
        view.provider,
        written(view.limit_pico),
        written(view.spent_pico),
        written(view.held_pico),
        str(_down(view.share * 100, places=1)),
        view.state,
        f"{view.unpriced_used:,} of {view.unpriced_calls:,}",
    ]


def _json(view: BudgetView) -> dict[str, Any]:
    return {
        "provider": view.provider_id or None,
        "name": view.provider,
        "limit": written(view.limit_pico),
        "spent": written(view.spent_pico),
        "held": written(view.held_pico),
        "left": written(view.left_pico),
        "share": str(_down(view.share, places=4)),
        "state": view.state,
        "unpriced_calls": {"allowed": view.unpriced_calls, "used": view.unpriced_used},
    }
