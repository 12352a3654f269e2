"""`byok master-key`: add one, make one the sealing one, re-seal everything under it. Prints no key that is in use."""

from __future__ import annotations

import click

from byok.cli.opened import json_option, workbench
from byok.cli.output import echo_json
from byok.core.master_key_file import MasterKeyFile
from byok.core.master_keys import load_master_keys, new_entry
from byok.ground.errors import ByokError
from byok.ground.home import make_home
from byok.ground.settings import Settings


@click.group("master-key")
def master_key() -> None:
    """The keys that seal the data keys: add, restart the app, promote, rotate."""


@master_key.command()
def add() -> None:
    """Add a fresh key, which opens but does not seal yet. With BYOK_MASTER_KEYS: print a pair to append there."""
    settings = Settings.load()
    if settings.master_keys is not None or not settings.embedded:
        click.echo(new_entry())
        click.echo("Append this pair to BYOK_MASTER_KEYS, behind a comma, and restart every process.", err=True)
        return
    _made(settings)
    key_id = MasterKeyFile(settings).add()
    click.echo(f"Added {key_id}. Restart the app, then: byok master-key promote {key_id}")


@master_key.command()
@click.argument("key_id", metavar="ID")
def promote(key_id: str) -> None:
    """Make ID the key that seals from the next start on; the others go on opening."""
    settings = Settings.load()
    file = MasterKeyFile(settings)
    _made(settings)
    file.promote(key_id)
    click.echo(f"{key_id} seals from the next start on. Restart the app, then: byok master-key rotate")


@master_key.command()
@json_option
def rotate(as_json: bool) -> None:
    """Seal every data key anew under the first master key. API keys are not opened; it can be run again."""
    with workbench() as bench:
        first = load_master_keys(bench.settings).first_id
        done = bench.rotation.rotate()
    if as_json:
        counts = {"resealed": done.resealed, "changed": done.changed, "unreadable": done.unreadable}
        echo_json({"master_key_id": first, **counts})
    else:
        click.echo(f"{done.resealed} rows are sealed under {first}.")
    if done.changed or done.unreadable:
        raise ByokError(
            f"{done.unreadable} rows open with no master key that is here; {done.changed} changed meanwhile: run again."
        )


def _made(settings: Settings) -> None:
    """Sees to it that there is a file to change, on a fresh machine too."""
    make_home(settings)
    load_master_keys(settings)
