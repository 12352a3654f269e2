"""The app with the paced provider in its catalogue, and a key for it at Northwind Labs."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from byok.process import Workbench
from tests.certificates import read_already
from tests.e2e.conftest import ROOT, Server, make_server
from tests.e2e.paced import Paced, paced
from tests.providers.world import made_up_key
from tests.seeded import settings_of

OVERLAY = '[paced]\nname = "Paced"\nbase_url = "{url}"\nprivate_network = true\nstream_usage = "include_usage"\n'
OVERLAY += 'model_prices = "per_million"\n'
STANDARD = '\n[{id}]\nbase_url = "{url}"\nprivate_network = true\n'  # a provider of the shipped catalogue, moved there
COMPANY = "northwind-labs"
BYOK = (sys.executable, "-c", "from byok.cli.main import main; main()")


@dataclass(frozen=True)
class PacedApp:
    """A running app in which Ada can ask `byok:paced/MODEL`, and the provider behind it."""

    server: Server
    provider: Paced


@contextmanager
def paced_app(folder: Path, *more_models: str, seeded: Path | None = None, **settings: str) -> Iterator[PacedApp]:
    """Starts both.

    Args:
        folder: an empty one, for the catalogue file and the app's home.
        more_models: listed besides `paced_models.LISTED`.
        seeded: a home with the demo in it, to copy; without one the demo is made anew.
        settings: more of the app's environment.
    """
    with furnished_app(folder, *more_models, seeded=seeded, settings=settings) as app:
        app.server.start()
        yield app


@contextmanager
def furnished_app(
    folder: Path,
    *more_models: str,
    standard: Mapping[str, str] | None = None,
    seeded: Path | None = None,
    settings: Mapping[str, str],
) -> Iterator[PacedApp]:
    """The provider, and an app that has the key but does not run yet; it is stopped at the end.

    Args:
        standard: models of the plan, as `provider/model`, that the paced provider answers as those of its own.
    """
    standard = standard or {}
    names = [f"{name.partition('/')[2]}={model}" for name, model in standard.items()]
    with paced(*more_models, *names) as provider:
        theirs = {name.partition("/")[0] for name in standard}
        overlay = folder / "paced.toml"
        rows = [OVERLAY.format(url=provider.base_url)]
        rows += [STANDARD.format(id=one, url=provider.base_url) for one in sorted(theirs)]
        overlay.write_text("".join(rows), "utf-8")
        keys = {f"BYOK_PLATFORM_KEY_{one.upper()}": made_up_key() for one in theirs}
        if seeded is not None:
            shutil.copytree(seeded, folder / "home")
        server = make_server(folder / "home", BYOK_PROVIDERS=str(overlay), **keys, **settings)
        try:
            add_key(server)
            yield PacedApp(server, provider)
        finally:
            server.stop()


def add_key(server: Server, label: str = "Paced") -> str:
    """Saves a key as an operator would; the demo is seeded on the way, where it is not there yet. Returns its id."""
    settings = settings_of(server.home, providers=Path(server.env["BYOK_PROVIDERS"]))
    url, keys = (server.env.get(name) for name in ("BYOK_DATABASE_URL", "BYOK_MASTER_KEYS"))
    if url and keys:  # not the built-in file
        secret = {"database_url": SecretStr(url), "master_keys": SecretStr(keys)}
        settings = settings.model_copy(update=secret)
    bench = Workbench.open(settings, what="command", trust=read_already())
    try:
        operator = bench.accounts.company(COMPANY).operator
        draft = bench.keys.draft(operator, provider_id="paced", pasted=SecretStr(made_up_key()))
        assert bench.keys.test_draft(operator, draft.id).verdict == "accepted"
        return str(bench.keys.save_draft(operator, draft.id, label=label).id)
    finally:
        bench.close()


def delete_key(server: Server, key_id: str) -> None:
    """Deletes a key by command line."""
    command = [*BYOK, "key", "delete", "--company", COMPANY, key_id]
    done = subprocess.run(command, cwd=ROOT, env=server.env, input="y\n", text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
