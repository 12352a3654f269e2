from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from byok.ground.db import Database
from byok.ground.errors import InvalidInputError, KeyUnreadableError, NotFoundError
from byok.ground.tables import ApiKey, Erasure, KeyDraft, ModelMenu
from tests.services.key_world import KeyWorld, fresh_key, fresh_master_keys


def test_a_pasted_key_is_sealed_at_once_and_stands_in_no_file(world: KeyWorld) -> None:
    key = fresh_key()

    view = world.keys.draft(world.ada, provider_id="openai", pasted=SecretStr(key))

    [draft] = world.rows(KeyDraft)
    assert (draft.id, draft.hint, draft.origin) == (view.id, key[-4:], "https://api.openai.com")
    assert key.encode() not in world.files()
    assert draft.ciphertext in world.files()


def test_a_draft_becomes_the_row_that_it_was_sealed_for(any_world: KeyWorld) -> None:
    world = any_world
    world.openai_lists("gpt-5.4-mini")
    draft_id, _ = world.test_pasted(fresh_key())
    [draft] = world.rows(KeyDraft)

    view = world.keys.save_draft(world.ada, draft_id, label="Team key")

    [key] = world.rows(ApiKey)
    assert (key.id, key.ciphertext, key.nonce) == (draft.key_id, draft.ciphertext, draft.nonce)
    assert (view.id, view.label, view.is_default, view.added_by, view.readable) == (
        draft.key_id,
        "Team key",
        True,
        "Ada",
        True,
    )
    assert world.rows(KeyDraft) == []


def test_a_test_sends_the_sealed_key_in_its_header_and_nowhere_else(world: KeyWorld) -> None:
    key = fresh_key()
    world.openai_lists("gpt-5.4-mini")

    world.test_pasted(key)

    request = world.router.calls.last.request
    assert request.headers["Authorization"] == f"Bearer {key}"
    assert key not in str(request.url)


def test_the_verdict_is_kept_with_its_time_and_moves_to_the_saved_key(world: KeyWorld) -> None:
    world.openai_lists("gpt-5.4-mini", "text-embedding-3-small")
    draft_id, finding = world.test_pasted(fresh_key())
    tested_at = world.clock()
    world.clock.pass_(timedelta(minutes=5))

    view = world.keys.save_draft(world.ada, draft_id)

    assert (finding.verdict, view.verdict, view.proof) == ("accepted", "accepted", finding.proof)
    assert (view.tested_at, view.models_open, view.created_at) == (tested_at, 1, world.clock())


def test_saving_a_tested_key_fills_its_menu_at_once(any_world: KeyWorld) -> None:
    view = any_world.saved(models=["gpt-5.4-mini", "gpt-5.4"])

    [menu] = any_world.rows(ModelMenu)
    assert (menu.key_id, sorted(row["id"] for row in menu.models)) == (view.id, ["gpt-5.4", "gpt-5.4-mini"])


def test_a_key_that_was_not_listed_when_tested_gets_its_menu_in_the_background(world: KeyWorld) -> None:
    world.openai_lists("gpt-5.4-mini")

    world.keys.save_draft(world.ada, world.paste(fresh_key()), untested=True)
    world.settle()

    [menu] = world.rows(ModelMenu)
    assert [row["id"] for row in menu.models] == ["gpt-5.4-mini"]
    assert world.keys.list(world.ada)[0].models_open == 1


@pytest.mark.parametrize("untested", [False, True])
def test_a_rejected_key_cannot_be_saved(world: KeyWorld, untested: bool) -> None:
    world.openai_rejects()
    draft_id, finding = world.test_pasted(fresh_key())

    with pytest.raises(InvalidInputError, match="OpenAI rejected this key"):
        world.keys.save_draft(world.ada, draft_id, untested=untested)

    assert finding.verdict == "rejected"
    assert world.rows(ApiKey) == []


def test_a_key_that_was_never_tested_is_saved_only_when_that_is_asked_for(world: KeyWorld) -> None:
    draft_id = world.paste(fresh_key())

    with pytest.raises(InvalidInputError, match="save it untested"):
        world.keys.save_draft(world.ada, draft_id)

    world.openai_lists()
    view = world.keys.save_draft(world.ada, draft_id, untested=True)
    assert (view.verdict, view.status) == (None, "untested")


@pytest.mark.parametrize("trouble", [429, 500, 503, "no network"])
def test_a_provider_that_is_busy_or_down_leaves_the_choice_to_save_untested(
    world: KeyWorld, trouble: int | str
) -> None:
    if isinstance(trouble, int):
        world.openai_says(trouble)
    else:
        world.router.get("https://api.openai.com/v1/models").mock(side_effect=httpx.ConnectError)
    draft_id, finding = world.test_pasted(fresh_key())

    with pytest.raises(InvalidInputError, match="save it untested"):
        world.keys.save_draft(world.ada, draft_id)

    assert finding.verdict == ("rate_limited" if trouble == 429 else "unreachable")
    assert world.keys.save_draft(world.ada, draft_id, untested=True).verdict == finding.verdict


