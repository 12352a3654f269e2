"""What a log line holds and what it leaves out, whoever logs and however it is switched."""

from __future__ import annotations

import json
import logging
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from contextvars import copy_context
from typing import Any
from uuid import uuid4

import pytest

from byok.core.logs import Form, Line
from byok.core.redaction import GONE, Redaction
from byok.core.told import told
from byok.ground import request_ids
from byok.ground.errors import KeyUnreadableError, NotAllowedError

KEY = "sk-" + "proj-" + "Ab3" * 16
WORDS = "what somebody wrote"


def line(
    form: Form = "json", message: str = "it failed", *arguments: object, error: BaseException | None = None
) -> str:
    """A record's line, as a handler of ours would write it."""
    record = logging.LogRecord("byok.x", logging.ERROR, __file__, 1, message, arguments, None)
    if error is not None:
        record.exc_info = (type(error), error, error.__traceback__)
    assert Redaction().filter(record)
    return Line(form).format(record)


def raised(make: Callable[[], BaseException], *, from_: BaseException | None = None) -> BaseException:
    try:
        raise make() from from_  # noqa: TRY301 - to have a traceback
    except BaseException as error:  # noqa: BLE001 - that is what is wanted
        return error


def test_a_json_line_has_these_fields_and_no_others() -> None:
    fields = json.loads(line("json", "done with %s", "it"))
    assert fields.keys() == {"time", "level", "logger", "message"}
    assert (fields["level"], fields["logger"], fields["message"]) == ("error", "byok.x", "done with it")
    assert fields["time"].endswith("Z")


def test_what_others_hang_on_a_record_is_not_written() -> None:
    record = logging.makeLogRecord({"msg": "m", "name": "x", "levelname": "INFO", "api_key": KEY, "body": WORDS})
    assert json.loads(Line("json").format(record)).keys() == {"time", "level", "logger", "message"}


@pytest.mark.parametrize("form", ["json", "text"])
def test_a_record_is_one_entry_however_many_lines_it_has(form: Form) -> None:
    written = line(form, "first\nERROR second\r\nthird\u2028fourth")
    if form == "json":
        assert written.splitlines() == [written]
        assert json.loads(written)["message"].startswith("first\n")
    else:  # a line that is not ours begins with blanks
        assert [one.startswith("  ") for one in written.splitlines()] == [False, True, True, True]


def test_the_id_of_what_is_being_answered_stands_in_the_line() -> None:
    def run() -> tuple[str, Any, str]:
        return request_ids.begin(), json.loads(line()), line("text")

    request_id, fields, text = copy_context().run(run)
    assert fields["request"] == request_id
    assert f"[{request_id}]" in text
    assert "request" not in json.loads(line())


def test_ids_differ_and_are_not_masked_themselves() -> None:
    ids = {copy_context().run(request_ids.begin) for _ in range(1000)}
    assert len(ids) == 1000
    assert all(one in line("text", "see %s", one) for one in list(ids)[:20])


@pytest.mark.parametrize("form", ["json", "text"])
def test_an_exception_is_told_by_kind_and_place_and_not_by_its_words(form: Form) -> None:
    inner = raised(lambda: ValueError(f"{WORDS} {KEY}"))
    written = line(form, error=raised(lambda: RuntimeError(WORDS), from_=inner))
    assert WORDS not in written
    assert KEY not in written
    assert "RuntimeError" in written
    assert "after ValueError" in written
    assert "test_logs.py" in written


def test_the_words_of_our_own_tree_and_of_the_system_are_told() -> None:
    assert "Ask an admin" in line(error=raised(lambda: NotAllowedError("Members cannot add keys.")))
    assert json.loads(line(error=raised(KeyUnreadableError)))["error"] == "byok.ground.errors.KeyUnreadableError"
    assert "No such file or directory" in line(error=raised(lambda: FileNotFoundError(2, "No such file or directory")))
    assert WORDS not in line(error=raised(lambda: OSError(2, WORDS)))


def test_a_databases_code_is_told_but_not_its_words() -> None:
    with closing(sqlite3.connect(":memory:")) as database, pytest.raises(sqlite3.OperationalError) as failed:
        database.execute(f"SELECT '{WORDS}' FROM gone")  # noqa: S608
    written = line(error=failed.value)
    assert "sqlite3.OperationalError: SQLITE_ERROR" in written
    assert "gone" not in written
    assert WORDS not in written


def test_what_repeats_an_exception_in_its_message_is_cut_off() -> None:
    message = f"Task exception was never retrieved\nfuture: <Task exception=ValueError('{WORDS}')>"
    assert WORDS not in line("json", message, error=raised(lambda: ValueError(WORDS)))


def test_a_key_in_the_words_of_our_own_tree_is_masked_all_the_same() -> None:
    written = line(error=raised(lambda: NotAllowedError(f"not with {KEY}")))
    assert KEY not in written
    assert GONE in written


def test_a_chain_that_bites_its_tail_ends() -> None:
    one, two = ValueError(), TypeError()
    one.__cause__, two.__cause__ = two, one
    assert told(one) == ["ValueError", "after TypeError"]


LOGS_OF_OTHERS = f"""
import logging, sys
early = logging.getLogger("early")
early.addHandler(logging.StreamHandler()); early.propagate = False
from byok.core import logs
logs.set_up(sys.argv[1]); logs.set_up(sys.argv[1])
late = logging.getLogger("late.{uuid4().hex}")
handler = logging.StreamHandler(); handler.setFormatter(logging.Formatter("raw %(message)s"))
late.addHandler(handler); late.propagate = False
early.addHandler(logging.StreamHandler())
for name in ("early", late.name, "byok.core.run", "httpx", "httpcore.http11"):
    logging.getLogger(name).setLevel(logging.DEBUG) if name in ("early", late.name) else None
    logging.getLogger(name).warning("key %s", sys.stdin.readline().strip())
    logging.getLogger(name).info("GET https://api.example/?key=x")
"""


@pytest.mark.parametrize("form", ["json", "text"])
def test_every_logger_of_a_process_writes_so_also_one_that_is_made_later(form: Form) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOGS_OF_OTHERS, form],
        input=f"{KEY}\n" * 5,
        capture_output=True,
        text=True,
        check=True,
    )
    lines = done.stderr.splitlines()
    assert KEY not in done.stderr
    warned = [one for one in lines if f"key {GONE}" in one]
    assert len(warned) == 6  # the early one has two handlers
    if form == "json":
        assert {json.loads(one)["level"] for one in lines} == {"warning", "info"}
    else:
        assert all("Z WARNING " in one for one in warned)
    assert not any("api.example" in one and "http" in json.loads(one)["logger"] for one in lines if form == "json")


FAILING = f"""
import sys, threading, warnings
from byok.core import logs
logs.set_up("json")
def fail(): raise RuntimeError("{WORDS}")
class Clumsy:
    def __del__(self): fail()
warnings.warn("mind this")
thread = threading.Thread(target=fail); thread.start(); thread.join()
Clumsy()
fail()
"""


def test_what_the_interpreter_would_print_itself_is_logged_without_words() -> None:
    done = subprocess.run([sys.executable, "-c", FAILING], capture_output=True, text=True, check=False)
    entries = [json.loads(one) for one in done.stderr.splitlines()]
    assert done.returncode == 1
    assert [one["message"] for one in entries[1:]] == ["a thread failed", "a clean-up failed", "the process failed"]
    assert "mind this" in entries[0]["message"]
    assert {one["error"] for one in entries[1:]} == {"RuntimeError"}
    assert WORDS not in done.stderr + done.stdout
