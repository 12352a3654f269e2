"""`byok company` and `byok user`."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.conftest import Byok

ODD = "\x1b]0;root\x07Bo\x9b2Jb\u202e\u200d"


def test_without_companies_the_list_says_how_to_make_one(byok: Byok) -> None:
    assert byok("company", "list").out == "No companies yet. Make one: byok company add SLUG\n"


def test_a_company_is_made_moved_and_listed(byok: Byok) -> None:
    assert (
        byok("company", "add", "acme", "--name", "Acme", "--plan", "basic").out == "Added: Acme (acme), plan Basic.\n"
    )
    assert byok("company", "plan", "acme", "pro", "--json").json["plan"] == "pro"
    (listed,) = byok("company", "list", "--json").json
    assert (listed["slug"], listed["name"], listed["plan"], listed["people"]) == ("acme", "Acme", "pro", 0)


def test_a_user_is_made_with_a_password_from_standard_input(byok: Byok) -> None:
    byok("company", "add", "acme", "--plan", "pro")
    made = byok("user", "add", "Alice", "--company", "acme", "--role", "admin", stdin="long enough\nand no more\n")
    assert made.out == "Added: alice, admin of acme.\n"
    (listed,) = byok("user", "list", "--company", "acme", "--json").json
    assert (listed["username"], listed["role"], listed["disabled"]) == ("alice", "admin", False)
    assert byok("user", "disable", "alice", "--json").json["disabled"] is True


def test_a_short_password_is_refused_without_an_echo(byok: Byok) -> None:
    byok("company", "add", "acme", "--plan", "pro")
    done = byok("user", "add", "alice", "--company", "acme", stdin="hunter2\n")
    assert (done.status, done.out) == (1, "")
    assert "hunter2" not in done.err


def test_a_person_is_given_another_role_shut_out_and_let_in_again(byok: Byok) -> None:
    byok("company", "add", "acme", "--plan", "pro")
    byok("user", "add", "alice", "--company", "acme", stdin="correct horse\n")
    assert byok("user", "role", "alice", "admin").out == "Now admin: alice.\n"
    assert byok("user", "role", "alice", "owner").status == 2
    byok("user", "disable", "alice")
    assert byok("user", "enable", "alice", "--json").json["state"] == "active"
    refused = byok("user", "enable", "zoe")
    assert (refused.status, refused.err) == (
        1,
        "byok: There is no user 'zoe'. `byok user list --company SLUG` shows those there are.\n",
    )


def test_a_reset_prints_one_link_and_nothing_else_on_standard_output(byok: Byok) -> None:
    byok("company", "add", "acme", "--plan", "pro")
    byok("user", "add", "alice", "--company", "acme", stdin="correct horse\n")
    done = byok("user", "reset", "alice", "--url", "https://byok.example/")
    assert done.out.startswith("https://byok.example/?invite=")
    assert len(done.out.splitlines()) == 1
    assert "works once, until" in done.err
    (listed,) = byok("user", "list", "--company", "acme", "--json").json
    assert listed["state"] == "invited"


def test_a_disabled_person_gets_no_link_that_would_not_work(byok: Byok) -> None:
    byok("company", "add", "acme", "--plan", "pro")
    byok("user", "add", "alice", "--company", "acme", stdin="correct horse\n")
    byok("user", "disable", "alice")
    done = byok("user", "reset", "alice")
    assert (done.status, done.out) == (1, "")
    assert done.err.endswith("Enable the account first: byok user enable alice\n")


@pytest.mark.parametrize("url", ["nonsense", "ftp://byok.example", "https://", "http://[::1"])
def test_a_link_that_leads_nowhere_is_refused_before_the_password_is_gone(byok: Byok, url: str) -> None:
    byok("company", "add", "acme", "--plan", "pro")
    byok("user", "add", "alice", "--company", "acme", stdin="correct horse\n")
    assert byok("user", "reset", "alice", "--url", url).status == 2
    (listed,) = byok("user", "list", "--company", "acme", "--json").json
    assert listed["state"] == "active"


def test_a_common_password_is_refused_without_an_echo(byok: Byok) -> None:
    byok("company", "add", "acme", "--plan", "pro")
    done = byok("user", "add", "alice", "--company", "acme", stdin="qwertyuiop1\n")
    assert (done.status, done.out) == (1, "")
    assert "list of common ones" in done.err
    assert "qwerty" not in done.err


def test_a_name_from_before_moves_no_terminal(byok: Byok, home: Path) -> None:
    byok("company", "add", "acme", "--plan", "pro")
    byok("user", "add", "bob", "--company", "acme", stdin="correct horse\n")
    with closing(sqlite3.connect(home / "byok.sqlite3")) as database, database:
        database.execute("UPDATE person SET name = ?", [ODD])
        database.execute("UPDATE company SET name = ?", [ODD])
    seen = "\ufffd]0;root\ufffdBo\ufffd2Jb\ufffd\u200d"
    table, document = byok("user", "list", "--company", "acme").out, byok("user", "list", "--company", "acme", "--json")
    assert seen in table
    assert not {*"\x1b\x07\x9b\u202e"} & {*table, *document.out}
    assert document.json[0]["name"] == ODD
    assert byok("company", "plan", "acme", "basic").out == f"Moved: {seen} (acme), plan Basic.\n"


def test_a_name_that_cannot_be_shown_is_refused(byok: Byok) -> None:
    done = byok("company", "add", "acme", "--name", ODD)
    assert (done.status, done.out) == (1, "")
    assert done.err.startswith("byok: A name has printable characters only.")
