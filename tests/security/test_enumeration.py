"""Which usernames there are: the door does and says the same for a name that nobody has."""

from __future__ import annotations

import random
import statistics
import time
from pathlib import Path

import pytest
from streamlit_authenticator.utilities import Hasher

from byok.ground.db import Database
from byok.ground.errors import TooManyTriesError
from byok.services.passwords import COST
from byok.services.person_accounts import PersonAccounts
from byok.services.sign_in import SignIn
from byok.services.throttle import Limit, Throttle
from tests.security.conftest import Tally
from tests.services.door_world import CHEAP, PASSWORD, DoorWorld

pytestmark = [pytest.mark.threat(21), pytest.mark.timeout(3600)]

WRONG = "not the one, whoever you are"
NAMES = ("alice", "nobody-of-that-name", "former", "newcomer", "")
UNLIMITED = Limit(free=10**9)
FURTHEST = 4.0  # standard deviations: by chance alone, one run in 16,000 is further off


@pytest.fixture
def world(db: Database, tmp_path: Path) -> DoorWorld:
    """Alice; Former, who is disabled; Newcomer, who was invited and has no password yet."""
    made = DoorWorld(db, home=tmp_path)
    made.acme()
    made.accounts.add_person(company="acme", username="former", name="", role="member", password=PASSWORD)
    made.accounts.disable("former")
    made.team.invite(made.accounts.company("acme").operator, username="newcomer", name="", role="member")
    return made


@pytest.mark.parametrize("typed", [WRONG, PASSWORD.get_secret_value(), "x", "y" * 73, "\ud800", "a\u0308 decomposed"])
def test_whoever_is_named_as_many_hashes_of_the_same_cost_are_compared(
    world: DoorWorld, tally: Tally, typed: str
) -> None:
    done: dict[str, list[tuple[str, str]]] = {}
    for name in NAMES:
        compared = done[name] = []

        def compare(text: str, kept: str, compared: list[tuple[str, str]] = compared) -> bool:
            compared.append((text, kept[:7]))
            return bool(Hasher.check_pw(text, kept))

        world.sign_in_form.check(name, typed, compare=compare, address="192.0.2.1")
        tally.tried()
    for name in NAMES:
        if done[name] != done["alice"]:
            tally.leaked(f"{name!r} is treated otherwise")
    assert {kept for _, kept in done["alice"]} == {f"$2b${CHEAP:02}$"}


def test_the_hash_of_nobody_costs_what_people_s_hashes_do(world: DoorWorld, tally: Tally) -> None:
    usual = PersonAccounts(db=world.db, plans=world.plans, vault=world.vault, clock=world.clock)
    usual.add_person(company="acme", username="usual", name="", role="member", password=PASSWORD)
    found, compared = world.accounts.credential("usual"), list[str]()
    door = SignIn(db=world.db, throttle=world.throttle, chains=world.chains, clock=world.clock)

    def compare(text: str, kept: str) -> bool:
        compared.append(kept)
        return Hasher.check_pw(text, "$2b$04$" + "." * 53) is True

    door.check("nobody", WRONG, compare=compare)
    tally.tried()
    assert found is not None
    if found[1][:7] != compared[0][:7]:
        tally.leaked("another cost")
    assert compared[0].startswith(f"$2b${COST}$")


def test_who_must_wait_is_told_the_same_whether_the_name_is_known_or_not(world: DoorWorld, tally: Tally) -> None:
    told = {}
    for number, name in enumerate(NAMES):
        for _ in range(8):
            try:
                world.sign_in_form.check(name, WRONG, compare=Hasher.check_pw, address=f"192.0.2.{number}")
            except TooManyTriesError as error:
                told[name] = str(error)
                tally.tried()
    assert set(told) == set(NAMES)
    for name, words in told.items():
        if words != told["alice"]:
            tally.leaked(f"{name!r} is told something else")


@pytest.mark.parametrize(
    ("each", "cost"),
    [pytest.param(100, 8, marks=pytest.mark.slow), pytest.param(500, COST, marks=pytest.mark.soak)],
)
def test_how_long_it_takes_does_not_tell_a_name_that_exists(
    db: Database, tmp_path: Path, tally: Tally, each: int, cost: int
) -> None:
    """Mann and Whitney's test: as often as not, a try at a known name takes longer than one at an unknown one."""
    world = DoorWorld(db, home=tmp_path)
    accounts = PersonAccounts(db=db, plans=world.plans, vault=world.vault, clock=world.clock, cost=cost)
    world.accounts.add_company(slug="acme", name="Acme", plan="pro")
    accounts.add_person(company="acme", username="alice", name="", role="admin", password=PASSWORD)
    throttle = Throttle(db=db, clock=world.clock, account=UNLIMITED, address=UNLIMITED)
    door = SignIn(db=db, throttle=throttle, chains=world.chains, clock=world.clock, cost=cost)

    def took(name: str) -> float:
        began = time.perf_counter()
        assert door.check(name, WRONG, compare=Hasher.check_pw, address="192.0.2.1") is None
        return time.perf_counter() - began

    for name in ("alice", "nobody") * 3:  # what is done for the first time takes longer, whoever it is
        took(name)
    seconds: dict[str, list[float]] = {"alice": [], "nobody": []}
    for _ in range(each):
        for name in random.sample(["alice", "nobody"], 2):
            seconds[name].append(took(name))
    tally.tried(2 * each)
    off = deviations(seconds["alice"], seconds["nobody"])
    known, unknown = (statistics.median(values) for values in seconds.values())
    print(f"medians {known * 1000:.2f} and {unknown * 1000:.2f} ms, {off:+.2f} standard deviations apart")  # noqa: T201
    if abs(off) > FURTHEST:
        tally.leaked(f"told apart: medians {known:.6f} and {unknown:.6f} s, {off:+.1f} standard deviations")


def deviations(some: list[float], others: list[float]) -> float:
    """How many standard deviations `some` are larger than `others`, by their ranks."""
    wins = sum((one > other) + (one == other) / 2 for one in some for other in others)
    pairs = len(some) * len(others)
    return float((wins - pairs / 2) / (pairs * (len(some) + len(others) + 1) / 12) ** 0.5)


def test_the_statistics_tell_apart_what_differs() -> None:
    some = [random.gauss(1.0, 0.1) for _ in range(200)]
    others = [random.gauss(1.1, 0.1) for _ in range(200)]
    assert deviations(some, others) < -FURTHEST
    assert abs(deviations(some, list(some))) < 0.1
