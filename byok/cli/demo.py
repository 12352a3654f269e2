"""`byok demo`: put the sample companies back as they were."""

from __future__ import annotations

import click

from byok.cli.opened import workbench


@click.group()
def demo() -> None:
    """The sample companies."""


@demo.command()
def reset() -> None:
    """Remove the sample companies with all that was made in them, and make them anew. Other companies stay."""
    with workbench() as bench:
        bench.demo.reset()
        click.echo(f"The demo is as new. {bench.demo.greeting()}")
