"""The whole product by command line: the real built-in model, real processes, nothing stands in for anything."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlmodel import select

from byok.core.local_model import LocalModel
from byok.ground.db import Database
from byok.ground.tables import Chatbot
from tests.cli.conftest import Byok

MODEL = "local/smollm2-135m-instruct"
COMPANY = ("--company", "northwind-labs")


@pytest.mark.skipif(not LocalModel(home=Path()).installed, reason="the built-in model is not installed")
@pytest.mark.slow  # each of its steps is quick in the files beside this one, against a server of the tests' own
@pytest.mark.timeout(240)
def test_a_key_is_tested_added_used_counted_and_deleted(byok_process: Byok, tmp_path: Path) -> None:
    home = tmp_path / "home"

    wrong = byok_process("key", "test", "--provider", "local", "--json", stdin="wrong-" + "x" * 24)
    assert (wrong.status, wrong.json["verdict"]) == (1, "rejected")
    assert len(wrong.err.splitlines()) == 1

    right = (home / "local.key").read_text()
    refused = byok_process("key", "add", *COMPANY, "--provider", "local", "--json", stdin="wrong-" + "x" * 24)
    assert (refused.status, refused.out) == (1, "")
    assert byok_process("key", "list", *COMPANY, "--json").json == []

    added = byok_process("key", "add", *COMPANY, "--provider", "local", "--label", "Mine", "--json", stdin=right)
    assert added.status == 0, added.err
    assert (added.json["verdict"], added.json["hint"]) == ("accepted", right.strip()[-4:])
    sealed = _sealed(home)

    chat = byok_process("chat", *COMPANY, "--model", f"byok:{MODEL}", "--max-tokens", "24", "Say hello to Ada.")
    assert chat.status == 0, chat.err
    assert chat.out.strip()
    assert chat.err.startswith(f"Your key · Local (llama.cpp) …{right.strip()[-4:]} · ")
    own = byok_process("usage", *COMPANY, "--json").json
    assert [(row["provider"], row["byok"]["requests"]) for row in own["rows"]] == [("local", 1)]
    assert own["total"]["plan"]["messages"] == own["allowance"]["used"] == 0

    plan = byok_process("chat", *COMPANY, "--model", f"plan:{MODEL}", "--max-tokens", "8", "--json", "Say hello.")
    assert plan.status == 0, plan.err
    assert plan.json["text"]
    assert plan.json["status"] == "complete"
    assert plan.json["usage"]["tokens_out"] == 8
    both = byok_process("usage", *COMPANY, "--json").json
    assert (both["total"]["byok"]["requests"], both["total"]["plan"]["messages"]) == (1, 1)
    assert both["allowance"]["used"] == 1

    _make_it_a_chatbots_default(home)
    deleted = byok_process("key", "delete", *COMPANY, "Mine", "--json")
    assert deleted.status == 0, deleted.err
    assert (deleted.json["erased"], deleted.json["chatbots"]) == (True, ["Plain Words"])
    assert [row["model"] for row in byok_process("models", *COMPANY, "--json").json] == [f"plan:{MODEL}"]
    gone = byok_process("chat", *COMPANY, "--model", f"byok:{MODEL}", "Still there?")
    assert (gone.status, gone.out) == (1, "")
    files = {file.name: file.read_bytes() for file in home.iterdir() if file.name.startswith("byok.sqlite3")}
    assert files
    for secret in (*sealed, right.strip().encode()):
        assert [name for name, content in files.items() if secret in content] == []


def _sealed(home: Path) -> tuple[bytes, bytes]:
    """The sealed key and the sealed data key, found in the file that they must later be gone from."""
    database = Database(f"sqlite:///{home / 'byok.sqlite3'}")
    with database.engine.connect() as connection:
        ciphertext, data_key = connection.exec_driver_sql("SELECT ciphertext, data_key FROM api_key").one()
    database.close()
    written = b"".join(file.read_bytes() for file in home.iterdir() if file.name.startswith("byok.sqlite3"))
    assert ciphertext in written
    assert data_key in written
    return ciphertext, data_key


def _make_it_a_chatbots_default(home: Path) -> None:
    database = Database(f"sqlite:///{home / 'byok.sqlite3'}")
    with database.write() as session:
        session.exec(select(Chatbot).where(Chatbot.name == "Plain Words")).one().model = f"byok:{MODEL}"
    database.close()