@pytest.mark.parametrize(
    ("status", "error", "verdict"),
    [
        (429, {"message": "You exceeded your current quota", "code": "insufficient_quota"}, "no_credit"),
        (403, {"message": "Missing scopes: api.model.read"}, "limited"),
    ],
)
def test_a_living_key_with_limits_is_saved_plainly(
    world: KeyWorld, status: int, error: dict[str, str], verdict: str
) -> None:
    world.openai_says(status, error)
    draft_id, _ = world.test_pasted(fresh_key())

    assert world.keys.save_draft(world.ada, draft_id).verdict == verdict


def test_the_first_key_of_a_provider_is_the_default_and_later_ones_are_spare(world: KeyWorld) -> None:
    first, second = world.saved(), world.saved()

    assert (first.is_default, second.is_default) == (True, False)


def test_a_key_that_is_kept_already_is_recognised_by_its_label(any_world: KeyWorld) -> None:
    key = fresh_key()
    any_world.saved("Team key", key=key)

    again = any_world.keys.draft(any_world.ada, provider_id="openai", pasted=SecretStr(f"  {key}\n"))

    assert again.duplicate_of == "Team key"


def test_a_company_does_not_learn_that_another_has_the_same_key(world: KeyWorld) -> None:
    key = fresh_key()
    world.saved("Team key", key=key)

    theirs = world.keys.draft(world.eve, provider_id="openai", pasted=SecretStr(key))

    assert theirs.duplicate_of is None
    assert world.rows(KeyDraft)[0].fingerprint != world.rows(ApiKey)[0].fingerprint


def test_the_shape_of_another_providers_key_is_a_hint_and_no_gate(world: KeyWorld) -> None:
    foreign = world.keys.draft(world.ada, provider_id="openai", pasted=SecretStr(fresh_key("groq")))
    fitting = world.keys.draft(world.ada, provider_id="groq", pasted=SecretStr(fresh_key("groq")))

    assert (foreign.looks_like, fitting.looks_like) == ("Groq", None)


def test_an_admin_key_is_warned_about(world: KeyWorld) -> None:
    pasted = SecretStr("sk-admin-" + "x" * 30)

    assert "admin key" in (world.keys.draft(world.ada, provider_id="openai", pasted=pasted).warning or "")


@pytest.mark.parametrize("inside", [" ", "\n", "\x00", "é"])
def test_a_paste_that_cannot_be_a_key_is_refused_without_repeating_it(world: KeyWorld, inside: str) -> None:
    key = fresh_key()

    with pytest.raises(InvalidInputError) as refused:
        world.paste(key[:20] + inside + key[20:])

    assert key[:20] not in str(refused.value)
    assert world.rows(KeyDraft) == []


def test_a_label_that_looks_like_a_key_is_refused_and_not_repeated(world: KeyWorld) -> None:
    key = fresh_key()
    world.openai_lists()
    draft_id, _ = world.test_pasted(key)

    with pytest.raises(InvalidInputError) as refused:
        world.keys.save_draft(world.ada, draft_id, label=key)

    assert refused.value.field == "label"
    assert key not in str(refused.value)


def test_the_keys_own_secret_is_refused_as_its_label_whatever_its_shape(world: KeyWorld) -> None:
    secret = fresh_key("local")
    draft_id = world.paste(secret, "local")

    with pytest.raises(InvalidInputError, match="looks like a key"):
        world.keys.save_draft(world.ada, draft_id, label=secret, untested=True)


def test_a_label_is_made_up_where_none_is_given(world: KeyWorld) -> None:
    assert [world.saved().label, world.saved().label] == ["OpenAI key", "OpenAI key 2"]


def test_two_keys_of_a_provider_cannot_have_one_label(world: KeyWorld) -> None:
    world.saved("Team")

    with pytest.raises(InvalidInputError, match="has that label"):
        world.saved(" team ")


def test_replacing_keeps_the_row_its_label_its_default_flag_and_its_pins(any_world: KeyWorld) -> None:
    world = any_world
    old = world.saved("Team key")
    [before] = world.rows(ApiKey)
    new_secret = fresh_key()

    draft = world.keys.draft(world.ada, provider_id="openai", pasted=SecretStr(new_secret), replaces=old.id)
    world.keys.test_draft(world.ada, draft.id)
    new = world.keys.save_draft(world.ada, draft.id, label="ignored")

    [after] = world.rows(ApiKey)
    assert (new.id, new.label, new.is_default, new.created_at) == (old.id, "Team key", True, old.created_at)
    assert after.hint == new_secret[-4:]
    assert after.ciphertext != before.ciphertext
    assert world.router.calls.last.request.headers["Authorization"] == f"Bearer {new_secret}"


