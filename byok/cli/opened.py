"""Opens the workbench for one command and closes it whatever happens; finds what options and arguments name."""

from __future__ import annotations

import contextlib
import signal
import sys
from collections.abc import Iterator
from concurrent.futures import Future
from typing import TYPE_CHECKING

import click

from byok.ground.errors import InvalidInputError, NotFoundError
from byok.process import Workbench

if TYPE_CHECKING:
    from byok.services.access import Actor
    from byok.services.key_views import KeyView

company_option = click.option("--company", "slug", required=True, metavar="SLUG", help="The company, by slug.")
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@contextlib.contextmanager
def workbench() -> Iterator[Workbench]:
    """The workbench of a command. A polite request to end (SIGTERM) settles what is open, as Ctrl-C does."""
    before = signal.signal(signal.SIGTERM, _end)
    bench = Workbench.open(what="command", trust=click.get_current_context().find_object(Future))
    try:
        yield bench
    finally:
        bench.close()
        signal.signal(signal.SIGTERM, before)


def find_key(bench: Workbench, actor: Actor, which: str) -> KeyView:
    """A saved key by id or label; a label that two providers share does not name one."""
    views = bench.keys.list(actor)
    found = [view for view in views if str(view.id) == which.lower()] or [v for v in views if v.label == which]
    if len(found) > 1:
        raise InvalidInputError(f"{len(found)} keys are called {which!r}.", next_step="Name one by its id.")
    if not found:
        raise NotFoundError(
            f"There is no key {which!r}.", next_step="`byok key list --company SLUG` shows those there are."
        )
    return found[0]


def _end(number: int, frame: object) -> None:
    sys.exit(128 + number)
