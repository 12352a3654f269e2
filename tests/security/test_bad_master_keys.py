"""Missing, wrong and well-known master keys: the process ends at once, with one clear line that repeats no key."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import secrets
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

import pytest

from byok.cli.main import run
from byok.core.master_keys import FILE
from byok.ground.settings import ROOT
from tests.security.conftest import Tally

pytestmark = [pytest.mark.threat(5), pytest.mark.timeout(900)]

Config = Callable[[Path], Mapping[str, str]]


def random_key() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()


def _none_for_a_database_of_ones_own(home: Path) -> Mapping[str, str]:
    return {"BYOK_DATABASE_URL": f"sqlite:///{home / 'byok.sqlite3'}"}


def _malformed(_: Path) -> Mapping[str, str]:
    return {"BYOK_MASTER_KEYS": f"m1:{random_key()[:-9]}"}


def _well_known(_: Path) -> Mapping[str, str]:
    return {"BYOK_MASTER_KEYS": "m1:" + base64.b64encode(hashlib.sha256(b"changeme").digest()).decode()}


def _another_key_under_the_same_id(home: Path) -> Mapping[str, str]:
    file = home / FILE
    file.write_text(f"{_id(file)}:{random_key()}\n")
    return {}


def _a_lost_file(home: Path) -> Mapping[str, str]:
    (home / FILE).unlink()
    return {}


def _of_another_installation(home: Path) -> Mapping[str, str]:
    return {"BYOK_MASTER_KEYS": f"elsewhere:{random_key()}"}


def _id(file: Path) -> str:
    return file.read_text().splitlines()[-1].partition(":")[0]


CONFIGURATIONS: Mapping[str, tuple[Config, str]] = MappingProxyType(
    {
        "none for a database of one's own": (_none_for_a_database_of_ones_own, "BYOK_MASTER_KEYS is not set"),
        "malformed": (_malformed, "is not base64|bytes long; it must be 32"),
        "well known": (_well_known, "is made of a well-known word"),
        "another key under the same id": (_another_key_under_the_same_id, "is another one than this database was"),
        "a lost file": (_a_lost_file, "is gone, but byok.sqlite3 holds API keys"),
        "of another installation": (_of_another_installation, "None of the master keys here is one that this"),
    }
)


@pytest.fixture
def home(seeded_home: Path, tmp_path: Path) -> Path:
    """An installation with the demo's companies, whose fingerprint keys are sealed."""
    return shutil.copytree(seeded_home, tmp_path / "home")


APP_IN_CI = ("well known", "another key under the same id")  # each takes seconds, and the rest is a command's


class Attempt:
    """A start with a bad configuration: what it must say, and what it must not."""

    def __init__(self, home: Path, name: str) -> None:
        before = (home / FILE).read_text()
        configure, self._words = CONFIGURATIONS[name]
        self.env = {"BYOK_HOME": str(home), "BYOK_DEMO": "1", **configure(home)}
        now = (home / FILE).read_text() if (home / FILE).exists() else ""
        given = f"{before}\n{now}\n{self.env.get('BYOK_MASTER_KEYS', '')}".splitlines()
        self._secrets = [line.partition(":")[2] for line in given if line and not line.startswith("#")]
        assert self._secrets

    def process(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Runs a process of its own."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("BYOK_", "STREAMLIT_"))}
        return subprocess.run(
            [sys.executable, *command],
            env=kept | self.env,
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )

    def judge(self, tally: Tally, *, status: int, err: str, anything: str) -> None:
        """It failed, by one line of ours that says why; nowhere stands a master key, good or bad."""
        tally.tried()
        ours = [line for line in err.splitlines() if line.startswith(("byok: ", "The workbench does not start: "))]
        assert (status != 0, len(ours)) == (True, 1), err
        assert re.search(self._words, ours[0]), err
        assert "Traceback" not in anything
        if any(secret in anything for secret in self._secrets):
            tally.leaked(self._words)


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_a_command_refuses_to_start(
    home: Path, name: str, tally: Tally, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    attempt = Attempt(home, name)
    for variable, value in attempt.env.items():
        monkeypatch.setenv(variable, value)
    status = run(["company", "list"])
    captured = capsys.readouterr()
    assert captured.out == ""
    attempt.judge(tally, status=status, err=captured.err, anything=captured.out + captured.err)


@pytest.mark.slow
@pytest.mark.soak
@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_a_real_process_refuses_to_start(home: Path, name: str, tally: Tally) -> None:
    attempt = Attempt(home, name)
    done = attempt.process("-c", "from byok.cli.main import main; main()", "company", "list")
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (1, "", 1)
    attempt.judge(tally, status=done.returncode, err=done.stderr, anything=done.stdout + done.stderr)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.soak] + [pytest.mark.slow] * (name in APP_IN_CI))
        for name in CONFIGURATIONS
    ],
)
def test_the_app_refuses_to_start(home: Path, name: str, tally: Tally) -> None:
    attempt = Attempt(home, name)
    done = attempt.process("-m", "streamlit", "run", "app.py", "--server.headless=true", "--server.port=0")
    attempt.judge(tally, status=done.returncode, err=done.stderr, anything=done.stdout + done.stderr)
