"""A home with the demo in it, made once and copied. Its people's hash is the cheapest, since every start checks it."""

from __future__ import annotations

import shutil
from pathlib import Path

from pydantic import SecretStr

from byok.ground.clock import utc_now
from byok.ground.settings import Settings
from byok.process import Workbench
from byok.services.demo import Demo

PASSWORD = "-".join(("demo", "password"))
CHEAPEST = 4  # bcrypt's lowest cost; the usual one takes a quarter of a second for each start


def settings_of(home: Path, *, demo: bool = True, providers: Path | None = None) -> Settings:
    """Settings that know the demo's password."""
    return Settings(home=home, demo=demo, demo_password=SecretStr(PASSWORD), providers=providers)


def seed(home: Path, *, migrated: Path) -> None:
    """Fills an empty folder as the first start does, from a copy of a migrated SQLite file."""
    shutil.copyfile(migrated, home / "byok.sqlite3")
    bench = Workbench.open(settings_of(home, demo=False), what="command")
    try:
        Demo(
            db=bench.db,
            plans=bench.plans,
            vault=bench.vault,
            settings=settings_of(home),
            clock=utc_now,
            cost=CHEAPEST,
        ).seed()
    finally:
        bench.close()
