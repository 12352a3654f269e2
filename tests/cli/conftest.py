"""Runs `byok`: in this process where that shows the same, as a process of its own where it does not."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from byok.cli.main import run
from tests.cli.loopback import KEY, Loopback, loopback

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Done:
    """What a command left behind."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Byok = Callable[..., Done]


@pytest.fixture
def home(tmp_path: Path, migrated_file: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh BYOK_HOME with an empty database and no demo; the environment has nothing else of ours."""
    for name in [name for name in os.environ if name.startswith("BYOK_")]:
        monkeypatch.delenv(name)
    folder = tmp_path / "home"
    folder.mkdir(mode=0o700)
    shutil.copyfile(migrated_file, folder / "byok.sqlite3")
    monkeypatch.setenv("BYOK_HOME", str(folder))
    monkeypatch.setenv("BYOK_DEMO", "0")
    return folder


@pytest.fixture
def byok(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Byok:
    """Runs a command in this process."""

    def call(*arguments: str, stdin: str = "") -> Done:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode()), encoding="utf-8"))
        capsys.readouterr()
        status = run(list(arguments))
        captured = capsys.readouterr()
        return Done(status, captured.out, captured.err)

    return call


@pytest.fixture
def byok_process(tmp_path: Path) -> Byok:
    """Runs a command as a process of its own, in a fresh BYOK_HOME (`tmp_path / "home"`), demo and all."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("BYOK_")}
    env["BYOK_HOME"] = str(tmp_path / "home")

    def call(*arguments: str, stdin: str = "") -> Done:
        done = subprocess.run(
            [sys.executable, "-c", "from byok.cli.main import main; main()", *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            encoding="utf-8",
            env=env,
            cwd=ROOT,
            timeout=60,
            check=False,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    return call


@pytest.fixture
def provider(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Loopback]:
    """A provider `loop` on a loopback port, known to commands of this process and of others."""
    with loopback() as server:
        file = tmp_path / "providers.toml"
        file.write_text(server.catalogue)
        monkeypatch.setenv("BYOK_PROVIDERS", str(file))
        yield server


@pytest.fixture
def acme(byok: Byok, provider: Loopback) -> str:
    """A Pro company that holds the provider's key as "Main"."""
    assert byok("company", "add", "acme", "--plan", "pro").status == 0
    added = byok("key", "add", "--company", "acme", "--provider", "loop", "--label", "Main", stdin=KEY)
    assert added.status == 0, added.err
    return "acme"
