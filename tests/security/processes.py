"""`byok` as a process of its own, with an environment that a test spoils."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def byok(*arguments: str, env: Mapping[str, str], stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Runs a command to its end; `env` comes on top of this process's own without what is ours."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("BYOK_")}
    return subprocess.run(
        [sys.executable, "-c", "from byok.cli.main import main; main()", *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        encoding="utf-8",
        env={**kept, **env},
        cwd=ROOT,
        timeout=60,
        check=False,
    )
