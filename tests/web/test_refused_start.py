"""A start of the app that is refused: one line that says why, and an end."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from byok.ground.settings import ROOT


def test_the_app_ends_with_one_line_where_its_home_cannot_be_written(tmp_path: Path) -> None:
    home = tmp_path / "a file"
    home.touch()
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("BYOK_", "STREAMLIT_"))}
    done = subprocess.run(
        [sys.executable, "-m", "streamlit", "run", "app.py", "--server.headless=true", "--server.port=0"],
        env={**kept, "BYOK_HOME": str(home)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode != 0
    assert "Traceback" not in done.stdout + done.stderr
    assert (
        f"The workbench does not start: BYOK_HOME {home} cannot be written: it is no folder. Give this" in done.stderr
    )
