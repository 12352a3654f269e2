"""`byok doctor`: says what works here and what does not, one line each, and what to do about it. Changes no setting."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Literal

import click

from byok.cli.opened import json_option
from byok.cli.output import echo_json, echo_line
from byok.core.catalogue import Catalogue
from byok.core.master_keys import load_master_keys
from byok.core.plans import Plans
from byok.core.vault import Vault, check_platform_keys
from byok.ground import schema
from byok.ground.clock import utc_now
from byok.ground.db import Database
from byok.ground.errors import ByokError
from byok.ground.home import closed_to_others, database_files, make_home
from byok.ground.settings import PLATFORM_KEY, Settings
from byok.process import Workbench
from byok.services.master_key_checks import MasterKeyChecks


@dataclass(frozen=True, slots=True)
class Result:
    """What one check found. `warn` is something to know; `fail` keeps the product from working."""

    name: str
    state: Literal["ok", "warn", "fail"]
    detail: str


@click.command()
@json_option
def doctor(as_json: bool) -> None:
    """Check this installation: settings, data files, database, keys, the built-in model."""
    results = list(_checks())
    if as_json:
        echo_json([asdict(result) for result in results])
    else:
        for result in results:
            echo_line(f"{result.state:<5} {result.name:<15} {result.detail}")
    failed = sum(result.state == "fail" for result in results)
    if failed:
        raise ByokError(f"{failed} of {len(results)} checks failed.")


def _checks() -> Iterator[Result]:
    yield Result("python", "ok", f"{platform.python_version()} on {platform.system()} {platform.machine()}")
    try:
        settings = Settings.load()
        if settings.embedded:
            make_home(settings)
    except ByokError as error:
        yield Result("settings", "fail", str(error))
        return
    yield Result("settings", "ok", f"BYOK_HOME is {settings.home}; the demo is {'on' if settings.demo_on else 'off'}")
    before = [
        _try("providers", lambda: f"{len(Catalogue.load(overlay=settings.providers).all())} in the catalogue"),
        _try("plans", lambda: ", ".join(plan.name for plan in Plans.load().all())),
        _try("master keys", lambda: _master_keys(settings)),
        _try("platform keys", lambda: _platform_keys(settings)),
    ]
    yield from before
    if any(result.state == "fail" for result in before):
        return
    unknown = _unknown_platform_keys(settings)
    if unknown:
        yield Result("platform keys", "warn", f"the catalogue has no such provider: {', '.join(unknown)}")
    wrong = _wrong_master_key(settings)
    if wrong is not None:
        yield wrong
        return
    try:
        bench = Workbench.open(settings, what="command")
    except ByokError as error:
        yield Result("database", "fail", str(error))
        return
    try:
        kind = "SQLite" if bench.db.is_sqlite else "PostgreSQL"
        yield Result("database", "ok", f"{kind}, revision {schema.revision(bench.db)}")
        yield _files(settings)
        yield from _contents(bench)
        yield _local(bench)
    finally:
        bench.close()


def _try(name: str, check: Callable[[], str]) -> Result:
    try:
        return Result(name, "ok", check())
    except ByokError as error:
        return Result(name, "fail", str(error))


def _master_keys(settings: Settings) -> str:
    keys = load_master_keys(settings)
    where = "BYOK_MASTER_KEYS" if settings.master_keys else str(settings.home / "master.keys")
    return f"{len(keys.ids())} in {where}; {keys.first_id} seals"


def _platform_keys(settings: Settings) -> str:
    check_platform_keys(settings.platform_keys)
    return f"{len(settings.platform_keys)} set"


def _unknown_platform_keys(settings: Settings) -> list[str]:
    """The variables whose name is no provider's, e.g. a misspelt one."""
    known = {provider.id.replace("-", "_") for provider in Catalogue.load(overlay=settings.providers).all()}
    return [f"{PLATFORM_KEY}{name.upper()}" for name in settings.platform_keys if name.replace("-", "_") not in known]


def _wrong_master_key(settings: Settings) -> Result | None:
    """What keeps every process from starting on this database, by its own name; None where nothing does."""
    database = None
    try:
        make_home(settings)
        database = Database(settings.url)
        schema.upgrade(database)
    except ByokError as error:
        if database is not None:
            database.close()
        return Result("database", "fail", str(error))
    try:
        MasterKeyChecks(db=database, vault=Vault(load_master_keys(settings)), clock=utc_now).run()
    except ByokError as error:
        return Result("master key check", "fail", str(error))
    finally:
        database.close()
    return None


def _files(settings: Settings) -> Result:
    """Whether what is secret is this user's alone. A start closes what is his own."""
    database = database_files(settings)
    secret = (settings.home / name for name in ("master.keys", "local.key", "demo.password"))
    looked_at = [file for file in (*database, *secret) if file.exists()]
    open_ = [str(file) for file in looked_at if not closed_to_others(file)]
    if open_:
        return Result("files", "warn", f"other users of this machine may read {', '.join(open_)}: chmod 600")
    names = ", ".join(file.name for file in looked_at)
    closed = f"no other user of this machine may read {names}" if names else "none that is secret is in BYOK_HOME"
    return Result("files", "ok", closed if database else f"{closed}; the database's own were not looked at")


def _moved(bench: Workbench) -> Iterator[Result]:
    for provider in bench.catalogue.all():
        moves = bench.rebinding.moves(provider.id)
        if moves:
            count = sum(move.keys for move in moves)
            bound = f"{count:,} of {provider.name} are bound to another address than {moves[0].new_origin}"
            yield Result("moved keys", "warn", f"{bound}; if you moved it: byok key rebind --provider {provider.id}")


def _sealed(bench: Workbench) -> Iterator[Result]:
    views = bench.master_keys.list()
    counts = ", ".join(f"{view.rows:,} under {view.id}" for view in views)
    missing = [view for view in views if not view.opens]
    if missing:
        lost = f"{sum(view.rows for view in missing):,} need a master key that is not here; put it back from a copy"
        yield Result("sealed rows", "warn", f"{counts}: {lost}")
    else:
        yield Result("sealed rows", "ok", counts)
    for view in views:
        if view.can_be_dropped:
            yield Result("old master key", "ok", f"{view.id} seals no row: it can be dropped, or promoted if it is new")
        elif view.opens and not view.seals:
            yield Result("old master key", "warn", f"{view.rows:,} rows are under {view.id}: byok master-key rotate")


def _contents(bench: Workbench) -> Iterator[Result]:
    companies = bench.accounts.companies()
    if not companies:
        yield Result("companies", "warn", "none yet; make one: byok company add SLUG --plan pro")
    else:
        yield Result("companies", "ok", f"{len(companies)}, {sum(company.people for company in companies)} people")
    keys = [(company.slug, key) for company in companies for key in bench.keys.list(company.operator)]
    lost = [f"{slug}: {key.provider_name} “{key.label}”" for slug, key in keys if not key.readable]
    if lost:
        yield Result("keys", "warn", f"{len(lost)} of {len(keys)} need to be entered again: {'; '.join(lost)}")
    else:
        yield Result("keys", "ok", f"{len(keys)}, all readable")
    yield from _moved(bench)
    yield from _sealed(bench)
    if bench.keys.retry_erasures():
        yield Result("erasures", "ok", "nothing that was deleted stands in the database files")
    else:
        yield Result(
            "erasures", "warn", "what was deleted still stands in SQLite's log, which another process is reading"
        )


def _local(bench: Workbench) -> Result:
    if bench.local.installed:
        return Result("built-in model", "ok", "installed")
    return Result("built-in model", "warn", bench.local.missing)
