"""The audit log: nobody who can write to the database changes, removes, reorders or cuts off a row unseen."""

from __future__ import annotations

import random
from contextlib import suppress
from functools import partial

import pytest
import sqlalchemy as sa

from byok.core.audit import EVENTS, HEADS
from byok.core.audit_check import check, ends
from byok.ground.db import Database
from byok.ground.errors import RecordSpoiltError
from byok.ground.tables.audit import OPERATOR
from byok.services.audit_rows import entries
from tests.audit_world import AuditWorld, fresh_vault
from tests.security.audit_spoils import oddities, older, spoils
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


@at_scale(5000, few=150)
@pytest.mark.parametrize("lost", [False, True], ids=["", "behind a lost key"])
def test_whatever_stands_in_a_column_breaks_no_check_no_list_and_no_note_of_the_ends(
    db: Database, tally: Tally, tries: int, lost: bool
) -> None:
    chance = random.Random(27)  # noqa: S311 - which ones are tried is no secret
    world = AuditWorld(db, rows=1)
    if lost:  # entries from before are read, and cannot be judged
        world.vault = fresh_vault()
        for chain_id in (world.acme, OPERATOR):
            world.add("key.used", chain_id, vault=world.vault)
    usual = world.faults()

    def read(connection: sa.Connection) -> None:
        check(connection, world.vault, only=world.rival)
        heads, unreadable = ends(connection)
        assert len(heads) + len(unreadable) == 3
        with suppress(RecordSpoiltError):
            entries(connection, chain_id, limit=50)

    for chain_id in (world.acme, OPERATOR):
        every = list(oddities(world, chain_id))
        for name, hand in chance.sample(every, min(tries, len(every))):
            tally.tried()
            try:
                found = world.spoil(hand, then=read)
            except Exception as error:  # noqa: BLE001 - whatever it is, somebody can bring it about
                tally.leaked(f"{name}: {error!r}")
            else:
                if found == usual and not lost:
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


@at_scale(200, few=5)
def test_an_old_state_of_one_chain_is_seen_by_who_noted_its_end_and_by_nobody_else(
    db: Database, tally: Tally, tries: int
) -> None:
    world = AuditWorld(db, rows=2)
    heads = []
    for number in range(tries):
        heads += [(one, head) for one, head in world.heads().items() if one in (world.acme, OPERATOR)]
        world.add("key.tested", world.acme, number)
        world.add("demo.reset", OPERATOR, number)
    noted = [world.head(one) for one in (world.acme, OPERATOR)]
    for chain_id, head in heads:
        assert world.spoil(older(chain_id, head)) == []  # as docs/audit.md says
        tally.tried()
        if not world.spoil(older(chain_id, head), noted=noted):
            tally.leaked(f"a chain put back to {head['seq']}")


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
