"""The entry: exit statuses, one line for an error, and nothing imported that a command does not need."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from byok.cli.main import COMMANDS
from tests.cli.conftest import ROOT, Byok
from tests.cli.loopback import Loopback

HEAVY = ("pandas", "alembic", "genai_prices", "streamlit", "bcrypt", "markdown_it", "xllamacpp", "rich", "pygments")


def test_help_names_every_command(byok: Byok) -> None:
    done = byok("--help")
    assert done.status == 0
    assert all(f"  {name}" in done.out for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_has_help_of_its_own(byok: Byok, name: str) -> None:
    assert byok(name, "--help").status == 0


def test_an_unknown_command_is_wrong_usage(byok: Byok) -> None:
    done = byok("no-such-thing")
    assert (done.status, done.out) == (2, "")


def test_a_missing_option_is_wrong_usage(byok: Byok) -> None:
    assert byok("usage").status == 2


def test_a_refusal_is_one_line_on_standard_error(byok: Byok) -> None:
    done = byok("company", "plan", "nobody", "pro")
    assert (done.status, done.out) == (1, "")
    assert done.err == "byok: There is no company 'nobody'. `byok company list` shows those there are.\n"


def test_settings_that_cannot_work_are_one_line_too(byok: Byok, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BYOK_DATABASE_URL", "mysql://somewhere/else")
    monkeypatch.setenv("BYOK_MASTER_KEYS", "m1:short")
    done = byok("company", "list")
    assert done.status == 1
    assert len(done.err.splitlines()) == 1


@pytest.mark.parametrize("command", ["company list", "models --company acme", "usage --company acme", "db upgrade"])
def test_a_home_that_cannot_be_written_is_one_line_too(
    byok: Byok, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    (tmp_path / "a file").touch()
    monkeypatch.setenv("BYOK_HOME", str(tmp_path / "a file"))
    done = byok(*command.split())
    assert (done.status, done.out) == (1, "")
    assert done.err == (
        f"byok: BYOK_HOME {tmp_path / 'a file'} cannot be written: it is no folder. "
        "Give this process the right to write there, or set BYOK_HOME.\n"
    )


def test_a_backup_from_a_home_that_cannot_be_one_is_one_line_too(
    byok: Byok, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a file").touch()
    monkeypatch.setenv("BYOK_HOME", str(tmp_path / "a file" / "x"))
    done = byok("db", "backup", str(tmp_path / "copy"))
    assert (done.status, done.out, len(done.err.splitlines())) == (1, "", 1)
    assert "cannot be written: Not a directory. Give this process the right" in done.err


def test_help_imports_neither_a_database_nor_http() -> None:
    code = (
        "import sys; from byok.cli.main import run; run(['--help']); print({'sqlalchemy', 'httpx'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.splitlines()[-1] == "set()"


def test_an_answer_comes_without_a_heavy_import(acme: str, provider: Loopback, home: Path) -> None:
    code = (
        "from byok.cli.main import run; import sys; "
        f"status = run(['chat', '--company', '{acme}', '--model', 'byok:loop/small', 'Hi']); "
        f"print(status, sorted(set({HEAVY}) & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout == "Hello world\n"
    # The price list is read when the answer is whole: until then it delays no token.
    assert done.stderr.splitlines()[-1] in ("0 []", "0 ['genai_prices']")
