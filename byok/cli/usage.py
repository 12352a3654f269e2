"""`byok usage`: a company's month by provider, own keys beside the plan, and the line that adds up."""

from __future__ import annotations

import re
import sys
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import click

from byok.cli.opened import company_option, json_option, workbench
from byok.cli.output import echo_json, echo_table

if TYPE_CHECKING:
    from byok.services.usage import UsageRow, UsageTable

MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])")
HEADINGS = ["PROVIDER", "BYOK REQUESTS", "IN", "OUT", "COST $", "ERRORS", "PLAN MESSAGES", "IN", "OUT", "ERRORS"]


class MonthParameter(click.ParamType[str]):
    """A calendar month in UTC, `YYYY-MM`."""

    name = "month"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not MONTH.fullmatch(value):
            self.fail(f"{value!r} is no month; write it as 2026-11.", param, ctx)
        return str(value)


@click.command()
@company_option
@click.option("--month", type=MonthParameter(), metavar="YYYY-MM", help="A month in UTC; this one if not given.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV, with formula cells made harmless.")
@json_option
def usage(slug: str, month: str | None, as_csv: bool, as_json: bool) -> None:
    """Show what a company used in a month."""
    with workbench() as bench:
        table = bench.usage.month(bench.accounts.company(slug).operator, month)
    if as_json:
        echo_json(table.to_json())
    elif as_csv:
        sys.stdout.buffer.write(table.csv())
    else:
        _show(table)


def _show(table: UsageTable) -> None:
    rows = [_cells(row) for row in (*table.rows, table.total)] if table.rows else []
    click.echo(f"{table.month} (UTC){', with sample data' if table.sample else ''}")
    echo_table(HEADINGS, rows, empty="Nothing was used in this month.")
    click.echo(table.line)
    click.echo(f"{table.plan_name}: {table.used:,} of {table.allowance:,} messages used, {table.left:,} left.")
    for note in table.notes:
        click.echo(note)


def _cells(row: UsageRow) -> list[Any]:
    cost = row.byok.cost_pico
    return [
        row.provider,
        row.byok.requests,
        row.byok.tokens_in,
        row.byok.tokens_out,
        None if cost is None else f"{Decimal(cost).scaleb(-12):.4f}",
        row.byok.errors,
        row.plan.answered,
        row.plan.tokens_in,
        row.plan.tokens_out,
        row.plan.errors,
    ]
