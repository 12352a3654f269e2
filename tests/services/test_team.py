"""Team: what an admin does with people, that somebody always can, and what is recorded of it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from pydantic import SecretStr
from sqlmodel import select
from streamlit_authenticator.utilities import Hasher

from byok.ground.db import Database
from byok.ground.errors import ByokError, InvalidInputError, NotFoundError, NotSignedInError
from byok.ground.tables import OPERATOR, AuditEvent, Invitation
from byok.services.access import Actor
from byok.services.account_views import PersonView
from tests.services.door_world import PASSWORD, DoorWorld

NEW = SecretStr("nine tin whistles")
ADDRESS = "192.0.2.7"


@pytest.fixture
def world(any_db: Database, tmp_path: Path) -> DoorWorld:
    made = DoorWorld(any_db, home=tmp_path)
    made.acme()
    return made


def person(world: DoorWorld, username: str) -> PersonView:
    return next(one for one in world.accounts.people("acme") if one.username == username)


def actor(world: DoorWorld, username: str = "alice") -> Actor:
    return Actor(world.accounts.company("acme").id, person(world, username).id, ADDRESS)


def join(world: DoorWorld, username: str, role: str = "member") -> UUID:
    _, link = world.team.invite(actor(world), username=username, name=username.title(), role=role)
    return world.invitations.accept(link.token, NEW, address=ADDRESS)


def enter(world: DoorWorld, username: str, password: SecretStr) -> UUID | None:
    return world.sign_in_form.check(username, password.get_secret_value(), compare=Hasher.check_pw, address=ADDRESS)


def recorded(world: DoorWorld) -> list[tuple[str, str, str, str, str]]:
    with world.db.read() as session:
        order = (AuditEvent.chain_id, AuditEvent.seq)
        rows = session.exec(select(AuditEvent).where(AuditEvent.chain_id != OPERATOR).order_by(*order)).all()  # type: ignore[arg-type]
    return [(row.action, row.actor_name, row.subject, row.detail, row.address) for row in rows]


def test_an_invited_person_cannot_sign_in_until_the_link_was_used(world: DoorWorld) -> None:
    view, link = world.team.invite(actor(world), username="Bob", name="", role="member")
    assert (view.username, view.name, view.state) == ("bob", "bob", "invited")
    for guess in (SecretStr(""), NEW, PASSWORD):
        assert enter(world, "bob", guess) is None
    assert world.accounts.company("acme").people == 1
    assert world.invitations.accept(link.token, NEW) == view.id
    assert enter(world, "bob", NEW) == view.id
    assert person(world, "bob").state == "active"


def test_a_link_works_once_and_its_token_is_not_kept(world: DoorWorld) -> None:
    _, link = world.team.invite(actor(world), username="bob", name="Bob", role="member")
    assert world.invitations.look(link.token).company_name == "Acme"
    with world.db.read() as session:
        assert link.token.encode() not in session.exec(select(Invitation.token_hash)).one()
    assert link.token not in repr(link)
    world.invitations.accept(link.token, NEW)
    with pytest.raises(NotFoundError, match="Ask an admin of your company for a new one"):
        world.invitations.look(link.token)
    with pytest.raises(NotFoundError, match="Ask an admin of your company for a new one"):
        world.invitations.accept(link.token, PASSWORD)


def test_of_eight_at_once_one_uses_the_link(world: DoorWorld) -> None:
    _, link = world.team.invite(actor(world), username="bob", name="Bob", role="member")

    def accept(number: int) -> bool:
        try:
            world.invitations.accept(link.token, SecretStr(f"tin whistle {number} of 8"))
        except NotFoundError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(accept, range(8))) == 1


def test_a_password_that_is_refused_leaves_the_link_usable(world: DoorWorld) -> None:
    _, link = world.team.invite(actor(world), username="bob", name="Bob", role="member")
    for bad in ("short", "password2026", "acme-2026!!"):
        with pytest.raises(InvalidInputError):
            world.invitations.accept(link.token, SecretStr(bad))
    world.invitations.accept(link.token, NEW)


@pytest.mark.parametrize("how", ["time", "another link", "disabled"])
def test_a_link_ends_with_time_a_newer_one_or_its_person(world: DoorWorld, how: str) -> None:
    view, link = world.team.invite(actor(world), username="bob", name="Bob", role="member")
    if how == "time":
        world.pass_(timedelta(hours=72))
    elif how == "another link":
        again, newer = world.team.reset(actor(world), view.id)
        assert (again.state, world.invitations.look(newer.token).purpose) == ("invited", "invite")
    else:
        world.team.disable(actor(world), view.id)
        world.team.enable(actor(world), view.id)
    with pytest.raises(NotFoundError, match="cannot be used any more"):
        world.invitations.accept(link.token, NEW)


def test_a_reset_ends_sessions_and_password_at_once(world: DoorWorld) -> None:
    join(world, "bob")
    token = world.sign_in("bob")
    _, link = world.team.reset(actor(world), person(world, "bob").id)
    assert world.sessions.whois(token) is None
    assert enter(world, "bob", NEW) is None
    world.invitations.accept(link.token, PASSWORD)
    assert enter(world, "bob", PASSWORD) is not None


def test_one_does_not_reset_ones_own_password(world: DoorWorld) -> None:
    with pytest.raises(InvalidInputError, match="Change password"):
        world.team.reset(actor(world), person(world, "alice").id)


def test_a_role_counts_at_the_next_call(world: DoorWorld) -> None:
    join(world, "bob")
    bob = actor(world, "bob")
    with pytest.raises(ByokError, match="Only an admin"):
        world.team.people(bob)
    world.team.set_role(actor(world), person(world, "bob").id, "admin")
    assert [one.username for one in world.team.people(bob)] == ["alice", "bob"]
    world.team.set_role(bob, person(world, "alice").id, "member")
    with pytest.raises(ByokError, match="Only an admin"):
        world.team.people(actor(world))


@pytest.mark.parametrize("others", ["none", "a member", "an invited admin", "a disabled admin"])
def test_the_last_admin_who_can_sign_in_stays_one(world: DoorWorld, others: str) -> None:
    alice = actor(world)
    if others == "a member":
        join(world, "bob")
    elif others == "an invited admin":
        world.team.invite(alice, username="bob", name="Bob", role="admin")
    elif others == "a disabled admin":
        world.team.disable(alice, join(world, "bob", "admin"))
    before = world.accounts.people("acme")
    calls: list[Callable[[], object]] = [
        lambda: world.team.disable(alice, person(world, "alice").id),
        lambda: world.team.set_role(alice, person(world, "alice").id, "member"),
    ]
    for call in calls:
        with pytest.raises(InvalidInputError, match="last admin of your company who can sign in"):
            call()
    assert world.accounts.people("acme") == before


def test_two_admins_who_demote_each_other_at_once_leave_one(world: DoorWorld) -> None:
    for number in range(6):
        bob = f"bob{number}"
        join(world, bob, "admin")
        pairs = [("alice", bob), (bob, "alice")]

        def demote(pair: tuple[str, str]) -> bool:
            try:
                world.team.set_role(actor(world, pair[0]), person(world, pair[1]).id, "member")
            except ByokError:
                return False
            return True

        with ThreadPoolExecutor(2) as pool:
            assert sum(pool.map(demote, pairs)) == 1
        admins = [one.username for one in world.accounts.people("acme") if one.role == "admin"]
        assert len(admins) == 1
        world.accounts.set_role("alice", "admin")
        world.accounts.set_role(bob, "member")


def test_a_username_of_another_company_is_taken_and_told_no_more_of(world: DoorWorld) -> None:
    world.accounts.add_company(slug="rival", name="Rival", plan="basic")
    world.accounts.add_person(company="rival", username="eve", name="Eve", role="admin", password=PASSWORD)
    with pytest.raises(InvalidInputError) as refused:
        world.team.invite(actor(world), username="eve", name="", role="member")
    assert str(refused.value) == "The username 'eve' is taken. Choose another one."


def test_when_somebody_was_last_seen_outlives_the_session(world: DoorWorld) -> None:
    assert person(world, "alice").seen_at is None
    token = world.sign_in()
    world.pass_(timedelta(hours=1))
    world.sessions.whois(token)
    world.sessions.end(token)
    assert person(world, "alice").seen_at == world.now


def test_a_changed_password_holds_and_the_old_one_and_all_sessions_are_gone(world: DoorWorld) -> None:
    tokens = [world.sign_in(), world.sign_in()]
    ticket = world.own_password.change(actor(world), present=PASSWORD, new=NEW)
    assert [world.sessions.whois(token) for token in tokens] == [None, None]
    assert world.sessions.redeem(ticket) is not None
    assert enter(world, "alice", PASSWORD) is None
    assert enter(world, "alice", NEW) is not None


def test_a_password_is_not_changed_for_a_wrong_one_a_weak_one_or_by_the_operator(world: DoorWorld) -> None:
    with pytest.raises(InvalidInputError, match="not your present password"):
        world.own_password.change(actor(world), present=NEW, new=NEW)
    with pytest.raises(InvalidInputError, match="at least 10"):
        world.own_password.change(actor(world), present=PASSWORD, new=SecretStr("short"))
    with pytest.raises(ByokError, match="Only a person has a password"):
        world.own_password.change(world.accounts.company("acme").operator, present=PASSWORD, new=NEW)
    world.accounts.disable("alice")
    with pytest.raises(NotSignedInError):
        world.own_password.change(actor(world), present=PASSWORD, new=NEW)
    world.accounts.enable("alice")
    assert enter(world, "alice", PASSWORD) is not None


def test_everything_is_recorded_with_who_whom_and_from_where(world: DoorWorld) -> None:
    alice = actor(world)
    bob = join(world, "bob")
    world.team.set_role(alice, bob, "admin")
    world.team.set_role(alice, bob, "admin")  # nothing changes, nothing is recorded
    world.team.disable(alice, bob)
    world.team.disable(alice, bob)
    world.team.enable(alice, bob)
    _, link = world.team.reset(alice, bob)
    world.invitations.accept(link.token, PASSWORD, address=ADDRESS)
    world.own_password.change(actor(world, "bob"), present=PASSWORD, new=NEW)
    enter(world, "bob", PASSWORD)
    assert recorded(world) == [
        ("company.added", "operator", "Acme", "Pro", ""),
        ("person.added", "operator", "alice", "admin", ""),
        ("person.invited", "Alice", "bob", "member", ADDRESS),
        ("person.joined", "Bob", "bob", "", ADDRESS),
        ("person.role_changed", "Alice", "bob", "from member to admin", ADDRESS),
        ("person.disabled", "Alice", "bob", "", ADDRESS),
        ("person.enabled", "Alice", "bob", "", ADDRESS),
        ("person.password_reset", "Alice", "bob", "", ADDRESS),
        ("password.changed", "Bob", "bob", "by a link", ADDRESS),
        ("password.changed", "Bob", "bob", "0 sessions ended", ADDRESS),
        ("session.failed", "", "bob", "wrong password", ADDRESS),
    ]


def test_what_the_operator_does_is_recorded_too(world: DoorWorld) -> None:
    world.accounts.set_plan("acme", "basic")
    world.accounts.set_plan("acme", "basic")
    world.accounts.set_role("alice", "member")
    world.accounts.disable("alice")
    world.accounts.enable("alice")
    _, link = world.accounts.reset("alice")
    assert world.invitations.look(link.token).purpose == "reset"
    assert [row[:4] for row in recorded(world)][2:] == [
        ("plan.changed", "operator", "Acme", "from Pro to Basic"),
        ("person.role_changed", "operator", "alice", "from admin to member"),
        ("person.disabled", "operator", "alice", ""),
        ("person.enabled", "operator", "alice", ""),
        ("person.password_reset", "operator", "alice", ""),
    ]


def test_a_refusal_records_nothing(world: DoorWorld) -> None:
    before = recorded(world)
    alice = actor(world)
    for call in (
        lambda: world.team.disable(alice, alice.person_id),  # type: ignore[arg-type]
        lambda: world.team.invite(alice, username="alice", name="", role="member"),
        lambda: world.team.invite(alice, username="a b", name="", role="member"),
        lambda: world.team.set_role(alice, alice.person_id, "owner"),  # type: ignore[arg-type]
    ):
        with pytest.raises(InvalidInputError):
            call()
    assert recorded(world) == before


@pytest.mark.parametrize("name", ["x\0", "\x1b]0;root\x07", "a\u202eb"])
def test_a_person_is_not_given_a_name_that_cannot_be_shown(world: DoorWorld, name: str) -> None:
    with pytest.raises(InvalidInputError, match="printable"):
        world.team.invite(actor(world), username="bob", name=name, role="member")
    with pytest.raises(InvalidInputError, match="printable"):
        world.accounts.add_person(company="acme", username="bob", name=name, role="member", password=NEW)
    with pytest.raises(InvalidInputError, match="printable"):
        world.accounts.add_company(slug="bobs", name=name, plan="pro")
    assert [one.username for one in world.accounts.people("acme")] == ["alice"]
    assert [one.slug for one in world.accounts.companies()] == ["acme"]
