"""The demo: what it holds, what it leaves alone, how it comes back."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from pydantic import SecretStr
from sqlmodel import SQLModel, col, func, select

from byok.core.allowances import plan_used
from byok.ground.db import Database
from byok.ground.errors import InvalidInputError, NotAllowedError, SettingsError
from byok.ground.tables import Answer, Attempt, Chatbot, Company, Conversation, Turn
from byok.services.access import Actor
from byok.services.passwords import matches
from tests.services.door_world import PASSWORD, DoorWorld


@pytest.fixture
def world(any_db: Database, tmp_path: Path) -> DoorWorld:
    return DoorWorld(any_db, home=tmp_path)


def test_the_first_start_makes_three_companies_with_their_people(world: DoorWorld) -> None:
    assert world.demo.seed()
    assert [
        (company.slug, company.plan.id, company.people, company.sample) for company in world.accounts.companies()
    ] == [
        ("corner-shop", "basic", 1, True),
        ("northwind-labs", "pro", 2, True),
        ("tryout", "free_trial", 1, True),
    ]


def test_everyone_can_be_continued_as_in_one_click(world: DoorWorld) -> None:
    world.demo.seed()
    assert [person.label for person in world.demo.people()] == [
        "Continue as Ada - Pro admin",
        "Continue as Max - Pro member",
        "Continue as Bea - Basic admin",
        "Continue as Finn - Free Trial admin",
    ]


def test_the_second_start_makes_nothing(world: DoorWorld) -> None:
    world.demo.seed()
    before = _count(world, Attempt)
    assert not world.demo.seed()
    assert _count(world, Attempt) == before


def test_nothing_is_seeded_beside_a_real_company(world: DoorWorld) -> None:
    world.acme()
    assert not world.demo.seed()
    assert [company.slug for company in world.accounts.companies()] == ["acme"]


def test_nothing_is_seeded_where_the_demo_is_off(db: Database, tmp_path: Path) -> None:
    world = DoorWorld(db, home=tmp_path, demo=False)
    assert not world.demo.seed()
    assert world.demo.people() == []


def test_the_trial_has_three_messages_left(world: DoorWorld) -> None:
    world.demo.seed()
    company = world.accounts.company("tryout")
    with world.db.read() as session:
        used = plan_used(session.connection(), company_id=company.id, month="2026-11")
    assert company.plan.messages - used == 3


def test_the_current_month_of_the_others_is_empty(world: DoorWorld) -> None:
    world.demo.seed()
    by_month = _months(world)
    assert sorted(by_month) == [
        ("corner-shop", "2026-09"),
        ("corner-shop", "2026-10"),
        ("northwind-labs", "2026-09"),
        ("northwind-labs", "2026-10"),
        ("tryout", "2026-09"),
        ("tryout", "2026-10"),
        ("tryout", "2026-11"),
    ]


def test_past_usage_crosses_the_turn_of_the_year(world: DoorWorld) -> None:
    world.now = datetime(2027, 1, 1, 0, 0, 5, tzinfo=UTC)
    world.demo.seed()
    assert {month for slug, month in _months(world) if slug == "northwind-labs"} == {"2026-11", "2026-12"}
    with world.db.read() as session:
        future = select(Attempt.id).where(col(Attempt.settled_at) > world.now)
        assert session.exec(future).all() == []


def test_past_usage_of_own_keys_is_priced_over_several_providers(world: DoorWorld) -> None:
    world.demo.seed()
    with world.db.read() as session:
        own = session.exec(select(Attempt).where(Attempt.source == "byok", col(Attempt.answered).is_(True))).all()
    assert {attempt.provider_id for attempt in own} == {"openai", "gemini", "mistral", "groq"}
    assert all(attempt.cost_pico and attempt.price_origin == "sample" and attempt.key_hint for attempt in own)


def test_every_month_of_the_ledger_is_that_of_its_time(world: DoorWorld) -> None:
    world.demo.seed()
    with world.db.read() as session:
        for month, reserved_at in session.exec(select(Attempt.month, Attempt.reserved_at)):
            assert month == f"{reserved_at:%Y-%m}"


def test_the_same_month_gives_the_same_figures(world: DoorWorld) -> None:
    world.demo.seed()
    before = _sums(world)
    world.demo.reset()
    assert _sums(world) == before


def test_ada_has_two_chatbots_and_a_conversation_with_receipts(world: DoorWorld) -> None:
    world.demo.seed()
    with world.db.read() as session:
        assert len(session.exec(select(Chatbot).where(col(Chatbot.sample).is_(True))).all()) == 2
        conversation = session.exec(select(Conversation)).one()
        turns = session.exec(select(Turn).order_by(col(Turn.created_at))).all()
        answers = session.exec(select(Answer)).all()
        receipts = session.exec(select(Attempt).where(col(Attempt.answer_id).is_not(None))).all()
    assert conversation.sample
    assert conversation.title == "Friendlier release note"
    assert [turn.parent_id for turn in turns] == [None, turns[0].id]
    assert {answer.state for answer in answers} == {"complete"}
    assert {receipt.answer_id for receipt in receipts} == {answer.id for answer in answers}


def test_the_password_is_made_once_and_kept_for_this_user_only(world: DoorWorld) -> None:
    world.demo.seed()
    file = world.home / "demo.password"
    assert file.stat().st_mode & 0o777 == 0o600
    assert world.demo.password == file.read_text() == world.new_demo().password
    found = world.accounts.credential("ada")
    assert found is not None
    assert matches(SecretStr(world.demo.password), found[1])
    assert world.demo.password in world.demo.greeting()


def test_a_password_from_the_settings_leaves_no_file(db: Database, tmp_path: Path) -> None:
    world = DoorWorld(db, home=tmp_path, demo_password="walk right in")
    world.demo.seed()
    assert world.demo.password == "walk right in"
    assert not (tmp_path / "demo.password").exists()


def test_a_password_that_cannot_be_kept_is_named_with_its_file(db: Database, tmp_path: Path) -> None:
    (tmp_path / "a file").touch()
    world = DoorWorld(db, home=tmp_path / "a file")
    with pytest.raises(
        SettingsError, match=r"BYOK_HOME: .*demo\.password cannot be written: .* set BYOK_DEMO_PASSWORD"
    ):
        world.demo.seed()


def test_a_kept_password_that_is_no_text_is_named_with_its_file(world: DoorWorld) -> None:
    (world.home / "demo.password").write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match=r"demo\.password is not plain text\. Delete it"):
        world.demo.seed()


def test_a_password_from_the_settings_that_bcrypt_would_cut_is_refused_by_its_variable(
    db: Database, tmp_path: Path
) -> None:
    world = DoorWorld(db, home=tmp_path, demo_password="long " * 20)
    with pytest.raises(
        SettingsError, match=r"^BYOK_DEMO_PASSWORD cannot be used\. A password may have at most 72 bytes"
    ):
        world.demo.seed()


def test_a_changed_password_holds_from_the_next_start_on(world: DoorWorld) -> None:
    world.demo.seed()
    world.new_demo(demo_password="something new").follow_password()
    for username in ("ada", "max", "bea", "finn"):
        found = world.accounts.credential(username)
        assert found is not None
        assert matches(SecretStr("something new"), found[1])


def test_a_changed_password_is_not_given_to_real_people(world: DoorWorld) -> None:
    world.demo.seed()
    world.acme()
    world.new_demo(demo_password="something new").follow_password()
    found = world.accounts.credential("alice")
    assert found is not None
    assert matches(PASSWORD, found[1])


def test_a_reset_restores_the_demo_and_leaves_other_companies_alone(world: DoorWorld) -> None:
    world.demo.seed()
    world.acme()
    world.accounts.set_plan("corner-shop", "pro")
    world.accounts.add_person(company="tryout", username="new", name="New", role="member", password=PASSWORD)
    token = world.sign_in("ada")
    world.demo.reset()
    assert world.accounts.company("corner-shop").plan.id == "basic"
    assert [person.username for person in world.accounts.people("tryout")] == ["finn"]
    assert [person.username for person in world.accounts.people("acme")] == ["alice"]
    assert world.sessions.whois(token) is None


def test_a_reset_does_not_touch_a_real_company_of_the_same_name(world: DoorWorld) -> None:
    world.accounts.add_company(slug="northwind-labs", name="The real one", plan="basic")
    with pytest.raises(InvalidInputError, match="northwind-labs"):
        world.demo.reset()
    assert world.accounts.company("northwind-labs").name == "The real one"


def test_a_reset_is_refused_where_the_demo_is_off(db: Database, tmp_path: Path) -> None:
    world = DoorWorld(db, home=tmp_path, demo=False)
    with pytest.raises(NotAllowedError, match="BYOK_DEMO=1"):
        world.demo.reset()


def test_a_basic_admin_of_the_demo_can_switch_to_pro(world: DoorWorld) -> None:
    world.demo.seed()
    who = world.sessions.whois(world.sign_in("bea"))
    assert who is not None
    world.demo.switch_to_pro(who.actor)
    assert world.accounts.company("corner-shop").plan.id == "pro"


def test_a_member_cannot_switch_the_plan(world: DoorWorld) -> None:
    world.demo.seed()
    who = world.sessions.whois(world.sign_in("max"))
    assert who is not None
    with pytest.raises(NotAllowedError):
        world.demo.switch_to_pro(who.actor)


def test_a_real_company_cannot_be_switched(world: DoorWorld) -> None:
    world.acme()
    world.accounts.set_plan("acme", "basic")
    who = world.sessions.whois(world.sign_in())
    assert who is not None
    with pytest.raises(NotAllowedError):
        world.demo.switch_to_pro(who.actor)
    assert world.accounts.company("acme").plan.id == "basic"


def _count(world: DoorWorld, table: type[SQLModel]) -> int:
    with world.db.read() as session:
        return session.exec(select(func.count()).select_from(table)).one()


def _months(world: DoorWorld) -> Counter[tuple[str, str]]:
    with world.db.read() as session:
        query = select(Company.slug, Attempt.month).join(Attempt, col(Attempt.company_id) == Company.id)
        return Counter((slug, month) for slug, month in session.exec(query))


def _sums(world: DoorWorld) -> list[tuple[object, ...]]:
    with world.db.read() as session:
        query = sa.select(
            col(Attempt.provider_id), col(Attempt.source), sa.func.count(), sa.func.sum(col(Attempt.tokens_out))
        ).where(col(Attempt.month) == "2026-10")
        rows = session.execute(query.group_by(col(Attempt.provider_id), col(Attempt.source)))
        return sorted(tuple(row) for row in rows)


def test_who_was_invited_to_a_company_of_the_demo_is_not_entered_by_one_click_nor_by_its_password(
    world: DoorWorld,
) -> None:
    world.demo.seed()
    ada = Actor(world.accounts.company("northwind-labs").id, world.demo.people()[0].person_id)
    _, link = world.team.invite(ada, username="zoe", name="Zoe", role="admin")
    assert "zoe" not in [person.username for person in world.demo.people()]
    world.invitations.accept(link.token, PASSWORD)
    world.new_demo(demo_password="-".join(("another", "one"))).follow_password()
    assert "zoe" not in [person.username for person in world.demo.people()]
    found = world.accounts.credential("zoe")
    assert found is not None
    assert matches(PASSWORD, found[1])


def test_a_person_of_the_demo_who_chose_a_password_keeps_it_and_the_others_follow(world: DoorWorld) -> None:
    world.demo.seed()
    ada = Actor(world.accounts.company("northwind-labs").id, world.demo.people()[0].person_id)
    world.own_password.change(ada, present=SecretStr(world.demo.password), new=PASSWORD)
    after = world.new_demo(demo_password="-".join(("another", "one")))
    after.follow_password()
    for username, password in (("ada", PASSWORD), ("max", SecretStr(after.password))):
        found = world.accounts.credential(username)
        assert found is not None
        assert matches(password, found[1])
