"""Guessed passwords: how many of many tries, at once and from everywhere, are looked at at all."""

from __future__ import annotations

import functools
import itertools
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlmodel import select
from streamlit_authenticator.utilities import Hasher

from byok.ground.db import Database
from byok.ground.errors import InvalidInputError, TooManyTriesError
from byok.ground.tables import OPERATOR, AuditEvent
from byok.ground.tables import Throttle as ThrottleRow
from byok.services.access import Actor
from byok.services.sign_in import SignIn
from byok.services.throttle import ACCOUNT, ADDRESS, Limit, Throttle
from tests.security.conftest import Tally
from tests.security.threats import at_scale
from tests.services.door_world import CHEAP, PASSWORD, DoorWorld

pytestmark = [pytest.mark.threat(20), pytest.mark.timeout(900)]

AT_ONCE = 32
HOME, ELSEWHERE = "192.0.2.7", "198.51.100.9"
BROWSER = "a random token of a browser"
# A process of its own, at a moment that stands still; says how many passwords were looked at.
GUESSER = """
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from byok.ground.db import Database
from byok.ground.errors import TooManyTriesError
from byok.services.throttle import Throttle
now = datetime.fromisoformat(sys.argv[2])
throttle = Throttle(db=Database(sys.argv[1]), clock=lambda: now)
def guess(number):
    try:
        throttle.reserve("alice", f"198.51.{number % 200}.{number % 250}")
    except TooManyTriesError:
        return 0
    return 1
with ThreadPoolExecutor(8) as pool:
    print(sum(pool.map(guess, range(int(sys.argv[3])))))
"""


@pytest.fixture
def world(any_db: Database, tmp_path: Path) -> DoorWorld:
    made = DoorWorld(any_db, home=tmp_path)
    made.acme()
    return made


@pytest.fixture
def on_a_file(db: Database, tmp_path: Path) -> DoorWorld:
    made = DoorWorld(db, home=tmp_path)
    made.acme()
    return made


class Guesser:
    """Tries passwords at the door, and counts those that were compared with a hash."""

    def __init__(self, world: DoorWorld, *, place: str = "") -> None:
        self.world, self.place, self.looked_at = world, place, itertools.count()

    def compare(self, text: str, kept: str) -> bool:
        next(self.looked_at)
        return bool(Hasher.check_pw(text, kept))

    def guess(self, username: str, number: int, *, address: str) -> bool:
        """Whether it was looked at; never the right one."""
        try:
            found = self.world.sign_in_form.check(
                username, f"not the one {number}", compare=self.compare, address=address, place=self.place
            )
        except TooManyTriesError:
            return False
        assert found is None
        return True

    def all_at_once(self, tries: int, who: Callable[[int], tuple[str, str]]) -> int:
        """How many were looked at of so many tries; `who` gives username and address of each."""

        def one(number: int) -> bool:
            username, address = who(number)
            return self.guess(username, number, address=address)

        with ThreadPoolExecutor(AT_ONCE) as pool:
            admitted = sum(pool.map(one, range(tries)))
        compared = next(self.looked_at)
        assert compared == admitted  # what was counted is what was compared
        return compared


def judged(tally: Tally, tries: int, looked_at: int, allowed: int) -> None:
    tally.tried(tries)
    assert looked_at > 0
    for _ in range(looked_at - allowed):
        tally.leaked("a password was looked at beyond what the throttle allows")


@at_scale(10_000, few=320)
def test_of_many_tries_at_once_at_one_account_a_handful_is_looked_at(
    world: DoorWorld, tally: Tally, tries: int
) -> None:
    looked_at = Guesser(world).all_at_once(tries, lambda _: ("alice", ELSEWHERE))
    judged(tally, tries, looked_at, ACCOUNT.free)


@at_scale(10_000, few=160)
def test_an_account_is_as_hard_to_guess_from_everywhere(on_a_file: DoorWorld, tally: Tally, tries: int) -> None:
    looked_at = Guesser(on_a_file).all_at_once(tries, lambda number: ("alice", f"198.{number // 250}.7.{number % 250}"))
    judged(tally, tries, looked_at, ACCOUNT.free)


