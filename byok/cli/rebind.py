"""`byok key rebind`: bind saved keys to the address that their provider has moved to. Asks first; opens no key."""

from __future__ import annotations

from dataclasses import asdict

import click

from byok.cli.opened import json_option, workbench
from byok.cli.output import echo_json, echo_line
from byok.ground.errors import ByokError, InvalidInputError


@click.command()
@click.option("--provider", "provider_id", required=True, metavar="P", help="The provider that moved, by id.")
@click.option("--company", "slug", metavar="SLUG", help="Only this company's keys; all companies' if not given.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def rebind(provider_id: str, slug: str | None, yes: bool, as_json: bool) -> None:
    """Bind saved keys of a provider to its present address in the catalogue.

    A key opens for the address alone that it was entered for. When that of a provider was changed on purpose
    (BYOK_PROVIDERS), this says that its keys may go to the new one. It is written to each company's audit log.
    """
    with workbench() as bench:
        company_id = None if slug is None else bench.accounts.company(slug).id
        moves = bench.rebinding.moves(provider_id, company_id=company_id)
        name = bench.catalogue.get(provider_id).name
        if not moves:
            raise InvalidInputError(f"No key of {name} is bound to another address than the catalogue's.")
        for move in moves:
            echo_line(f"{move.company}: {_keys(move.keys)} from {move.origin} to {move.new_origin}", err=True)
        if not yes:
            click.confirm(f"Send these keys of {name} to the new address from now on?", abort=True, err=True)
        done = bench.rebinding.rebind(provider_id, company_id=company_id)
    if as_json:
        echo_json({**asdict(done), "moves": [asdict(move) for move in moves]})
    else:
        click.echo(f"{_keys(done.rebound)} of {name} bound to {moves[0].new_origin}.")
    if done.changed or done.unreadable:
        raise ByokError(
            f"{done.changed:,} keys changed meanwhile; {done.unreadable:,} do not open at the address they were saved "
            "for and need to be entered again.",
            next_step="Run it again for those that changed.",
        )


def _keys(count: int) -> str:
    return "1 key" if count == 1 else f"{count:,} keys"
