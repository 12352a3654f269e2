from __future__ import annotations

import dataclasses
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from pydantic import SecretStr

from byok.ground.db import Database
from byok.ground.errors import (
    ByokError,
    InvalidInputError,
    NotAllowedError,
    NotFoundError,
    ProPlanNeededError,
)
from byok.ground.tables import ApiKey, Chatbot, Erasure, KeyDraft, ModelMenu
from byok.ground.tables.keys import VerdictColumns
from byok.services.access import Actor
from byok.services.key_tests import KeyTester
from byok.services.key_use import KeyUse
from byok.services.keys import Keys
from tests.services.key_world import KeyWorld, fresh_key, fresh_master_keys

Call = Callable[[Keys, Actor, UUID], object]

# Every call that names a saved key; `draft` stands for the calls about drafts, which have tests of their own.
CALLS: dict[str, Call] = {
    "draft": lambda keys, actor, key_id: keys.draft(
        actor, provider_id="openai", pasted=SecretStr(fresh_key()), replaces=key_id
    ),
    "test": lambda keys, actor, key_id: keys.test(actor, key_id),
    "make_default": lambda keys, actor, key_id: keys.make_default(actor, key_id),
    "rename": lambda keys, actor, key_id: keys.rename(actor, key_id, label="New"),
    "stored": lambda keys, actor, key_id: keys.stored(actor, key_id),
    "used_by": lambda keys, actor, key_id: keys.used_by(actor, key_id),
    "delete": lambda keys, actor, key_id: keys.delete(actor, key_id),
}
OF_THE_COMPANY: dict[str, Call] = {
    "list": lambda keys, actor, _: keys.list(actor),
    "erasing": lambda keys, actor, _: keys.erasing(actor),
}
ON_ANY_PLAN = ("used_by", "delete", "list", "erasing")


@pytest.mark.parametrize("call", [*CALLS, *OF_THE_COMPANY])
def test_members_may_do_nothing_with_keys(world: KeyWorld, call: str) -> None:
    key = world.saved()

    with pytest.raises(NotAllowedError):
        (CALLS | OF_THE_COMPANY)[call](world.keys, world.max, key.id)


@pytest.mark.parametrize("call", CALLS)
def test_another_companys_key_is_not_found(world: KeyWorld, call: str) -> None:
    key = world.saved()

    with pytest.raises(NotFoundError):
        CALLS[call](world.keys, world.eve, key.id)
    assert len(world.rows(ApiKey)) == 1


def test_another_company_sees_none_of_the_keys(world: KeyWorld) -> None:
    world.saved()

    assert world.keys.list(world.eve) == []


@pytest.mark.parametrize("call", [*CALLS, *OF_THE_COMPANY])
def test_after_a_downgrade_keys_can_be_listed_and_deleted_and_nothing_else(world: KeyWorld, call: str) -> None:
    key = world.saved()
    world.set_plan("basic")
    run = (CALLS | OF_THE_COMPANY)[call]

    if call in ON_ANY_PLAN:
        run(world.keys, world.ada, key.id)
    else:
        with pytest.raises(ProPlanNeededError):
            run(world.keys, world.ada, key.id)


def test_keys_are_listed_by_provider_with_the_default_one_first(world: KeyWorld) -> None:
    world.keys.save_draft(world.ada, world.paste(fresh_key("groq"), "groq"), label="G", untested=True)
    world.saved("A")
    spare = world.saved("B")
    world.keys.make_default(world.ada, spare.id)

    assert [key.label for key in world.keys.list(world.ada)] == ["B", "A", "G"]


def test_making_a_key_the_default_makes_the_one_before_a_spare(any_world: KeyWorld) -> None:
    any_world.saved("A")
    spare = any_world.saved("B")

    view = any_world.keys.make_default(any_world.ada, spare.id)

    assert view.is_default
    assert {key.label: key.is_default for key in any_world.rows(ApiKey)} == {"A": False, "B": True}


def test_deleting_the_default_key_promotes_no_other(any_world: KeyWorld) -> None:
    first = any_world.saved("A")
    any_world.saved("B")

    any_world.keys.delete(any_world.ada, first.id)

    assert [(key.label, key.is_default) for key in any_world.rows(ApiKey)] == [("B", False)]
    assert any_world.saved("C").is_default is False


def test_renaming_changes_the_label(world: KeyWorld) -> None:
    world.saved("A")
    other = world.saved("B")

    assert world.keys.rename(world.ada, other.id, label="  Research   team ").label == "Research team"
    with pytest.raises(InvalidInputError):
        world.keys.rename(world.ada, other.id, label="a")


