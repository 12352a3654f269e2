"""`byok usage`: what a company used, own keys beside the plan; `attempts`, `verify`, `rebuild` and `correct`."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any, cast

import click

from byok.cli.amounts import DOLLARS
from byok.cli.opened import company_option, json_option, workbench
from byok.cli.output import at_least, echo_json, echo_table
from byok.ground.clock import day_of, month_of, utc_now
from byok.services.amounts import written

if TYPE_CHECKING:
    from datetime import datetime
    from decimal import Decimal
    from uuid import UUID

    from byok.services.periods import Period
    from byok.services.usage import Rows
    from byok.services.usage_names import Split
    from byok.services.usage_table import UsageRow, UsageTable

MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])")
HEADINGS = ["BYOK REQUESTS", "IN", "OUT", "COST $", "ERRORS", "FIRST TOKEN MS", "PLAN MESSAGES", "IN", "OUT", "ERRORS"]
MOST = 1_000_000
"""Attempts that are printed at once."""
PARTS = ["provider", "model", "key", "person", "chatbot"]
DAY = click.DateTime(["%Y-%m-%d"])


class MonthParameter(click.ParamType[str]):
    """A calendar month in UTC, `YYYY-MM`."""

    name = "month"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not MONTH.fullmatch(value):
            self.fail(f"{value!r} is no month; write it as 2026-11.", param, ctx)
        return str(value)


month_option = click.option(
    "--month", type=MonthParameter(), metavar="YYYY-MM", help="A month in UTC; this one if not given."
)
from_option = click.option("--from", "first", type=DAY, metavar="YYYY-MM-DD", help="The first day instead.")
to_option = click.option("--to", "last", type=DAY, metavar="YYYY-MM-DD", help="The last day; today if not given.")
csv_option = click.option("--csv", "as_csv", is_flag=True, help="Print CSV, with formula cells made harmless.")
some_company = click.option("--company", "slug", metavar="SLUG", help="One company alone.")


@click.group(invoke_without_command=True)
@click.option("--company", "slug", metavar="SLUG", help="The company, by slug.")
@month_option
@from_option
@to_option
@click.option("--rows", type=click.Choice(["provider", "day", "month"]), default="provider", help="What a row is.")
@click.option("--split", type=click.Choice(PARTS), help="What its parts are.")
@csv_option
@json_option
@click.pass_context
def usage(
    ctx: click.Context,
    slug: str | None,
    month: str | None,
    first: datetime | None,
    last: datetime | None,
    rows: str,
    split: str | None,
    as_csv: bool,
    as_json: bool,
) -> None:
    """Show what a company used in a month, or from one day to another."""
    if ctx.invoked_subcommand is not None:
        if slug is not None:
            raise click.UsageError(f"Name the company after the command: byok usage {ctx.invoked_subcommand} --company")
        return
    if slug is None:
        raise click.MissingParameter(ctx=ctx, param_type="option", param_hint="--company")
    period = _period(month, first, last)
    with workbench() as bench:
        actor = bench.accounts.company(slug).operator
        table = bench.usage.table(actor, period, rows=cast("Rows", rows), split=cast("Split | None", split))
    if as_json:
        echo_json(table.to_json())
    elif as_csv:
        from byok.services.usage_csv import table_csv

        sys.stdout.buffer.write(table_csv(table))
    else:
        _show(table)


@usage.command()
@company_option
@month_option
@from_option
@to_option
def attempts(slug: str, month: str | None, first: datetime | None, last: datetime | None) -> None:
    """Print every attempt as CSV, the newest first."""
    period = _period(month, first, last)
    with workbench() as bench:
        data, more = bench.usage.attempts_csv(bench.accounts.company(slug).operator, period, limit=MOST)
    sys.stdout.buffer.write(data)
    if more:
        click.echo(f"byok: these are the newest {MOST:,}; ask for a shorter time to have all", err=True)


@usage.command()
@some_company
@json_option
def verify(slug: str | None, as_json: bool) -> int:
    """Add every attempt up anew and compare with the kept figures, to the last digit."""
    with workbench() as bench:
        found = bench.corrections.verify(bench.accounts.company(slug).id if slug else None)
    if as_json:
        told = {"companies": found.companies, "attempts": found.attempts}
        echo_json({**told, "differences": [str(one) for one in found.differences]})
    else:
        click.echo(f"{found.attempts:,} attempts of {found.companies:,} companies added up anew.")
        for one in found.differences:
            click.echo(str(one))
        click.echo("All figures are the same." if not found.differences else "`byok usage rebuild` adds them up anew.")
    return 1 if found.differences else 0


@usage.command("rebuild")
@some_company
def rebuild_(slug: str | None) -> None:
    """Replace the kept figures by what the attempts add up to."""
    with workbench() as bench:
        count = bench.corrections.rebuild(bench.accounts.company(slug).id if slug else None)
    click.echo(f"The days of {count:,} {'company' if count == 1 else 'companies'} were added up anew.")


@usage.command()
@company_option
@click.option(
    "--attempt", "attempt_id", type=click.UUID, required=True, help="Its id, as `byok usage attempts` has it."
)
@click.option("--cost", type=DOLLARS, metavar="USD", help="What it really cost.")
@click.option("--tokens-in", type=int, help="How many it really were.")
@click.option("--tokens-out", type=int, help="How many it really were.")
@click.option("--reason", required=True, help="Why, for those who read it later.")
@json_option
def correct(
    slug: str,
    attempt_id: UUID,
    cost: Decimal | None,
    tokens_in: int | None,
    tokens_out: int | None,
    reason: str,
    as_json: bool,
) -> None:
    """Book a correction of one attempt; its own row stays as it is."""
    if cost is None and tokens_in is None and tokens_out is None:
        raise click.UsageError("Say what it really was: --cost, --tokens-in or --tokens-out.")
    with workbench() as bench:
        made = bench.corrections.correct(
            bench.accounts.company(slug).operator,
            attempt_id,
            reason=reason,
            cost=cost,
            tokens_in=tokens_in,
            tokens_out=tokens_out,
        )
    if as_json:
        echo_json({"id": str(made)})
    else:
        click.echo(f"Corrected, as {made}.")


def _period(month: str | None, first: datetime | None, last: datetime | None) -> Period:
    from byok.services.periods import Period

    if first is None:
        if last is not None:
            raise click.UsageError("--to needs --from.")
        return Period.month(month or month_of(utc_now()))
    if month is not None:
        raise click.UsageError("Either --month or --from, not both.")
    return Period.between(first.date(), last.date() if last else day_of(utc_now()))


def _show(table: UsageTable) -> None:
    lines = [(row, depth) for one in (*table.rows, table.total) for row, depth in _with_parts(one)]
    rows = [_cells(row, depth) for row, depth in lines] if table.rows else []
    click.echo(f"{table.period.label} (UTC){', with sample data' if table.sample else ''}")
    first = next(iter(table.rows[0].where)).removesuffix("_id").upper() if table.rows else ""
    echo_table([first, *HEADINGS], rows, empty="Nothing was used in this time.")
    click.echo(table.line)
    used, allowance = f"{table.used:,}", f"{table.allowance:,}"
    click.echo(f"{table.plan_name}, {table.month}: {used} of {allowance} messages used, {table.left:,} left.")
    for note in table.notes:
        click.echo(note)


def _with_parts(row: UsageRow) -> list[tuple[UsageRow, int]]:
    return [(row, 0), *((part, 1) for part in row.parts)]


def _cells(row: UsageRow, depth: int) -> list[Any]:
    cost = row.byok.cost_pico
    return [
        f"{'  ' * depth}{row.name}",
        row.byok.requests,
        row.byok.tokens_in,
        row.byok.tokens_out,
        None if cost is None else f"{at_least() if row.byok.cost_at_least else ''}{written(cost)}",
        row.byok.errors,
        row.byok.ttft_ms,
        row.plan.answered,
        row.plan.tokens_in,
        row.plan.tokens_out,
        row.plan.errors,
    ]
