"""From a cold start to the first token: `byok chat` beside a ten-line script with the openai SDK.

    uv run --group bench python bench/cold_chat.py

Whole processes, one after the other in turns: timed from starting the process to the first byte on its standard
output. Both ask the same local server. `byok chat` opens the database, finds the company and its key, reserves the
attempt and opens the sealed key; the script is `bench/openai_chat.py`. Both find their modules compiled, as they are
from the second start on.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

from byok.process import Workbench
from local_server import local_server
from report import Report
from workplace import COMPANY, NAME, furnish, overlay, settings

RUNS = 31
MOST = 1.0
QUESTION = "Say hello in one short sentence."
OURS, THEIRS = "byok chat", f"openai {version('openai')}, ten lines"


def first_byte(command: list[str], *, env: dict[str, str], cwd: Path) -> float:
    """Milliseconds from the start of the process to the first byte that it prints."""
    began = time.perf_counter()
    with subprocess.Popen(command, env=env, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        byte = os.read(process.stdout.fileno(), 1)
        first = time.perf_counter()
        rest = process.stdout.read()
        words = process.stderr.read().decode()
    assert process.returncode == 0, words
    assert byte + rest.strip() == b"Hello" + b"".join(b" word%d" % n for n in range(8)), byte + rest
    return (first - began) * 1000


def measure(base_url: str) -> dict[str, list[float]]:
    """Milliseconds by command, one figure for each run."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        bench = Workbench.open(settings(home, base_url), what="command")
        try:
            furnish(bench)
        finally:
            bench.close()
        unwanted = ("BYOK_", "PYTHONDONTWRITEBYTECODE")
        env = {name: value for name, value in os.environ.items() if not name.startswith(unwanted)}
        env |= {
            "PYTHONPYCACHEPREFIX": str(home / "compiled"),
            "BYOK_HOME": str(home),
            "BYOK_PROVIDERS": str(overlay(home, base_url)),
            "BYOK_DEMO": "0",
        }
        byok = str(Path(sys.executable).with_name("byok"))
        script = str(Path(__file__).with_name("openai_chat.py"))
        commands = {
            OURS: [byok, "chat", "--company", COMPANY, "--model", str(NAME), QUESTION],
            THEIRS: [sys.executable, script, base_url, QUESTION],
        }
        found: dict[str, list[float]] = {name: [] for name in commands}
        for turn in range(RUNS + 2):
            for name, command in commands.items():
                taken = first_byte(command, env=env, cwd=home)
                if turn >= 2:  # the first two read the files into memory
                    found[name].append(taken)
    return found


def main() -> int:
    """Runs the benchmark; 1 where the bar is missed."""
    with local_server() as base_url:
        found = measure(base_url)
    report = Report("cold_chat", "Cold start to the first token on standard output, whole processes in turns")
    report.add(f"{'command':<26}{'runs':>6}{'median ms':>12}{'lowest':>10}{'highest':>10}")
    for name, times in found.items():
        report.add(f"{name:<26}{len(times):>6}{statistics.median(times):>12.0f}{min(times):>10.0f}{max(times):>10.0f}")
    report.add()
    ratio = statistics.median(found[OURS]) / statistics.median(found[THEIRS])
    report.bar("byok chat, compared with the script", measured=ratio, most=MOST, unit="x")
    return report.keep()


if __name__ == "__main__":
    sys.exit(main())
