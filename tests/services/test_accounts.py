"""Companies and people, on both databases."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from byok.ground.db import Database
from byok.ground.errors import InvalidInputError, NotFoundError
from byok.services.passwords import matches
from tests.services.door_world import PASSWORD, DoorWorld


@pytest.fixture
def world(any_db: Database, tmp_path: Path) -> DoorWorld:
    made = DoorWorld(any_db, home=tmp_path)
    made.acme()
    return made


def test_a_company_is_listed_with_its_plan_and_people(world: DoorWorld) -> None:
    (company,) = world.accounts.companies()
    assert (company.slug, company.name, company.plan.id, company.people, company.sample) == (
        "acme",
        "Acme",
        "pro",
        1,
        False,
    )


@pytest.mark.parametrize("slug", ["", "Acme", "a b", "-acme", "acme-", "a--b", "ä", "a/b", "x" * 65])
def test_a_slug_that_cannot_stand_in_an_address_is_refused(world: DoorWorld, slug: str) -> None:
    with pytest.raises(InvalidInputError, match="cannot name a company"):
        world.accounts.add_company(slug=slug, name="Any", plan="pro")


def test_a_slug_is_given_once(world: DoorWorld) -> None:
    with pytest.raises(InvalidInputError, match="already"):
        world.accounts.add_company(slug="acme", name="Another", plan="basic")


def test_a_plan_that_does_not_exist_is_refused_with_those_that_do(world: DoorWorld) -> None:
    with pytest.raises(InvalidInputError, match="free_trial, basic, pro"):
        world.accounts.add_company(slug="new", name="New", plan="gold")


def test_a_company_moves_to_another_plan(world: DoorWorld) -> None:
    assert world.accounts.set_plan("acme", "basic").plan.id == "basic"
    assert world.accounts.company("acme").plan.id == "basic"


def test_a_company_that_does_not_exist_is_named_in_the_error(world: DoorWorld) -> None:
    with pytest.raises(NotFoundError, match="'nobody'"):
        world.accounts.company("nobody")


def test_a_password_is_kept_as_a_bcrypt_hash(world: DoorWorld) -> None:
    found = world.accounts.credential("alice")
    assert found is not None
    assert found[1].startswith("$2b$")
    assert matches(PASSWORD, found[1])
    assert not matches(SecretStr("wrong horse"), found[1])


def test_a_password_of_73_bytes_is_refused_and_not_cut(world: DoorWorld) -> None:
    with pytest.raises(InvalidInputError, match="at most 72 bytes; this one has 73"):
        _add(world, SecretStr("é" * 36 + "x"))
    assert len(world.accounts.people("acme")) == 1


def test_a_password_of_72_bytes_is_taken(world: DoorWorld) -> None:
    _add(world, SecretStr("äöüéåø" * 6))
    assert world.accounts.credential("bob") is not None


def test_a_password_of_nine_characters_is_refused(world: DoorWorld) -> None:
    with pytest.raises(InvalidInputError, match="at least 10"):
        _add(world, SecretStr("tin plate"))


def test_no_refusal_repeats_the_password(world: DoorWorld) -> None:
    for typed in ("hunter2", "hunter2" * 20):
        with pytest.raises(InvalidInputError) as refused:
            _add(world, SecretStr(typed))
        assert typed not in str(refused.value)


def test_a_username_is_given_once_in_the_whole_house(world: DoorWorld) -> None:
    world.accounts.add_company(slug="other", name="Other", plan="basic")
    with pytest.raises(InvalidInputError, match="taken"):
        world.accounts.add_person(company="other", username=" ALICE ", name="", role="member", password=PASSWORD)


@pytest.mark.parametrize("username", ["", "a b", ".a", "ä", "x" * 65])
def test_a_username_that_cannot_be_typed_is_refused(world: DoorWorld, username: str) -> None:
    with pytest.raises(InvalidInputError, match="cannot be a username"):
        world.accounts.add_person(company="acme", username=username, name="", role="member", password=PASSWORD)


def test_a_username_is_found_whatever_its_case(world: DoorWorld) -> None:
    assert world.accounts.credential(" Alice") is not None


def test_a_disabled_person_has_no_credential_and_is_still_listed(world: DoorWorld) -> None:
    assert world.accounts.disable("alice").disabled
    assert world.accounts.credential("alice") is None
    assert [person.disabled for person in world.accounts.people("acme")] == [True]
    assert world.accounts.company("acme").people == 0


def test_disabling_twice_changes_nothing(world: DoorWorld) -> None:
    world.accounts.disable("alice")
    assert world.accounts.disable("alice").disabled


def test_nobody_of_an_unknown_name_is_disabled(world: DoorWorld) -> None:
    with pytest.raises(NotFoundError, match="'zoe'"):
        world.accounts.disable("zoe")


def _add(world: DoorWorld, password: SecretStr) -> None:
    world.accounts.add_person(company="acme", username="bob", name="Bob", role="member", password=password)
