"""The app with the paced provider in its catalogue, and a key for it at Northwind Labs."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.conftest import ROOT, Server, make_server
from tests.e2e.paced import Paced, paced
from tests.providers.world import made_up_key

OVERLAY = '[paced]\nname = "Paced"\nbase_url = "{url}"\nprivate_network = true\nstream_usage = "include_usage"\n'
OVERLAY += 'model_prices = "per_million"\n'
COMPANY = "northwind-labs"
BYOK = (sys.executable, "-c", "from byok.cli.main import main; main()")


@dataclass(frozen=True)
class PacedApp:
    """A running app in which Ada can ask `byok:paced/MODEL`, and the provider behind it."""

    server: Server
    provider: Paced


@contextmanager
def paced_app(folder: Path, *more_models: str, **settings: str) -> Iterator[PacedApp]:
    """Starts both.

    Args:
        folder: an empty one, for the catalogue file and the app's home.
        more_models: listed besides `paced_models.LISTED`.
        settings: more of the app's environment.
    """
    with paced(*more_models) as provider:
        overlay = folder / "paced.toml"
        overlay.write_text(OVERLAY.format(url=provider.base_url), "utf-8")
        server = make_server(folder / "home", BYOK_PROVIDERS=str(overlay), **settings)
        try:
            add_key(server)
            server.start()
            yield PacedApp(server, provider)
        finally:
            server.stop()


def add_key(server: Server, label: str = "Paced") -> str:
    """Saves a key by command line, as an operator would; the demo is seeded on the way. Returns its id."""
    which = ("--company", COMPANY, "--provider", "paced", "--label", label, "--json")
    added = subprocess.run(
        [*BYOK, "key", "add", *which],
        cwd=ROOT,
        env=server.env,
        input=made_up_key(),
        text=True,
        capture_output=True,
        check=False,
    )
    assert added.returncode == 0, added.stderr
    found = json.loads(added.stdout)
    assert found["verdict"] == "accepted"
    return str(found["id"])


def delete_key(server: Server, key_id: str) -> None:
    """Deletes a key by command line."""
    command = [*BYOK, "key", "delete", "--company", COMPANY, key_id]
    done = subprocess.run(command, cwd=ROOT, env=server.env, input="y\n", text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
