"""The first start on a fresh machine: a terminal with a display, an empty home, no prompt."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from tests.e2e.conftest import ROOT, free_port

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal, which Windows has not")


def test_a_first_start_under_a_terminal_with_a_display_asks_nothing(tmp_path: Path) -> None:
    import pty  # Windows has none, not even to import

    home, port = tmp_path / "empty-home", free_port()
    home.mkdir()
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("BYOK_", "STREAMLIT_"))}
    env = {**kept, "HOME": str(home), "DISPLAY": ":99", "BROWSER": "true", "BYOK_HOME": str(tmp_path / "byok")}
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port)]
    process = subprocess.Popen(command, cwd=ROOT, env=env, stdin=theirs, stdout=theirs, stderr=theirs, close_fds=True)
    os.close(theirs)
    said = b""
    deadline = time.monotonic() + 60
    try:
        while b"Demo accounts" not in said and time.monotonic() < deadline and process.poll() is None:
            if select.select([ours], [], [], 0.2)[0]:
                said += os.read(ours, 65536)
        with httpx.Client(trust_env=False) as client:
            healthy = client.get(f"http://127.0.0.1:{port}/_stcore/health", timeout=20).status_code
    finally:
        process.terminate()
        process.wait(timeout=20)
        os.close(ours)
    assert healthy == 200
    assert b"email" not in said.lower()
    assert b"e-mail" not in said.lower()
    assert b"Demo accounts" in said
    assert b"ScriptRunContext" not in said
