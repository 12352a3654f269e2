"""Threat 9: a key driven through every failure is found nowhere after: logs, errors, files, views, CSV, pages.

All loggers are heard at DEBUG, and each form counts in which a key could turn up: plain, base64, hex, URL, JSON.
"""

# ruff: noqa: F401, F811 - fixtures are shared with other files

from __future__ import annotations

import base64
import json
import random
import secrets
import string
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from urllib.parse import quote, quote_plus

import pytest
import sqlalchemy as sa
from pydantic import SecretStr

from byok.core import ledger, sealing
from byok.core.job import Job
from byok.core.key_auth import KeyAuth
from byok.core.master_keys import load_master_keys
from byok.core.model_names import ModelName
from byok.core.redaction import mask
from byok.core.wire import ChatCall
from byok.ground.clock import utc_now
from byok.ground.tables import ApiKey, KeyDraft
from byok.process import Workbench
from byok.services.chatbots import ChatbotFields
from byok.services.key_use import place_of
from byok.services.key_views import KeyView
from tests.canary import FAILURES, Canary, ear, told
from tests.security.canary_world import MODEL, PROVIDERS, Mine, holder, mine, paste_on_page, patience, plain
from tests.security.conftest import Tally
from tests.security.threats import at_scale
from tests.seeded import settings_of

pytestmark = pytest.mark.threat(9)

QUICK = [failure for failure in FAILURES if failure not in ("none", "timeout")]


@pytest.mark.parametrize("plain", [False, True], ids=["odd characters", "letters and digits"])
@pytest.mark.parametrize(
    ("failure", "patience"), [(failure, 2.0 if failure == "timeout" else 30.0) for failure in FAILURES]
)
def test_a_key_whose_provider_repeats_it_in_a_failure_is_found_nowhere(mine: Mine, failure: str, tally: Tally) -> None:
    bench, ada, provider = mine.bench, mine.ada, mine.provider
    key = mine.saved()
    bench.chatbots.create(ada, ChatbotFields(name="Support", model=MODEL))
    provider.failure = failure
    mine.try_(lambda: bench.keys.test(ada, key.id))
    mine.try_(lambda: bench.key_check.check(provider_id="openai", pasted=SecretStr(mine.canary.key)))
    if failure != "timeout":
        mine.try_(lambda: bench.models.refresh(ada, key.id))
    mine.look_around(mine.ask())
    assert any("chat/completions" in path for path in provider.asked)
    assert {"streamlit", "sqlalchemy"} <= mine.ear.names()
    mine.assert_silent(tally)


@pytest.mark.slow
@pytest.mark.parametrize("plain", [False, True], ids=["odd characters", "letters and digits"])
@pytest.mark.parametrize("provider_id", PROVIDERS)
def test_no_provider_gets_a_key_into_anything_by_any_failure(mine: Mine, provider_id: str, tally: Tally) -> None:
    bench, ada, provider = mine.bench, mine.ada, mine.provider
    key = mine.saved_untested(provider_id)
    for failure in QUICK:
        provider.failure = failure
        asked = len(provider.asked)
        mine.try_(lambda: bench.keys.test(ada, key.id))
        mine.try_(lambda: bench.key_check.check(provider_id=provider_id, pasted=SecretStr(mine.canary.key)))
        mine.try_(lambda: bench.models.refresh(ada, key.id))
        mine.ask(ModelName("byok", provider_id, MODEL.model))
        assert len(provider.asked) - asked >= 3
    assert mine.canary.key in provider.keys  # it was there to be repeated
    mine.assert_silent(tally, tries=4 * len(QUICK))


@pytest.mark.parametrize(
    ("failure", "verdict"),
    [("none", "accepted"), ("rejected", "rejected"), ("outage", "unreachable"), ("a gateway's page", "unreachable")],
)
def test_a_key_pasted_and_tested_on_the_page_is_found_nowhere(
    mine: Mine, failure: str, verdict: str, tally: Tally
) -> None:
    mine.provider.failure = failure
    tab = paste_on_page(mine, mine.canary.key)
    assert [draft.verdict for draft in mine.front.rows(KeyDraft)] == [verdict]
    mine.look(tab.run())
    mine.seen.append(repr(tab))  # with all of its session state
    mine.assert_silent(tally)


def test_a_database_error_does_not_repeat_the_key(mine: Mine, tally: Tally) -> None:
    key = mine.saved()
    spoil_table(mine, "key_draft")
    with pytest.raises(sa.exc.DBAPIError) as failed:
        mine.paste()
    mine.seen.append(told(failed.value))
    spoil_table(mine, "attempt")
    mine.ask()
    mine.try_(lambda: mine.bench.keys.test(mine.ada, key.id))
    mine.assert_silent(tally)


def test_an_exception_inside_a_page_run_does_not_repeat_the_key(mine: Mine, tally: Tally) -> None:
    spoil_table(mine, "key_draft")
    tab = paste_on_page(mine, mine.canary.key)
    assert any("key_draft" in heard for name, heard in mine.ear.heard if name.startswith("streamlit"))
    mine.look(tab.run())
    mine.assert_silent(tally)


def test_a_key_that_does_not_open_inside_the_request_says_so_and_nothing_else(mine: Mine, tally: Tally) -> None:
    key = mine.saved()
    reseal(mine, key, (mine.canary.key + "\xff").encode("latin-1"))
    finding = mine.bench.keys.test(mine.ada, key.id)
    mine.seen.append(repr(finding))
    assert finding.verdict == "unreadable"
    mine.try_(lambda: mine.bench.models.refresh(mine.ada, key.id))
    mine.look_around(mine.ask())
    mine.assert_silent(tally)


