"""`byok audit`: read the audit log, check that nobody changed it, and note where it ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from byok.cli.opened import json_option, workbench
from byok.cli.output import echo_json, echo_line, echo_table

if TYPE_CHECKING:
    from datetime import datetime

    from byok.services.audit_check import ChainVerified, NamedHead
    from byok.services.audit_rows import EntryView, Wanted

HEADINGS = ["ENTRY", "TIME (UTC)", "WHO", "WHAT", "SUBJECT", "FINGERPRINT", "DETAIL", "ADDRESS"]
DAY = click.DateTime(["%Y-%m-%d"])
some_company = click.option("--company", "slug", metavar="SLUG", help="One company alone.")


@click.group()
def audit() -> None:
    """Who did what, and that nobody changed the record of it."""


@audit.command("list")
@click.option("--company", "slug", metavar="SLUG", help="Whose record; the operator's own if not given.")
@click.option("--since", type=DAY, metavar="YYYY-MM-DD", help="From this day (UTC) on.")
@click.option("--until", type=DAY, metavar="YYYY-MM-DD", help="Up to and with this day (UTC).")
@click.option("--action", metavar="A", help="One action alone, e.g. key.deleted.")
@click.option("--limit", type=click.IntRange(1, 100_000), default=100, show_default=True, help="How many at most.")
@json_option
def list_entries(
    slug: str | None, since: datetime | None, until: datetime | None, action: str | None, limit: int, as_json: bool
) -> None:
    """List entries, the newest first."""
    wanted = _wanted(since, until, action)
    with workbench() as bench:
        company_id = bench.accounts.company(slug).id if slug else None
        rows = bench.audit_check.list(company_id, wanted, limit=limit + 1)
    if as_json:
        echo_json([_entry(one) for one in rows[:limit]])
    else:
        echo_table(HEADINGS, [_cells(one) for one in rows[:limit]], empty="Nothing is recorded for this.")
    if len(rows) > limit:
        click.echo(f"byok: these are the newest {limit:,}; there are older ones (--limit, --until)", err=True)


@audit.command()
@some_company
@click.option(
    "--expect", "expected", multiple=True, metavar="FILE|HEAD", help="A head that was noted; may be repeated."
)
@json_option
def verify(slug: str | None, expected: tuple[str, ...], as_json: bool) -> int:
    """Read the record from end to end. Ends with 1 if an entry was changed, removed, reordered or cut off."""
    with workbench() as bench:
        company_id = bench.accounts.company(slug).id if slug else None
        found = bench.audit_check.verify(company_id, expected=expected)
    if as_json:
        echo_json([_verified(one) for one in found])
    elif not found:
        click.echo("Nothing is recorded yet.")
    for one in found:
        if one.faults:
            echo_line(f"byok: the record of {one.name} is broken: {' '.join(one.faults)}", err=True)
        elif not as_json:
            many = "entry" if one.entries == 1 else "entries"
            echo_line(f"{one.name}: {one.entries:,} {many}, unbroken. Head: {one.head}")
    return 1 if any(one.faults for one in found) else 0


@audit.command()
@json_option
def head(as_json: bool) -> int:
    """Print where each chain ends: note it elsewhere, and give it to `byok audit verify --expect` later."""
    with workbench() as bench:
        ends = bench.audit_check.heads()
    if as_json:
        echo_json([_head(one) for one in ends.heads])
    else:
        for one in ends.heads:
            echo_line(str(one))
    for name in ends.unreadable:
        echo_line(f"byok: the end of the record of {name} cannot be read; `byok audit verify` says more", err=True)
    return 1 if ends.unreadable else 0


def _wanted(since: datetime | None, until: datetime | None, action: str | None) -> Wanted:
    from byok.services.audit_rows import Wanted

    first, last = (None if day is None else day.date() for day in (since, until))
    if first and last and last < first:
        raise click.UsageError("--until comes before --since.")
    return Wanted(first=first, last=last, action=action)


def _cells(one: EntryView) -> list[Any]:
    texts = [one.who, one.what, one.subject, one.fingerprint, one.detail, one.address]
    return [one.seq, f"{one.at:%Y-%m-%d %H:%M:%S}", *texts]


def _entry(one: EntryView) -> dict[str, Any]:
    texts = ("who", "what", "action", "subject", "fingerprint", "detail", "address", "request_id")
    return {"entry": one.seq, "at": one.at.isoformat(), **{name: getattr(one, name) for name in texts}}


def _verified(one: ChainVerified) -> dict[str, Any]:
    end = _head(one.head) if one.head else None
    return {"name": one.name, "chain": str(one.chain_id), "entries": one.entries, "head": end, "broken": one.faults}


def _head(one: NamedHead) -> dict[str, Any]:
    return {"chain": str(one.chain_id), "name": one.name, "seq": one.seq, "mac": one.mac}
