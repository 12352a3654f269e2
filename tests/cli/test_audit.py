"""`byok audit`: entries, a broken record told in one line, and heads to be noted."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

from tests.cli.conftest import Byok
from tests.cli.loopback import KEY


def spoil(home: Path, sql: str) -> None:
    """Writes past the product."""
    with sqlite3.connect(home / "byok.sqlite3") as connection:
        connection.execute(sql)
    connection.close()


def test_what_commands_do_is_the_operators(byok: Byok, acme: str) -> None:
    byok("key", "test", "--company", acme, "Main")
    byok("key", "delete", "--company", acme, "Main")
    rows = byok("audit", "list", "--company", acme, "--json").json
    mine = [(row["who"], row["action"], row["subject"], row["detail"]) for row in rows if row["action"][:3] == "key"]
    assert mine == [
        ("operator", "key.deleted", "Main", "Loop, was the default"),
        ("operator", "key.tested", "Main", "Loop: accepted"),
        ("operator", "key.added", "Main", "Loop, accepted"),
    ]
    assert KEY not in str(rows)
    assert {row["address"] for row in rows} == {""}


def test_the_first_answer_of_a_day_is_an_entry(byok: Byok, acme: str) -> None:
    for _ in range(2):
        assert byok("chat", "--company", acme, "--model", "byok:loop/small", "Hi").status == 0
    rows = byok("audit", "list", "--company", acme, "--action", "key.used", "--json").json
    assert [row["subject"] for row in rows] == ["Main"]


def test_entries_are_printed_as_a_table_and_by_day(byok: Byok, acme: str) -> None:
    assert re.search(r" Key added +Main ", byok("audit", "list", "--company", acme).out)
    assert "Record begun" in byok("audit", "list").out
    assert byok("audit", "list", "--company", acme, "--until", "2020-01-01").out == "Nothing is recorded for this.\n"
    assert byok("audit", "list", "--since", "2026-02-02", "--until", "2026-02-01").status == 2
    byok("budget", "set", "--company", acme, "--limit", "1")
    done = byok("audit", "list", "--company", acme, "--limit", "1")
    assert "Budget set" in done.out
    assert done.err.startswith("byok: these are the newest 1;")


def test_a_whole_record_says_so_and_where_it_ends(byok: Byok, acme: str) -> None:
    done = byok("audit", "verify")
    assert done.status == 0
    heads = byok("audit", "head").out.split()
    assert [f"unbroken. Head: {one}" in done.out for one in heads] == [True, True]
    assert byok("audit", "verify", "--company", acme, "--json").json[1]["broken"] == []


def test_a_broken_record_ends_with_1_and_one_line(byok: Byok, acme: str, home: Path) -> None:
    byok("budget", "set", "--company", acme, "--limit", "1")
    entries = len(byok("audit", "list", "--company", acme, "--json").json)
    spoil(home, "DELETE FROM audit_event WHERE action = 'budget.set'")
    done = byok("audit", "verify")
    assert done.status == 1
    assert done.err == f"byok: the record of acme is broken: Entry {entries} was cut off at the end.\n"
    assert done.out.startswith("operator: ")
    told = byok("audit", "verify", "--company", acme, "--json")
    assert (told.status, told.json[1]["broken"]) == (1, [f"Entry {entries} was cut off at the end."])


def test_an_end_that_cannot_be_read_keeps_no_other_from_being_noted(byok: Byok, acme: str, home: Path) -> None:
    spoil(home, "UPDATE audit_head SET mac = 'text' WHERE seq = 1")
    done = byok("audit", "head")
    assert done.status == 1
    assert done.err.startswith("byok: the end of the record of ")
    assert len(done.out.split()) == 1


def test_an_older_database_is_told_by_a_head_in_a_file(byok: Byok, acme: str, home: Path, tmp_path: Path) -> None:
    old = (home / "byok.sqlite3").read_bytes()
    byok("budget", "set", "--company", acme, "--limit", "1")
    noted = tmp_path / "heads.json"
    noted.write_text(byok("audit", "head", "--json").out)
    assert byok("audit", "verify", "--expect", str(noted)).status == 0
    for file in home.glob("byok.sqlite3*"):
        file.unlink()
    (home / "byok.sqlite3").write_bytes(old)
    assert byok("audit", "verify").status == 0
    done = byok("audit", "verify", "--expect", str(noted))
    assert done.status == 1
    assert "was cut off: it was there when the record's end was noted." in done.err
    assert byok("audit", "verify", "--expect", "nothing").err.startswith("byok: 'nothing' names no head")
