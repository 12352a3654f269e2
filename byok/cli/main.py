"""The entry of `byok`: finds the command asked for, and imports only that one. Errors become one line and a status.

Exit status: 0 done, 1 refused or failed, 2 wrong usage. Refuses to print a traceback for an error of the tree.
"""

from __future__ import annotations

import gc
import importlib
import os
import sys
from collections.abc import Mapping
from typing import Any

import click

from byok.cli.output import echo_line
from byok.core import logs
from byok.core.trust import read_trust

COMMANDS: Mapping[str, tuple[str, str]] = {
    "audit": ("byok.cli.audit:audit", "Who did what, and that nobody changed the record of it."),
    "budget": ("byok.cli.budgets:budget", "What own keys may cost in a month."),
    "chat": ("byok.cli.chat:chat", "Ask a model; the answer streams to standard output."),
    "company": ("byok.cli.companies:company", "Companies and their plans."),
    "db": ("byok.cli.database:db", "Upgrade or back up the database."),
    "demo": ("byok.cli.demo:demo", "The sample companies."),
    "doctor": ("byok.cli.doctor:doctor", "Check this installation."),
    "key": ("byok.cli.keys:key", "A company's own provider keys."),
    "master-key": ("byok.cli.master_keys:master_key", "The keys that seal the data keys."),
    "models": ("byok.cli.models:models", "The models that a company can use."),
    "price": ("byok.cli.own_prices:price", "A company's own prices."),
    "usage": ("byok.cli.usage:usage", "What was used in a month."),
    "user": ("byok.cli.users:user", "People who can sign in."),
}

HURRIED = frozenset({"chat"})  # where somebody waits for the first answer of a provider


class LazyGroup(click.Group):
    """A group that knows its commands by name and imports one when it is needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        if cmd_name in HURRIED:
            # httpx's own command line imports rich and pygments, a tenth of the start: here it is not to be found.
            sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]
            ctx.obj = read_trust()  # before the imports, so that both go on at once
        module, _, name = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):  # without importing them all
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="aimy-byok-workbench", prog_name="byok")
def cli() -> None:
    """Bring your own AI provider keys: keep them, test them, chat with them, account for them."""


def run(arguments: list[str] | None = None) -> int:
    """Runs one command.

    Returns:
        The exit status: 0 done, 1 refused or failed, 2 wrong usage.
    """
    from byok.ground.errors import ByokError

    try:
        result: Any = cli.main(arguments, prog_name="byok", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return _refused("Stopped.")
    except ByokError as error:
        return _refused(str(error))
    except BrokenPipeError:
        # Whoever read our output has left: nothing more can be said there, not even by the interpreter at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return result if isinstance(result, int) else 0


def main() -> None:
    """What the `byok` command calls."""
    # A command is short and mostly imports: the collector would walk over all of it a dozen times before it answers.
    gc.set_threshold(500_000, 50, 1000)
    # Pydantic would read the metadata of every installed package, to find plugins that this product does not have.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    logs.set_up("text")  # on standard error, where a person reads
    status = run()
    gc.freeze()  # nor once more at the end
    sys.exit(status)


def _refused(text: str) -> int:
    echo_line(f"byok: {' '.join(text.split())}", err=True)
    return 1
