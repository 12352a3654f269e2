from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import pytest
from pydantic import SecretStr

from byok.core.model_names import ModelName
from byok.ground.db import Database
from byok.ground.errors import InvalidInputError, KeyUnreadableError, ModelGoneError, ProPlanNeededError
from byok.services.access import Actor
from byok.services.routes import Route
from tests.services.key_world import KeyWorld, absent_model, fresh_key, fresh_master_keys

OWN = ModelName.parse("byok:openai/gpt-5.4-mini")
STANDARD = ModelName.parse("plan:openai/gpt-5.4-mini")
BUILT_IN = ModelName.parse("plan:local/smollm2-135m-instruct")


@pytest.fixture
def with_platform_key(db: Database, tmp_path: Path) -> Iterator[tuple[KeyWorld, str]]:
    secret = fresh_key()
    world = KeyWorld(db, home=tmp_path, platform_keys={"openai": SecretStr(secret)})
    yield world, secret
    world.close()


def find(world: KeyWorld, name: ModelName, *, key_id: UUID | None = None, by: Actor | None = None) -> Route:
    grant = world.grant(by or world.max)
    with world.db.read() as session:
        return world.routes.find(session, grant, name, key_id=key_id)


def header_sent(route: Route) -> str:
    """The Authorization header that the route's auth writes."""
    sent: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(200)

    with httpx.Client(transport=httpx.MockTransport(answer)) as client:
        client.get("https://example.test", auth=route.auth)
    return sent[0].headers["Authorization"]


def test_an_own_model_goes_out_with_the_default_key(any_world: KeyWorld) -> None:
    secret = fresh_key()
    key = any_world.saved("Team key", key=secret)
    any_world.saved("Spare")

    route = find(any_world, OWN)

    assert (route.key_id, route.key_label, route.key_hint) == (key.id, "Team key", secret[-4:])
    assert route.base_url == "https://api.openai.com/v1"
    assert header_sent(route) == f"Bearer {secret}"


def test_a_pinned_spare_key_is_used_and_no_other(world: KeyWorld) -> None:
    world.saved("Team key")
    secret = fresh_key()
    spare = world.saved("Spare", key=secret)

    route = find(world, OWN, key_id=spare.id)

    assert (route.key_label, header_sent(route)) == ("Spare", f"Bearer {secret}")


def test_a_pin_on_a_deleted_key_never_falls_back_to_the_default(world: KeyWorld) -> None:
    world.saved("Team key")
    spare = world.saved("Spare")
    world.keys.delete(world.ada, spare.id)

    with pytest.raises(ModelGoneError, match="deleted"):
        find(world, OWN, key_id=spare.id)


def test_without_a_default_key_a_spare_one_is_not_used(world: KeyWorld) -> None:
    default = world.saved("Team key")
    world.saved("Spare")
    world.keys.delete(world.ada, default.id)

    with pytest.raises(ModelGoneError, match="None of your OpenAI keys is the default"):
        find(world, OWN)


def test_without_any_key_an_own_model_is_gone(world: KeyWorld) -> None:
    with pytest.raises(ModelGoneError, match="no OpenAI key"):
        find(world, OWN)


def test_another_companys_key_cannot_be_pinned(world: KeyWorld) -> None:
    key = world.saved("Team key")

    with pytest.raises(ModelGoneError):
        find(world, OWN, key_id=key.id, by=world.eve)


def test_an_own_model_needs_the_pro_plan_before_any_key_is_looked_at(world: KeyWorld) -> None:
    world.saved()
    world.set_plan("basic")

    with pytest.raises(ProPlanNeededError):
        find(world, OWN)


def test_a_key_that_cannot_be_read_is_said_before_anything_is_sent(
    world: KeyWorld, db: Database, tmp_path: Path
) -> None:
    world.saved("Team key")
    later = KeyWorld(db, home=tmp_path, master_keys=fresh_master_keys())

    with pytest.raises(KeyUnreadableError, match="Team key"):
        find(later, OWN)
    later.close()


def test_a_standard_model_goes_out_with_the_platforms_key(with_platform_key: tuple[KeyWorld, str]) -> None:
    world, secret = with_platform_key
    world.saved("Team key")

    route = find(world, STANDARD)

    assert (route.key_id, route.key_label, route.key_hint) == (None, None, None)
    assert header_sent(route) == f"Bearer {secret}"


def test_a_standard_model_never_falls_back_to_an_own_key(world: KeyWorld) -> None:
    world.saved("Team key")

    with pytest.raises(ModelGoneError, match="platform has no key for OpenAI"):
        find(world, STANDARD)


def test_a_standard_model_of_another_plan_is_not_offered(with_platform_key: tuple[KeyWorld, str]) -> None:
    world, _ = with_platform_key
    world.set_plan("basic")

    with pytest.raises(ModelGoneError, match=r"not among the standard models of the Basic plan\. It is part of: Pro"):
        find(world, STANDARD)


def test_a_key_cannot_be_pinned_to_a_standard_model(with_platform_key: tuple[KeyWorld, str]) -> None:
    world, _ = with_platform_key

    with pytest.raises(InvalidInputError):
        find(world, STANDARD, key_id=uuid4())


def test_the_built_in_model_goes_out_with_its_own_key(world: KeyWorld) -> None:
    route = find(world, BUILT_IN)

    assert header_sent(route) == f"Bearer {world.local.key.get_secret_value()}"


def test_without_its_packages_the_built_in_model_says_what_is_missing(db: Database, tmp_path: Path) -> None:
    world = KeyWorld(db, home=tmp_path, local=absent_model(tmp_path))

    with pytest.raises(ModelGoneError, match="needs the packages"):
        find(world, BUILT_IN)
    world.close()


def test_a_provider_that_cannot_be_chatted_with_has_no_route(world: KeyWorld) -> None:
    with pytest.raises(ModelGoneError, match="cannot be chatted with"):
        find(world, ModelName.parse("byok:anthropic/claude-x"))


def test_a_provider_that_is_not_in_the_catalogue_has_no_route(world: KeyWorld) -> None:
    with pytest.raises(ModelGoneError, match="no provider 'acme'"):
        find(world, ModelName.parse("byok:acme/x"))


def test_a_route_shows_no_key(world: KeyWorld) -> None:
    secret = fresh_key()
    world.saved(key=secret)

    assert secret not in repr(find(world, OWN))
