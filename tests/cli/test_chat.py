"""`byok chat` and what `byok usage` makes of it, against a provider on a loopback port."""

from __future__ import annotations

import signal
import subprocess
import sys
from typing import Any

import pytest

from tests.cli.conftest import ROOT, Byok
from tests.cli.loopback import Loopback


def test_the_answer_goes_to_standard_output_and_the_receipt_to_standard_error(byok: Byok, acme: str) -> None:
    done = byok("chat", "--company", acme, "--model", "byok:loop/small", "Hi")
    assert (done.status, done.out) == (0, "Hello world\n")
    assert done.err.startswith("Your key · Loop …kkkk · small · 3 in, 2 out · first token ")
    assert len(done.err.splitlines()) == 1


def test_json_is_one_object_with_text_usage_and_status(byok: Byok, acme: str) -> None:
    done = byok("chat", "--company", acme, "--model", "byok:loop/small", "--json", "Hi")
    assert (done.json["text"], done.json["status"], done.json["cost"]) == ("Hello world", "complete", None)
    assert (done.json["usage"]["tokens_in"], done.json["usage"]["tokens_out"]) == (3, 2)


def test_a_provider_that_is_busy_for_a_moment_is_asked_again_and_the_person_is_told(
    byok: Byok, acme: str, provider: Loopback
) -> None:
    provider.busy = 1
    done = byok("chat", "--company", acme, "--model", "byok:loop/small", "Hi")
    note, receipt = done.err.splitlines()
    assert (done.status, done.out) == (0, "Hello world\n")
    assert note == "Loop has trouble or cannot be reached through a gateway: Overloaded. Trying again …"
    assert receipt.startswith("Your key · Loop …kkkk · small · 3 in, 2 out")
    assert len(provider.asked) == 2


def test_only_what_was_given_is_sent(byok: Byok, acme: str, provider: Loopback) -> None:
    byok("chat", "--company", acme, "--model", "byok:loop/small", stdin="From a pipe\n")
    byok("chat", "--company", acme, "--model", "byok:loop/small", "--system", "Be brief.", "--temperature", "0.5", "Hi")
    plain, full = provider.asked
    assert plain["messages"] == [{"role": "user", "content": "From a pipe"}]
    assert "temperature" not in plain
    assert full["messages"][0] == {"role": "system", "content": "Be brief."}
    assert full["temperature"] == 0.5


def test_each_answer_is_a_request_in_usage_and_no_plan_message(byok: Byok, acme: str) -> None:
    for _ in range(2):
        byok("chat", "--company", acme, "--model", "byok:loop/small", "Hi")
    usage = byok("usage", "--company", acme, "--json").json
    (row,) = usage["rows"]
    figures = {name: row["byok"][name] for name in ("requests", "tokens_in", "tokens_out", "errors", "cost")}
    assert (row["provider"], figures) == (
        "loop",
        {"requests": 2, "tokens_in": 6, "tokens_out": 4, "errors": 0, "cost": None},
    )
    assert (row["plan"]["messages"], usage["allowance"]["used"]) == (0, 0)


def test_usage_is_a_table_with_a_line_that_adds_up(byok: Byok, acme: str) -> None:
    byok("chat", "--company", acme, "--model", "byok:loop/small", "Hi")
    done = byok("usage", "--company", acme)
    assert "1 answered BYOK request + 0 plan messages = 1 answer" in done.out


def test_a_month_that_is_none_is_wrong_usage(byok: Byok, acme: str) -> None:
    assert byok("usage", "--company", acme, "--month", "2026-13").status == 2


@pytest.mark.parametrize("model", ["small", "own:loop/small", "byok:loop", "byok:/small"])
def test_a_name_that_is_no_model_is_wrong_usage(byok: Byok, acme: str, model: str) -> None:
    assert byok("chat", "--company", acme, "--model", model, "Hi").status == 2


def test_a_model_without_a_key_is_refused_before_anything_is_sent(byok: Byok, acme: str, provider: Loopback) -> None:
    done = byok("chat", "--company", acme, "--model", "byok:groq/anything", "Hi")
    assert (done.status, done.out, provider.asked) == (1, "", [])


def test_ctrl_c_keeps_what_came_and_counts_it_as_stopped(byok: Byok, acme: str, provider: Loopback) -> None:
    process = _midway(acme, provider)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out) == (1, b"ello\n")
    assert b"The answer was stopped." in err
    assert _byok_figures(byok, acme)["requests"] == 1


def test_a_request_to_end_settles_the_answer(byok: Byok, acme: str, provider: Loopback) -> None:
    process = _midway(acme, provider)
    process.terminate()
    process.communicate(timeout=20)
    assert process.returncode == 128 + signal.SIGTERM
    assert _byok_figures(byok, acme)["requests"] == 1


def test_a_reader_that_leaves_ends_the_command_quietly(byok: Byok, acme: str, provider: Loopback) -> None:
    process = _midway(acme, provider)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    provider.let_go.set()
    assert process.wait(timeout=20) == 1
    assert process.stderr.read() == b""
    process.stderr.close()


def _midway(company: str, provider: Loopback) -> subprocess.Popen[bytes]:
    """A `byok chat` whose first letter has just arrived, and whose provider says no more for now."""
    provider.let_go.clear()
    code = "from byok.cli.main import main; main()"
    command = [sys.executable, "-c", code, "chat", "--company", company, "--model", "byok:loop/small", "Hi"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT, bufsize=0)
    assert process.stdout is not None
    assert process.stdout.read(1) == b"H"
    return process


def _byok_figures(byok: Byok, company: str) -> dict[str, Any]:
    figures: dict[str, Any] = byok("usage", "--company", company, "--json").json["total"]["byok"]
    return figures
