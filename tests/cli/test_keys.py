"""`byok key` and `byok models`, against a provider on a loopback port."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from byok.core.model_names import ModelName
from byok.process import Workbench
from byok.services.chatbots import ChatbotFields
from tests.cli.conftest import Byok
from tests.cli.loopback import KEY, Loopback

WRONG = "wrong-" + "w" * 20


def test_a_right_key_is_accepted_with_its_proof(byok: Byok, provider: Loopback) -> None:
    done = byok("key", "test", "--provider", "loop", "--json", stdin=f"{KEY}\n")
    assert done.status == 0
    found = {name: done.json[name] for name in ("verdict", "proof", "models")}
    assert found == {"verdict": "accepted", "proof": "GET /models 200", "models": 1}


def test_a_wrong_key_is_rejected_with_status_1(byok: Byok, provider: Loopback) -> None:
    done = byok("key", "test", "--provider", "loop", "--json", stdin=WRONG)
    assert (done.status, done.json["verdict"]) == (1, "rejected")


def test_a_test_says_its_proof_and_what_to_do_next(byok: Byok, provider: Loopback) -> None:
    done = byok("key", "test", "--provider", "loop", stdin=WRONG)
    assert "Proof: GET /models 401" in done.out
    assert "Next: Copy the key again" in done.out


def test_a_test_needs_either_a_provider_or_a_saved_key(byok: Byok, provider: Loopback) -> None:
    assert byok("key", "test").status == 2
    assert byok("key", "test", "--company", "acme").status == 2
    assert byok("key", "test", "--company", "acme", "--provider", "loop").status == 2


def test_a_rejected_key_is_not_saved_and_leaves_no_draft(byok: Byok, acme: str, home: Path) -> None:
    done = byok("key", "add", "--company", acme, "--provider", "loop", stdin=WRONG)
    assert (done.status, done.out) == (1, "")
    assert len(done.err.splitlines()) == 1
    assert len(byok("key", "list", "--company", acme, "--json").json) == 1


def test_untested_saves_what_nobody_proved(byok: Byok, acme: str) -> None:
    done = byok(
        "key", "add", "--company", acme, "--provider", "loop", "--label", "Later", "--untested", "--json", stdin=WRONG
    )
    assert (done.status, done.json["verdict"], done.json["status"]) == (0, None, "untested")


def test_a_kind_of_key_that_cannot_work_is_named(byok: Byok, acme: str, tmp_path: Path) -> None:
    with (tmp_path / "providers.toml").open("a") as file:
        file.write('\nkey_refused = { "wrong-" = "This is an admin key." }\n')
    done = byok("key", "add", "--company", acme, "--provider", "loop", "--untested", stdin=WRONG)
    assert (done.status, done.err) == (0, "byok: This is an admin key.\n")


def test_a_key_is_never_an_argument_and_never_printed(byok: Byok, acme: str) -> None:
    for command in (["list"], ["list", "--json"], ["test", "Main"], ["test", "Main", "--json"], ["delete", "Main"]):
        done = byok("key", *command, "--company", acme)
        assert done.status == 0, done.err
        assert KEY not in done.out + done.err


@pytest.mark.parametrize("stdin", ["", "zyx", "two words here", "tab\there-and-there", "käy-" + "x" * 20])
def test_what_cannot_be_a_key_is_refused_without_an_echo(byok: Byok, acme: str, stdin: str) -> None:
    done = byok("key", "add", "--company", acme, "--provider", "loop", stdin=stdin)
    assert (done.status, done.out) == (1, "")
    assert not stdin or stdin not in done.err


def test_a_company_without_pro_is_told_what_it_needs(byok: Byok, provider: Loopback) -> None:
    byok("company", "add", "small", "--plan", "basic")
    done = byok("key", "add", "--company", "small", "--provider", "loop", stdin=KEY)
    assert done.status == 1
    assert "Pro" in done.err


def test_a_key_is_deleted_by_its_label(byok: Byok, acme: str) -> None:
    done = byok("key", "delete", "--company", acme, "Main", "--json")
    assert (done.status, done.json["erased"], done.json["chatbots"]) == (0, True, [])
    assert byok("key", "list", "--company", acme, "--json").json == []


def test_the_chatbots_that_lose_their_model_move_no_terminal(byok: Byok, acme: str, home: Path) -> None:
    bench = Workbench.open(what="command")
    fields = ChatbotFields(name="Helpdesk", model=ModelName.parse("byok:loop/small"))
    bench.chatbots.create(bench.accounts.company(acme).operator, fields)
    bench.close()
    with closing(sqlite3.connect(home / "byok.sqlite3")) as database, database:
        database.execute("UPDATE chatbot SET name = ?", ["\x1b[2JHelp\ndesk"])
    done = byok("key", "delete", "--company", acme, "Main")
    assert done.err == "byok: without a model now: \ufffd[2JHelp\ufffddesk\n"


def test_a_key_that_is_not_there_is_named(byok: Byok, acme: str) -> None:
    done = byok("key", "delete", "--company", acme, "Other")
    assert done.status == 1
    assert "'Other'" in done.err


def test_models_of_own_keys_are_listed_by_the_name_that_chat_takes(byok: Byok, acme: str) -> None:
    rows = byok("models", "--company", acme, "--json").json
    assert {(row["model"], row["key_label"]) for row in rows if row["source"] == "byok"} == {
        ("byok:loop/small", "Main")
    }
    assert "byok:loop/small" in byok("models", "--company", acme).out


def test_prices_are_listed_as_people_write_them(byok: Byok, acme: str, home: Path) -> None:
    byok("models", "--company", acme)
    priced = json.dumps([{"id": "small", "name": "Small", "price_in": "1E+1", "price_out": "0.50"}])
    with closing(sqlite3.connect(home / "byok.sqlite3")) as database, database:
        database.execute("UPDATE model_menu SET models = ?", [priced])
    (row,) = [row for row in byok("models", "--company", acme, "--json").json if row["source"] == "byok"]
    assert (row["price_in"], row["price_out"]) == ("10", "0.5")
    assert "E+" not in byok("models", "--company", acme).out


def test_the_models_of_a_key_can_be_chosen_until_it_is_deleted(byok: Byok, acme: str) -> None:
    before = [row["model"] for row in byok("models", "--company", acme, "--json").json]
    assert "byok:loop/small" in before
    assert byok("key", "delete", "--company", acme, "Main", "--json").status == 0
    after = [row["model"] for row in byok("models", "--company", acme, "--json").json]
    assert after == [model for model in before if model.startswith("plan:")] != []