def test_testing_again_stores_the_newest_verdict(any_world: KeyWorld) -> None:
    world = any_world
    key = world.saved(models=["gpt-5.4-mini"])
    world.openai_lists("gpt-5.4-mini", "gpt-5.4")

    finding = world.keys.test(world.ada, key.id)

    [view] = world.keys.list(world.ada)
    assert (finding.verdict, view.verdict, view.models_open) == ("accepted", "accepted", 2)
    assert len(world.rows(ModelMenu)[0].models) == 2


@pytest.mark.parametrize("status", [401, 429, 500])
def test_a_failed_test_changes_nothing_of_a_saved_key_but_its_verdict(world: KeyWorld, status: int) -> None:
    key = world.saved()
    [before], menus = world.rows(ApiKey), world.rows(ModelMenu)
    world.openai_says(status, {"code": "invalid_api_key", "message": "Incorrect API key provided."})

    finding = world.keys.test(world.ada, key.id)

    [after] = world.rows(ApiKey)
    verdict = set(VerdictColumns.model_fields)
    assert after.model_dump(exclude=verdict) == before.model_dump(exclude=verdict)
    assert (after.verdict, after.models_open) == (finding.verdict, before.models_open)
    assert after.verdict != "accepted"
    assert world.rows(ModelMenu) == menus


def test_a_verdict_about_a_secret_that_was_replaced_meanwhile_is_dropped(world: KeyWorld) -> None:
    key = world.saved()
    [asked_about] = world.rows(ApiKey)
    draft = world.keys.draft(world.ada, provider_id="openai", pasted=SecretStr(fresh_key()), replaces=key.id)
    world.keys.save_draft(world.ada, draft.id, untested=True)
    world.settle()
    use = KeyUse(catalogue=world.catalogue, vault=world.vault, local=world.local)
    tester = KeyTester(db=world.db, use=use, wire=world.wire, loop=world.loop, clock=world.clock)
    world.openai_rejects()

    finding = tester.check(asked_about)
    with world.db.write() as session:
        assert tester.note(session, asked_about, finding) is None

    assert finding.verdict == "rejected"
    assert world.rows(ApiKey)[0].verdict is None


def test_a_key_under_a_lost_master_key_is_listed_as_to_be_entered_again(
    world: KeyWorld, db: Database, tmp_path: Path
) -> None:
    key = world.saved()
    later = KeyWorld(db, home=tmp_path, master_keys=fresh_master_keys())

    [view] = later.keys.list(later.ada)

    assert (view.readable, view.status) == (False, "needs to be entered again")
    assert later.keys.test(later.ada, key.id).verdict == "unreadable"
    assert len(later.router.calls) == 0
    assert later.keys.delete(later.ada, key.id).erased
    later.close()


def test_a_key_is_never_sent_to_an_address_that_it_was_not_entered_for(
    world: KeyWorld, db: Database, tmp_path: Path
) -> None:
    key = world.saved()
    overlay = tmp_path / "own.toml"
    overlay.write_text('[openai]\nbase_url = "https://elsewhere.example/v1"\n')
    moved = KeyWorld(db, home=tmp_path, overlay=overlay)
    moved.vault = world.vault

    finding = moved.keys.test(moved.ada, key.id)

    assert finding.verdict == "unreadable"
    assert len(moved.router.calls) == 0
    assert moved.keys.list(moved.ada)[0].readable is False
    moved.close()


def test_a_key_whose_provider_left_the_catalogue_is_listed_and_can_be_deleted(
    world: KeyWorld, db: Database, tmp_path: Path
) -> None:
    overlay = tmp_path / "own.toml"
    overlay.write_text('[acme]\nname = "Acme"\nbase_url = "https://api.acme.example/v1"\n')
    before = KeyWorld(db, home=tmp_path, overlay=overlay)
    draft_id = before.paste(fresh_key(), "acme")
    key = before.keys.save_draft(before.ada, draft_id, untested=True)
    before.settle()
    before.close()

    [view] = world.keys.list(world.ada)

    assert (view.provider_name, view.readable, view.chat) == ("acme", False, False)
    assert world.keys.test(world.ada, key.id).verdict == "unreadable"
    world.keys.delete(world.ada, key.id)
    assert world.rows(ApiKey) == []


def test_what_is_shown_of_a_stored_key_opens_nothing(world: KeyWorld) -> None:
    secret = fresh_key()
    key = world.saved(key=secret)
    [row] = world.rows(ApiKey)

    stored = world.keys.stored(world.ada, key.id)

    assert (stored.master_key_id, stored.nonce, stored.bound_to) == ("t1", row.nonce.hex(), "https://api.openai.com")
    shown = repr(stored) + repr(world.keys.list(world.ada))
    for hidden in (secret, row.ciphertext.hex(), row.data_key.hex(), row.data_key_nonce.hex()):
        assert hidden not in shown