def test_an_unforeseen_exception_inside_the_request_is_reported_without_its_words(mine: Mine, tally: Tally) -> None:
    provider = mine.bench.catalogue.get("openai")

    def open_key() -> str:
        raise RuntimeError(f"could not write {mine.canary.key}")

    auth = KeyAuth(open_key, header="Authorization", prefix="Bearer ")
    mine.seen.append(repr(auth))
    call = ChatCall(provider=provider, base_url=provider.base_url, model=MODEL.model, messages=[], auth=auth)
    with mine.bench.db.write_core() as connection:
        attempt_id = ledger.reserve(
            connection,
            company_id=mine.ada.company_id,
            process_id=mine.bench.runner.enlist(),
            name=MODEL,
            at=utc_now(),
            plan_messages=0,
        )
    live = mine.bench.runner.submit(Job(attempt_id, mine.ada.company_id, call))
    assert live.wait_end(timeout=20)
    mine.seen += [repr(live.snapshot()), repr(live.outcome)]
    assert any("RuntimeError" in heard for _, heard in mine.ear.heard)
    mine.look_around()
    mine.assert_silent(tally)


def test_a_deleted_key_is_found_nowhere_either(mine: Mine, tally: Tally) -> None:
    key = mine.saved()
    row = mine.front.rows(ApiKey)[0]
    mine.seen.append(repr(row))
    assert mine.bench.keys.delete(mine.ada, key.id).erased
    assert not any(row.ciphertext in path.read_bytes() for path in mine.files())
    mine.assert_silent(tally)


def test_the_migrations_of_a_first_start_are_heard_too(tmp_path: Path) -> None:
    with ear() as listening:
        Workbench.open(settings_of(tmp_path / "home", demo=False), what="command").close()
    assert {"sqlalchemy", "alembic"} <= listening.names()


@pytest.mark.parametrize("form", ["plain", "base64", "hex", "URL", "JSON"])
def test_the_canary_itself_is_heard_in_every_form(form: str) -> None:
    canary = Canary()
    written = {
        "plain": f"Bearer {canary.key}",
        "base64": base64.b64encode(f"Basic {canary.key}".encode()).decode(),
        "hex": canary.key.encode().hex(),
        "URL": quote_plus(canary.key),
        "JSON": json.dumps({"key": canary.key}),
    }[form]
    assert canary.sings_in(written)
    assert not canary.sings_in(f"a key that ends in {canary.key[-4:]}")


def spoil_table(mine: Mine, name: str) -> None:
    """Renames a table, so that the next statement on it fails."""
    with mine.bench.db.write_core() as connection:
        connection.exec_driver_sql(f"ALTER TABLE {name} RENAME TO {name}_gone")


def reseal(mine: Mine, key: KeyView, plain: bytes) -> None:
    """Puts other bytes into the row, sealed under its own data key."""
    with mine.bench.db.write() as session:
        row = session.get_one(ApiKey, key.id)
        master_keys = load_master_keys(mine.bench.settings)
        data_key = sealing.unlock_data_key(master_keys, row, sealing.place_context(place_of(row)))
        row.ciphertext, row.nonce = sealing.lock(data_key, plain)
        session.add(row)


ALNUM = string.ascii_letters + string.digits
SHAPES: Mapping[str, Callable[[Callable[..., str]], str]] = MappingProxyType(
    {
        "openai": lambda some: "sk-" + "proj-" + some(48, "-_"),
        "anthropic": lambda some: "sk-" + "ant-api03-" + some(93, "-_"),
        "openrouter": lambda some: "sk-" + "or-v1-" + secrets.token_hex(32),
        "groq": lambda some: "gsk" + "_" + some(52),
        "gemini": lambda some: "AI" + "za" + some(35, "-_"),
        "gemini, new": lambda some: "AQ" + "." + some(50, "-_"),
        "nvidia": lambda some: "nv" + "api-" + some(64, "-_"),
        "mistral": lambda some: some(31) + "7",  # without a prefix, a digit is what tells it from a word
        "together": lambda some: secrets.token_hex(32),
        "together, new": lambda some: "tgp" + "_v1_" + some(43, "-_"),
        "local": lambda some: "local-" + secrets.token_hex(20),
    }
)
FORMS: Mapping[str, Callable[[str], str]] = MappingProxyType(
    {
        "plain": lambda key: key,
        "base64": lambda key: base64.b64encode(key.encode()).decode(),
        "base64 of basic": lambda key: base64.b64encode(f":{key}".encode()).decode(),
        "base64 for URLs": lambda key: base64.urlsafe_b64encode(key.encode()).decode(),
        "hex": lambda key: key.encode().hex(),
        "URL": lambda key: quote(key, safe=""),
        "JSON": lambda key: json.dumps({"any": key})[9:-2],
    }
)


@at_scale(500, few=5)
@pytest.mark.parametrize("shape", SHAPES)
def test_the_second_line_masks_a_key_of_every_provider_in_every_form(shape: str, tries: int, tally: Tally) -> None:
    chance = random.Random(f"9 {shape}")  # noqa: S311 - the same keys in each run
    for _ in range(tries):
        key = SHAPES[shape](lambda count, more="": "".join(chance.choices(ALNUM + more, k=count)))
        for form, write in FORMS.items():
            written = write(key)
            masked = mask(f"it was {written} that failed")
            tally.tried()
            if any(written[at : at + 12] in masked for at in range(len(written) - 11)):
                tally.leaked(f"{shape} as {form}")
