"""The audit log: nobody who can write to the database changes, removes, reorders or cuts off a row unseen."""

from __future__ import annotations

import random
from contextlib import suppress
from functools import partial

import pytest
import sqlalchemy as sa

from byok.core.audit import EVENTS, HEADS
from byok.ground.db import Database
from byok.ground.tables.audit import OPERATOR
from tests.audit_world import AuditWorld
from tests.security.audit_spoils import spoils
from tests.security.conftest import Tally
from tests.security.threats import at_scale

pytestmark = [pytest.mark.threat(26), pytest.mark.timeout(3600)]


@at_scale(30, few=2)
def test_every_single_change_to_a_chain_is_found(db: Database, tally: Tally, tries: int) -> None:
    world = AuditWorld(db, rows=tries)
    assert world.faults() == []
    for chain_id in (world.acme, OPERATOR) if tries > 2 else (world.acme,):
        for name, hand in spoils(world, chain_id):
            tally.tried()
            if not world.spoil(hand):
                tally.leaked(name)
    assert world.faults() == []


@at_scale(30, few=2)
def test_what_was_changed_is_still_found_after_the_product_went_on(db: Database, tally: Tally, tries: int) -> None:
    world = AuditWorld(db, rows=tries)

    def go_on(connection: sa.Connection) -> None:
        for action, chain_id in (("key.used", world.acme), ("demo.reset", OPERATOR)):
            # Rows behind a head that was set back stand in the way of more: those are refused, and nothing is hidden.
            with suppress(sa.exc.IntegrityError):
                world.add_on(connection, action, chain_id)

    for chain_id in (world.acme, OPERATOR) if tries > 2 else (world.acme,):
        for name, hand in spoils(world, chain_id):
            tally.tried()
            if not world.spoil(hand, then=go_on):
                tally.leaked(name)


@at_scale(1000, few=30)
def test_a_sample_of_all_changes_is_found_on_either_database(any_db: Database, tally: Tally, tries: int) -> None:
    world, chance = AuditWorld(any_db, rows=5), random.Random(26)  # noqa: S311 - which ones are tried is no secret
    every = list(spoils(world, world.acme))
    for name, hand in chance.sample(every, min(tries, len(every))):
        tally.tried()
        if not world.spoil(hand):
            tally.leaked(name)


@at_scale(200, few=5)
def test_every_cut_with_the_head_of_then_is_found_by_who_noted_the_end(db: Database, tally: Tally, tries: int) -> None:
    world = AuditWorld(db, rows=1)
    states = [world.all()]
    for number in range(tries):
        world.add("key.tested", world.acme, number)
        states.append(world.all())
    noted = world.head(world.acme)
    for state in states[:-1]:
        world.write(partial(world.put_back, kept=state))
        tally.tried()
        if not world.faults(noted=[noted]):
            tally.leaked(f"cut at {len(state[1])}")


def test_all_chains_removed_together_are_missed_by_who_noted_an_end(db: Database, tally: Tally) -> None:
    world = AuditWorld(db)
    noted = world.head(OPERATOR)

    def remove(connection: sa.Connection) -> None:
        for table in (EVENTS, HEADS):
            connection.execute(sa.delete(table))

    world.write(remove)
    tally.tried()
    if not world.faults(noted=[noted]):
        tally.leaked("an empty record")