def test_views_have_no_field_for_sealed_bytes(world: KeyWorld) -> None:
    view: Any = world.saved()

    assert not {field.name for field in dataclasses.fields(view)} & {"ciphertext", "data_key", "fingerprint", "nonce"}


def test_deleting_leaves_no_byte_of_the_key_in_any_file(world: KeyWorld) -> None:
    key = world.saved()
    replacing = world.keys.draft(world.ada, provider_id="openai", pasted=SecretStr(fresh_key()), replaces=key.id)
    [row], [draft] = world.rows(ApiKey), world.rows(KeyDraft)
    assert row.ciphertext in world.files()

    result = world.keys.delete(world.ada, key.id)

    assert result.erased
    left = world.files()
    for gone in (row.ciphertext, row.data_key, draft.ciphertext, draft.data_key):
        assert gone not in left
    assert (world.rows(KeyDraft), world.rows(ModelMenu), world.rows(Erasure)) == ([], [], [])
    with pytest.raises(NotFoundError):
        world.keys.save_draft(world.ada, replacing.id, untested=True)


def test_deleting_leaves_nothing_whatever_page_of_the_file_the_key_stood_on(world: KeyWorld) -> None:
    for number in range(24):
        world.keys.save_draft(world.ada, world.paste(fresh_key()), label=f"Key {number}", untested=True)
    world.settle()
    gone, kept = world.rows(ApiKey)[::2], world.rows(ApiKey)[1::2]

    for key in gone:
        world.keys.delete(world.ada, key.id)

    left = world.files()
    assert [key.label for key in gone if key.ciphertext in left or key.data_key in left] == []
    assert [key.label for key in kept if key.ciphertext not in left] == []


def test_two_first_keys_saved_at_once_give_one_default(any_world: KeyWorld) -> None:
    world = any_world
    world.openai_lists()
    drafts = [world.paste(fresh_key()) for _ in range(4)]

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda draft: world.keys.save_draft(world.ada, draft, untested=True), drafts))

    assert sorted(key.is_default for key in world.rows(ApiKey)) == [False, False, False, True]
    assert len({key.label for key in world.rows(ApiKey)}) == 4


def test_the_other_keys_outlive_a_deletion(any_world: KeyWorld) -> None:
    gone, kept = any_world.saved("A"), any_world.saved("B")

    any_world.keys.delete(any_world.ada, gone.id)

    assert [key.id for key in any_world.keys.list(any_world.ada)] == [kept.id]
    assert [menu.key_id for menu in any_world.rows(ModelMenu)] == [kept.id]


def test_a_deletion_is_being_erased_until_a_reader_lets_go_of_the_log(world: KeyWorld) -> None:
    key = world.saved()
    [row] = world.rows(ApiKey)
    with world.db.read() as reader:
        reader.get(ApiKey, key.id)

        result = world.keys.delete(world.ada, key.id)

        assert not result.erased
        assert world.keys.list(world.ada) == []
        assert world.keys.erasing(world.ada) == 1
        assert world.keys.erasing(world.eve) == 0
        assert world.keys.retry_erasures() is False
    assert world.keys.retry_erasures() is True
    assert world.keys.erasing(world.ada) == 0
    assert row.ciphertext not in world.files()


def test_delete_names_the_chatbots_that_use_the_key(world: KeyWorld) -> None:
    default, spare = world.saved("A"), world.saved("B")
    now = world.clock()
    bots = [
        ("By default", "byok:openai/gpt-5.4-mini", None),
        ("Pinned", "byok:openai/gpt-5.4-mini", spare.id),
        ("Other provider", "byok:groq/gpt-5.4-mini", None),
        ("Standard", "plan:openai/gpt-5.4-mini", None),
    ]
    with world.db.write() as session:
        for name, model, key_id in bots:
            session.add(
                Chatbot(
                    company_id=world.northwind, name=name, model=model, key_id=key_id, created_at=now, updated_at=now
                )
            )

    assert world.keys.used_by(world.ada, default.id) == ["By default"]
    assert world.keys.used_by(world.ada, spare.id) == ["Pinned"]


def test_a_key_that_does_not_exist_is_not_found(world: KeyWorld) -> None:
    for call in CALLS.values():
        with pytest.raises(NotFoundError):
            call(world.keys, world.ada, uuid4())


def test_no_failure_repeats_the_key(world: KeyWorld, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    secret = fresh_key()
    world.openai_says(401, {"code": "invalid_api_key", "message": f"Incorrect API key provided: {secret}."})
    draft_id, finding = world.test_pasted(secret)

    with pytest.raises(ByokError) as refused:
        world.keys.save_draft(world.ada, draft_id)

    [draft] = world.rows(KeyDraft)
    for place in (str(refused.value), repr(finding), repr(draft), caplog.text, str(draft.model_dump())):
        assert secret not in place
    assert secret.encode() not in world.files()