def test_replacing_leaves_no_byte_of_the_old_secret(world: KeyWorld) -> None:
    old = world.saved("Team key")
    [before] = world.rows(ApiKey)

    draft = world.keys.draft(world.ada, provider_id="openai", pasted=SecretStr(fresh_key()), replaces=old.id)
    world.keys.save_draft(world.ada, draft.id, untested=True)

    assert before.ciphertext not in world.files()
    assert world.keys.erasing(world.ada) == 0


def test_a_failed_replacement_leaves_the_saved_key_alone(world: KeyWorld) -> None:
    old = world.saved("Team key")
    before = world.rows(ApiKey)
    world.openai_rejects()

    draft = world.keys.draft(world.ada, provider_id="openai", pasted=SecretStr(fresh_key()), replaces=old.id)
    world.keys.test_draft(world.ada, draft.id)

    assert world.rows(ApiKey) == before


def test_a_key_of_one_provider_cannot_replace_one_of_another(world: KeyWorld) -> None:
    old = world.saved("Team key")

    with pytest.raises(InvalidInputError):
        world.keys.draft(world.ada, provider_id="groq", pasted=SecretStr(fresh_key("groq")), replaces=old.id)


def test_a_draft_is_gone_after_an_hour_and_its_bytes_with_it(world: KeyWorld) -> None:
    draft_id = world.paste(fresh_key())
    [draft] = world.rows(KeyDraft)
    world.clock.pass_(timedelta(hours=1))

    with pytest.raises(NotFoundError):
        world.keys.test_draft(world.ada, draft_id)

    assert world.keys.retry_erasures() is True
    assert world.rows(KeyDraft) == []
    assert draft.ciphertext not in world.files()


def test_a_draft_that_still_has_time_is_left_alone(world: KeyWorld) -> None:
    world.paste(fresh_key())
    world.clock.pass_(timedelta(minutes=59))

    world.keys.retry_erasures()

    assert len(world.rows(KeyDraft)) == 1


def test_a_discarded_draft_leaves_no_bytes(world: KeyWorld) -> None:
    draft_id = world.paste(fresh_key())
    [draft] = world.rows(KeyDraft)

    world.keys.discard_draft(world.ada, draft_id)

    assert draft.ciphertext not in world.files()
    assert world.rows(Erasure) == []


def test_nobody_else_can_test_save_or_discard_a_draft(world: KeyWorld) -> None:
    draft_id = world.paste(fresh_key())

    for other in (world.eve, world.operator):
        with pytest.raises(NotFoundError):
            world.keys.test_draft(other, draft_id)
        with pytest.raises(NotFoundError):
            world.keys.save_draft(other, draft_id, untested=True)
        with pytest.raises(NotFoundError):
            world.keys.discard_draft(other, draft_id)


def test_the_operator_adds_keys_without_a_persons_name(world: KeyWorld) -> None:
    world.openai_lists()
    draft_id = world.paste(fresh_key(), by=world.operator)

    assert world.keys.save_draft(world.operator, draft_id, untested=True).added_by == ""


def test_a_draft_under_a_lost_master_key_is_unreadable_and_cannot_be_saved(
    world: KeyWorld, db: Database, tmp_path: Path
) -> None:
    draft_id = world.paste(fresh_key())
    later = KeyWorld(db, home=tmp_path, master_keys=fresh_master_keys())

    finding = later.keys.test_draft(later.ada, draft_id)

    assert finding.verdict == "unreadable"
    with pytest.raises(KeyUnreadableError):
        later.keys.save_draft(later.ada, draft_id, untested=True)
    assert len(later.router.calls) == 0
    later.close()


def test_keys_can_be_entered_again_after_the_master_key_was_lost(world: KeyWorld, db: Database, tmp_path: Path) -> None:
    old, secret = world.saved("Team key"), fresh_key()
    later = KeyWorld(db, home=tmp_path, master_keys=fresh_master_keys(), clock=world.clock)
    later.openai_lists("gpt-5.4-mini")

    draft = later.keys.draft(later.ada, provider_id="openai", pasted=SecretStr(secret), replaces=old.id)
    later.keys.test_draft(later.ada, draft.id)

    assert later.keys.save_draft(later.ada, draft.id).readable
    again = later.keys.draft(later.ada, provider_id="openai", pasted=SecretStr(secret))
    assert again.duplicate_of == "Team key"
    later.close()


def test_an_anthropic_key_is_tested_and_kept(world: KeyWorld) -> None:
    key = fresh_key("anthropic")
    world.router.get(url=re.compile(r"https://api\.anthropic\.com/v1/models.*")).respond(
        json={"data": [{"id": "claude-x", "type": "model"}], "has_more": False}
    )
    draft_id, finding = world.test_pasted(key, "anthropic")

    view = world.keys.save_draft(world.ada, draft_id, label="Claude")

    assert (finding.verdict, view.chat) == ("accepted", False)
    assert world.router.calls[0].request.headers["x-api-key"] == key