@at_scale(10_000, few=160)
def test_one_address_that_tries_every_name_is_stopped_too(on_a_file: DoorWorld, tally: Tally, tries: int) -> None:
    looked_at = Guesser(on_a_file).all_at_once(tries, lambda number: (f"person{number}", ELSEWHERE))
    judged(tally, tries, looked_at, ADDRESS.free)


@at_scale(10_000, few=160)
def test_the_half_of_an_ipv6_address_that_its_owner_chooses_changes_nothing(
    on_a_file: DoorWorld, tally: Tally, tries: int
) -> None:
    looked_at = Guesser(on_a_file).all_at_once(tries, lambda number: (f"person{number}", f"2001:db8:7:9::{number:x}"))
    judged(tally, tries, looked_at, ADDRESS.free)


@pytest.mark.parametrize(
    "tries", [pytest.param(1000, marks=pytest.mark.slow), pytest.param(10_000, marks=pytest.mark.soak)]
)
def test_four_processes_count_together(world: DoorWorld, tally: Tally, tries: int) -> None:
    url = world.db.engine.url.render_as_string(hide_password=False)
    arguments = [sys.executable, "-c", GUESSER, url, world.now.isoformat(), str(tries // 4)]
    running = [subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    outputs = [process.communicate(timeout=600)[0] for process in running]
    assert [process.returncode for process in running] == [0] * 4
    judged(tally, tries, sum(map(int, outputs)), ACCOUNT.free)


def test_who_goes_on_all_day_gets_a_hundred_tries_and_no_more(on_a_file: DoorWorld, tally: Tally) -> None:
    guesser, times = Guesser(on_a_file), 24 * 12
    for number in range(times):
        guesser.guess("alice", number, address=ELSEWHERE)
        on_a_file.pass_(timedelta(minutes=5))
    judged(tally, times, next(guesser.looked_at), ACCOUNT.free + 8 + 24 * 4)


def test_a_person_gets_in_at_once_in_a_browser_of_hers_whoever_guesses_elsewhere(
    on_a_file: DoorWorld, tally: Tally
) -> None:
    on_a_file.sign_in("alice", place=BROWSER)
    Guesser(on_a_file).all_at_once(200, lambda number: (("alice", "bob")[number % 2], HOME))
    tally.tried()
    if not enter(on_a_file, HOME, place=BROWSER):
        tally.leaked("a stranger keeps her out")


def test_a_known_browser_counts_too_and_for_its_own_account_alone(on_a_file: DoorWorld, tally: Tally) -> None:
    on_a_file.accounts.add_person(company="acme", username="bob", name="", role="member", password=PASSWORD)
    on_a_file.sign_in("alice", place=BROWSER)
    for username in ("alice", "bob"):
        guesser = Guesser(on_a_file, place=BROWSER)
        judged(tally, 100, guesser.all_at_once(100, functools.partial(same, username)), ACCOUNT.free)


def test_beside_a_person_s_browser_nobody_learns_that_she_exists(on_a_file: DoorWorld, tally: Tally) -> None:
    on_a_file.sign_in("alice", place=BROWSER)
    guesser, told = Guesser(on_a_file), {}
    guesser.all_at_once(200, lambda number: (f"person{number}", HOME))  # her very address has used up its tries
    for name in ("alice", "nobody"):
        with pytest.raises(TooManyTriesError) as refused:
            on_a_file.sign_in_form.check(name, "not the one", compare=guesser.compare, address=HOME)
        told[name] = str(refused.value)
        tally.tried()
    if told["alice"] != told["nobody"]:
        tally.leaked("told apart")


def test_nobody_is_kept_out_for_longer_than_a_quarter_of_an_hour(on_a_file: DoorWorld, tally: Tally) -> None:
    guesser = Guesser(on_a_file)
    for number in range(60):
        guesser.guess("alice", number, address=ELSEWHERE)
        on_a_file.pass_(timedelta(minutes=10))
    guesser.guess("alice", 0, address=ELSEWHERE)
    with pytest.raises(TooManyTriesError) as refused:
        enter(on_a_file, HOME)
    tally.tried()
    if refused.value.wait_s > 15 * 60:
        tally.leaked(f"wait of {refused.value.wait_s} s")
    on_a_file.pass_(timedelta(minutes=15))
    assert enter(on_a_file, HOME)


def test_the_right_password_is_not_looked_at_either_while_one_must_wait(on_a_file: DoorWorld, tally: Tally) -> None:
    guesser = Guesser(on_a_file)
    guesser.all_at_once(AT_ONCE, lambda _: ("alice", ELSEWHERE))
    tally.tried()
    with pytest.raises(TooManyTriesError, match=r"Try again in 15 seconds\."):
        on_a_file.sign_in_form.check("alice", PASSWORD.get_secret_value(), compare=guesser.compare, address=ELSEWHERE)
    on_a_file.pass_(timedelta(seconds=15))
    assert enter(on_a_file, ELSEWHERE)


def test_those_who_get_it_right_give_their_address_its_try_back(on_a_file: DoorWorld, tally: Tally) -> None:
    throttle = Throttle(db=on_a_file.db, clock=on_a_file.clock, address=Limit(free=3))
    door = SignIn(db=on_a_file.db, throttle=throttle, chains=on_a_file.chains, clock=on_a_file.clock, cost=CHEAP)
    for number in range(8):
        person = f"person{number}"
        on_a_file.accounts.add_person(company="acme", username=person, name="", role="member", password=PASSWORD)
        tally.tried()
        if door.check(person, PASSWORD.get_secret_value(), compare=Hasher.check_pw, address=HOME) is None:
            tally.leaked("kept out")


def test_changing_a_password_is_no_way_around_the_door(on_a_file: DoorWorld, tally: Tally) -> None:
    (person,) = on_a_file.accounts.people("acme")
    alice, looked_at = Actor(on_a_file.accounts.company("acme").id, person.id, ELSEWHERE), 0
    new = SecretStr("three small boats")
    for number in range(40):
        try:
            on_a_file.own_password.change(alice, present=SecretStr(f"not the one {number}"), new=new)
        except InvalidInputError:
            looked_at += 1
        except TooManyTriesError:
            continue
    judged(tally, 40, looked_at, ACCOUNT.free)


def test_every_try_that_was_looked_at_is_recorded_and_none_of_the_others(world: DoorWorld, tally: Tally) -> None:
    guesser = Guesser(world)
    looked_at = guesser.all_at_once(100, lambda _: ("alice", ELSEWHERE))
    unknown = sum(guesser.guess("not-a-name-but-a-password", number, address=HOME) for number in range(20))
    company = world.accounts.company("acme").id
    with world.db.read() as session:
        rows = session.exec(select(AuditEvent).where(AuditEvent.action == "session.failed")).all()
    tally.tried(120)
    assert [row.chain_id for row in rows].count(company) == looked_at
    assert [row.chain_id for row in rows].count(OPERATOR) == unknown
    assert {row.address for row in rows} == {HOME, ELSEWHERE}
    assert any("refused until 2026-11-23 12:00:15 UTC" in row.detail for row in rows)
    if "not-a-name" in repr(rows):
        tally.leaked("what was typed as a username stands in the audit log")


def test_counters_are_cleared_away_and_name_nobody(on_a_file: DoorWorld, tally: Tally) -> None:
    Guesser(on_a_file).all_at_once(20, lambda number: (f"person{number}", ELSEWHERE))
    with on_a_file.db.read() as session:
        rows = session.exec(select(ThrottleRow)).all()
    tally.tried(len(rows))
    for row in rows:
        if b"person" in row.whose or ELSEWHERE.encode() in row.whose:
            tally.leaked("a counter names whom it is about")
    on_a_file.pass_(timedelta(days=3))
    assert enter(on_a_file, HOME)
    with on_a_file.db.read() as session:
        assert [row.scope for row in session.exec(select(ThrottleRow)).all()] == ["address"]


def same(username: str, _: int) -> tuple[str, str]:
    return username, HOME


def enter(world: DoorWorld, address: str, *, place: str = "") -> bool:
    """Whether the right password gets in."""
    text = PASSWORD.get_secret_value()
    return world.sign_in_form.check("alice", text, compare=Hasher.check_pw, address=address, place=place) is not None
