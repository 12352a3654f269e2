"""`byok master-key`: add one, make it the one that seals, move everything under it, drop the old one; and list them.

Prints no key that is in use.
"""

from __future__ import annotations

from dataclasses import asdict

import click

from byok.cli.opened import json_option, workbench
from byok.cli.output import echo_json, echo_table
from byok.core.master_keys import new_entry
from byok.ground.errors import ByokError
from byok.ground.settings import Settings
from byok.services.master_key_changes import MasterKeyView
from byok.services.rotation import Rotated


@click.group("master-key")
def master_key() -> None:
    """The keys that seal the data keys: add, promote, rotate, drop.

    Processes that run on BYOK_HOME/master.keys notice each change by themselves. With BYOK_MASTER_KEYS it takes a
    rolling restart for each step: with the new pair at the end, then with it in front, then (after rotate) without the
    old one.
    """


@master_key.command("list")
@json_option
def list_keys(as_json: bool) -> None:
    """List the master keys by id: which seals, which are here, how many rows each of them seals."""
    with workbench() as bench:
        views = bench.master_keys.list()
    if as_json:
        echo_json([{**asdict(view), "can_be_dropped": view.can_be_dropped} for view in views])
        return
    headings = ["ID", "USE", "ROWS", "NEXT"]
    echo_table(headings, [[view.id, _use(view), view.rows, _next(view)] for view in views])


@master_key.command()
def add() -> None:
    """Add a fresh key, which opens but does not seal yet. With BYOK_MASTER_KEYS: print a pair to append there."""
    settings = Settings.load()
    if settings.master_keys is not None or not settings.embedded:
        click.echo(new_entry())
        click.echo("Append this pair to BYOK_MASTER_KEYS, behind a comma, and restart every process.", err=True)
        return
    with workbench() as bench:
        key_id = bench.master_keys.add()
    click.echo(f"Added {key_id}; nothing needs to be restarted. Copy master.keys to where you keep its copies.")
    click.echo(f"Then: byok master-key promote {key_id}")


@master_key.command()
@click.argument("key_id", metavar="ID")
def promote(key_id: str) -> None:
    """Make ID the key that seals, at once and for running processes too; the others go on opening."""
    with workbench() as bench:
        bench.master_keys.promote(key_id)
    click.echo(f"{key_id} seals from now on; nothing needs to be restarted. Then: byok master-key rotate")


@master_key.command()
@json_option
def rotate(as_json: bool) -> None:
    """Seal every data key anew under the first master key, while the app runs.

    API keys are not opened. It can be cut off anywhere and run again: only rows that are not under the first key are
    touched. At its end it says what is left under other keys, and which can be dropped.
    """
    with workbench() as bench:
        done = bench.master_keys.rotate(_progress)
        views = bench.master_keys.list()
    first = views[0].id
    if as_json:
        counts = {"resealed": done.resealed, "changed": done.changed, "unreadable": done.unreadable}
        counts |= {"erased": done.erased}
        left = {view.id: view.rows for view in views[1:]}
        echo_json({"master_key_id": first, **counts, "rows": views[0].rows, "left": left})
    else:
        click.echo(f"{done.resealed:,} rows sealed anew; {views[0].rows:,} are under {first}.")
        for view in views[1:]:
            click.echo(f"{view.rows:,} are under {view.id}. {_next(view)}".rstrip())
    if not done.erased:
        click.echo(
            "byok: another process is reading, so SQLite's log still holds data keys as the old master key sealed "
            "them; the app, or byok doctor, takes them out.",
            err=True,
        )
    if done.changed or done.unreadable:
        raise ByokError(_unfinished(done))


@master_key.command()
@click.argument("key_id", metavar="ID")
def drop(key_id: str) -> None:
    """Take ID out of the file, for good, if no row is under it any more. Refused otherwise.

    Backups of the database from before the rotation cannot be read without it: keep a copy of the key for as long as
    you keep them, apart from them. Running processes forget it when they are restarted.
    """
    with workbench() as bench:
        bench.master_keys.drop(key_id)
    click.echo(f"Dropped {key_id}. Backups from before the rotation open only with a copy of it.")


def _progress(done: int, total: int) -> None:
    click.echo(f"{done:,} of {total:,} rows", err=True)


def _unfinished(done: Rotated) -> str:
    words = []
    if done.changed:
        words.append(f"{done.changed:,} rows changed meanwhile: run it again.")
    if done.unreadable:
        words.append(
            f"{done.unreadable:,} rows open with no master key that is here: put the missing key back, "
            "or have those keys entered again (byok doctor names them)."
        )
    return " ".join(words)


def _use(view: MasterKeyView) -> str:
    if not view.opens:
        return "is not here"
    return "seals" if view.seals else "opens"


def _next(view: MasterKeyView) -> str:
    if view.seals:
        return ""
    if not view.opens:
        return "Put it back from a copy, or have those keys entered again."
    if view.can_be_dropped:
        return f"Seals no row: it can be dropped (byok master-key drop {view.id}), or promoted if it is a new one."
    return "Needed until: byok master-key rotate"
