"""The built-in provider's key, walked as a person walks it: against the real server, on loopback."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from byok.core.local_model import MODEL_ID
from byok.core.model_names import ModelName
from byok.ground.db import Database
from byok.ground.errors import InvalidInputError
from byok.ground.tables import ModelMenu
from byok.services.model_menus import LIFE
from tests.services.key_world import KeyWorld, absent_model, fresh_key

OWN = ModelName("byok", "local", MODEL_ID)


@pytest.fixture
def real(db: Database, tmp_path: Path) -> Iterator[KeyWorld]:
    world = KeyWorld(db, home=tmp_path, network=True)
    if not world.local.installed:
        pytest.skip(world.local.missing)
    yield world
    world.close()


def test_a_wrong_key_for_the_built_in_model_is_rejected_and_the_right_one_opens_it(real: KeyWorld) -> None:
    wrong, rejected = real.test_pasted(fresh_key("local"), "local")
    right, accepted = real.test_pasted(real.local.key.get_secret_value(), "local")

    assert (rejected.verdict, accepted.verdict) == ("rejected", "accepted")
    with pytest.raises(InvalidInputError):
        real.keys.save_draft(real.ada, wrong, untested=True)
    view = real.keys.save_draft(real.ada, right, label="Built-in")
    assert (view.readable, view.models_open) == (True, 1)
    choice = real.models.menu(real.max).find(OWN)
    assert choice is not None
    assert (choice.group, choice.key_label) == ("Your key · Local (llama.cpp)", "Built-in")


def test_who_only_looks_does_not_have_the_built_in_model_started_again(real: KeyWorld) -> None:
    draft, _ = real.test_pasted(real.local.key.get_secret_value(), "local")
    real.keys.save_draft(real.ada, draft, label="Built-in")
    (before,) = real.rows(ModelMenu)
    real.clock.pass_(2 * LIFE)

    assert real.models.menu(real.max).find(OWN) is not None
    real.settle()

    assert real.rows(ModelMenu) == [before]


def test_without_its_packages_a_key_for_it_cannot_be_proven_and_the_test_says_why(db: Database, tmp_path: Path) -> None:
    world = KeyWorld(db, home=tmp_path, local=absent_model(tmp_path))

    _, finding = world.test_pasted(fresh_key("local"), "local")

    assert (finding.verdict, finding.detail) == ("unreachable", world.local.missing)
    world.close()
