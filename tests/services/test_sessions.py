"""Signing in, staying in, and being out."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from sqlmodel import select

from byok.ground.db import Database
from byok.ground.errors import NotSignedInError
from byok.ground.tables import BrowserSession, Ticket
from tests.services.door_world import DoorWorld


@pytest.fixture
def world(any_db: Database, tmp_path: Path) -> DoorWorld:
    made = DoorWorld(any_db, home=tmp_path)
    made.acme()
    return made


def test_a_session_says_who_it_is(world: DoorWorld) -> None:
    who = world.sessions.whois(world.sign_in())
    assert who is not None
    assert (who.username, who.name, who.role, who.company_slug, who.company_name) == (
        "alice",
        "Alice",
        "admin",
        "acme",
        "Acme",
    )
    assert who.plan.id == "pro"


def test_only_hashes_of_tickets_and_tokens_are_kept(world: DoorWorld) -> None:
    found = world.accounts.credential("alice")
    assert found is not None
    ticket = world.sessions.issue_ticket(found[0])
    with world.db.read() as session:
        assert session.exec(select(Ticket.ticket_hash)).one() == hashlib.sha256(ticket.encode()).digest()
    signed_in = world.sessions.redeem(ticket)
    assert signed_in is not None
    with world.db.read() as session:
        assert (
            session.exec(select(BrowserSession.token_hash)).one() == hashlib.sha256(signed_in.token.encode()).digest()
        )
    assert signed_in.token not in repr(signed_in)


def test_a_ticket_works_once(world: DoorWorld) -> None:
    ticket = world.sessions.issue_ticket(_alice(world))
    assert world.sessions.redeem(ticket) is not None
    assert world.sessions.redeem(ticket) is None


def test_of_eight_at_once_one_redeems_the_ticket(world: DoorWorld) -> None:
    ticket = world.sessions.issue_ticket(_alice(world))
    with ThreadPoolExecutor(8) as pool:
        redeemed = list(pool.map(world.sessions.redeem, [ticket] * 8))
    assert sum(one is not None for one in redeemed) == 1


def test_a_ticket_ends_after_30_seconds(world: DoorWorld) -> None:
    ticket = world.sessions.issue_ticket(_alice(world))
    world.pass_(timedelta(seconds=30))
    assert world.sessions.redeem(ticket) is None


def test_each_sign_in_has_a_token_of_its_own(world: DoorWorld) -> None:
    assert world.sign_in() != world.sign_in()


def test_a_made_up_token_or_ticket_is_nobodys(world: DoorWorld) -> None:
    world.sign_in()
    for made_up in ("", "x", "\ud800", "0" * 43):
        assert world.sessions.whois(made_up) is None
        assert world.sessions.redeem(made_up) is None


def test_a_token_is_useless_after_signing_out(world: DoorWorld) -> None:
    token, other = world.sign_in(), world.sign_in()
    world.sessions.end(token)
    assert world.sessions.whois(token) is None
    assert world.sessions.whois(other) is not None


def test_a_session_ends_after_12_silent_hours(world: DoorWorld) -> None:
    token = world.sign_in()
    world.pass_(timedelta(hours=11, minutes=59))
    assert world.sessions.whois(token) is not None
    world.pass_(timedelta(hours=12))
    assert world.sessions.whois(token) is None


def test_a_session_ends_after_seven_days_however_busy(world: DoorWorld) -> None:
    token = world.sign_in()
    for _ in range(14):
        world.pass_(timedelta(hours=11, minutes=59))
        assert world.sessions.whois(token) is not None
    world.pass_(timedelta(minutes=14))
    assert world.sessions.whois(token) is None


def test_being_seen_is_written_once_a_minute_at_most(world: DoorWorld) -> None:
    token, began = world.sign_in(), world.now
    world.pass_(timedelta(seconds=59))
    world.sessions.whois(token)
    assert _seen(world) == began
    world.pass_(timedelta(seconds=1))
    world.sessions.whois(token)
    assert _seen(world) == world.now


def test_a_disabled_person_is_out_at_once(world: DoorWorld) -> None:
    alice = _alice(world)
    token, ticket = world.sign_in(), world.sessions.issue_ticket(alice)
    world.accounts.disable("alice")
    assert world.sessions.whois(token) is None
    assert world.sessions.redeem(ticket) is None
    with pytest.raises(NotSignedInError):
        world.sessions.issue_ticket(alice)


def test_a_new_plan_shows_in_a_session_that_is_open(world: DoorWorld) -> None:
    token = world.sign_in()
    world.accounts.set_plan("acme", "basic")
    who = world.sessions.whois(token)
    assert who is not None
    assert who.plan.id == "basic"


def test_ended_sessions_and_tickets_are_cleared_away_at_the_next_sign_in(world: DoorWorld) -> None:
    world.sign_in()
    world.sessions.issue_ticket(_alice(world))
    world.pass_(timedelta(days=8))
    world.sign_in()
    with world.db.read() as session:
        assert len(session.exec(select(BrowserSession.id)).all()) == 1
        assert session.exec(select(Ticket.id)).all() == []


def _alice(world: DoorWorld) -> UUID:
    found = world.accounts.credential("alice")
    assert found is not None
    return found[0]


def _seen(world: DoorWorld) -> datetime:
    with world.db.read() as session:
        return session.exec(select(BrowserSession.seen_at)).one()
