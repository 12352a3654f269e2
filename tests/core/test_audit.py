"""The audit log's chains: what is written, by how many at once, and what a check says of each way to spoil them."""

from __future__ import annotations

import base64
import secrets
import threading
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from datetime import timedelta
from functools import partial
from uuid import UUID

import pytest
import sqlalchemy as sa

from byok.core.audit import EVENTS, HEADS, SIGNED, Chains, Happening
from byok.core.audit_check import Head
from byok.core.master_keys import MasterKeys
from byok.core.vault import Vault
from byok.ground import request_ids
from byok.ground.db import Database
from byok.ground.errors import NotAllowedError
from byok.ground.ids import new_id
from byok.ground.tables.audit import OPERATOR
from tests.audit_world import NOON, AuditWorld, fresh_vault


@pytest.fixture
def world(db: Database) -> AuditWorld:
    return AuditWorld(db)


def test_a_chain_is_whole_and_says_where_it_ends(any_db: Database) -> None:
    world = AuditWorld(any_db, rows=3)
    operator, *others = world.check()
    assert (operator.chain_id, {one.chain_id for one in others}) == (OPERATOR, {world.acme, world.rival})
    assert [(one.entries, one.head and one.head.seq, one.faults) for one in (operator, *others)] == [(3, 3, [])] * 3
    assert [row["seq"] for row in world.events(world.acme)] == [1, 2, 3]


def test_what_happened_is_kept_as_it_was_told(any_db: Database) -> None:
    world = AuditWorld(any_db, rows=2)
    row = world.events(world.acme)[1]
    told = {name: row[name] for name in ("actor_id", "actor_name", "action", "subject", "fingerprint", "detail")}
    assert told == {
        "actor_id": world.ada,
        "actor_name": "Ada",
        "action": "key.tested",
        "subject": "Product team 1",
        "fingerprint": "0000000000000001",
        "detail": "OpenAI: accepted",
    }
    assert (row["address"], row["request_id"]) == ("127.0.0.1", "r1")
    assert row["at"] == NOON + timedelta(seconds=1, microseconds=1)


def test_an_entry_carries_the_id_that_the_log_lines_of_the_same_click_carry(world: AuditWorld) -> None:
    def click() -> str:
        mine = request_ids.begin()
        with world.db.write_core() as connection:
            world.chains.add(connection, Happening("key.added", world.acme), at=NOON)
        return mine

    assert copy_context().run(click) == world.events(world.acme)[-1]["request_id"]
    with world.db.write_core() as connection:  # the command line answers nobody's request
        world.chains.add(connection, Happening("key.added", world.acme), at=NOON)
    assert world.events(world.acme)[-1]["request_id"] == ""
    assert world.faults() == []


def test_every_column_is_part_of_the_hash() -> None:
    assert {*SIGNED, "mac"} == set(EVENTS.c.keys())


def test_the_operators_chain_notes_each_beginning_once(world: AuditWorld) -> None:
    begun = [row for row in world.events(OPERATOR) if row["action"] == "chain.began"]
    assert {UUID(row["subject"]) for row in begun} == {world.acme, world.rival}
    first = world.events(world.acme)[0]["mac"].hex()
    assert [row["fingerprint"] for row in begun if row["subject"] == str(world.acme)] == [first[:32]]


def test_what_is_refused_with_its_transaction_is_not_recorded(world: AuditWorld) -> None:
    happened = Happening("key.added", world.acme)

    def refused() -> None:
        with world.db.write_core() as connection:
            world.chains.add(connection, happened, at=NOON)
            raise NotAllowedError("No.")

    with pytest.raises(NotAllowedError):
        refused()
    assert len(world.events(world.acme)) == 6
    assert world.faults() == []


def test_a_text_that_no_database_could_keep_is_made_one_that_can(any_db: Database) -> None:
    world = AuditWorld(any_db, rows=1)
    odd = Happening("session.failed", world.acme, subject="a\0b\ud800c\nd\u202ee", detail="x" * 5000)
    with any_db.write_core() as connection:
        world.chains.add(connection, odd, at=NOON)
    row = world.events(world.acme)[-1]
    assert row["subject"] == "a\ufffdb\ufffdc\ufffdd\ufffde"
    assert (len(row["detail"]), row["detail"][-1]) == (400, "…")
    assert world.faults() == []


def test_many_at_once_leave_no_gap_and_wait_for_no_one_for_ever(any_db: Database) -> None:
    vault, ids = fresh_vault(), [new_id() for _ in range(3)]
    workers, each = 8, 12
    start = threading.Barrier(workers)

    def work(number: int) -> None:
        chains = Chains(vault=vault)
        start.wait()
        for turn in range(each):
            what = Happening("key.used", ids[(number + turn) % len(ids)], detail=f"{number}/{turn}")
            with any_db.write_core() as connection:
                chains.add(connection, what, at=NOON)
                if turn % 4 == 0:  # as a reset of the demo does
                    chains.add(connection, Happening("demo.reset", detail=f"{number}/{turn}"), at=NOON)

    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(work, range(workers)))
    world = AuditWorld(any_db, rows=0, vault=vault)
    checked = {one.chain_id: one for one in world.check()}
    assert [one.faults for one in checked.values()] == [[]] * 4
    assert sum(checked[one].entries for one in ids) == workers * each
    details = [row["detail"] for one in ids for row in world.events(one)]
    assert len(set(details)) == workers * each
    assert checked[OPERATOR].entries == len(ids) + workers * each // 4 + 1


def test_each_way_to_spoil_a_chain_is_named_with_its_entry(world: AuditWorld) -> None:
    mine, e = EVENTS.c.chain_id == world.acme, EVENTS.c

    def gone(*numbers: int) -> list[str]:
        return world.spoil(lambda c: c.execute(sa.delete(EVENTS).where(mine, e.seq.in_(numbers))))

    def set_(number: int, **values: object) -> list[str]:
        return world.spoil(lambda c: c.execute(sa.update(EVENTS).where(mine, e.seq == number).values(values)))

    def swap(connection: sa.Connection) -> None:
        for before, after in ((2, 100), (5, 2), (100, 5)):
            connection.execute(sa.update(EVENTS).where(mine, e.seq == before).values(seq=after))

    def head(**values: object) -> list[str]:
        return world.spoil(lambda c: c.execute(sa.update(HEADS).where(HEADS.c.chain_id == world.acme).values(values)))

    assert set_(3, detail="OpenAI: rejected") == ["Entry 3 was changed."]
    assert gone(3) == ["Entry 3 was removed."]
    assert gone(1, 2) == ["Entries 1 to 2 were removed."]
    assert gone(5, 6) == ["Entries 5 to 6 were cut off at the end."]
    assert world.spoil(swap) == ["Entry 2 was reordered: what was written there stands at 5 now."]
    assert head(seq=5) == head(mac=b"x") == ["The head of the record was changed: it is not as it was signed."]
    assert head(audit_key=b"x") == ["The chain's key does not open here: nothing of the record can be checked."]
    assert world.spoil(lambda c: c.execute(sa.delete(HEADS).where(HEADS.c.chain_id == world.acme))) == [
        "The head of the record is gone."
    ]


def test_a_chain_that_is_gone_with_its_head_is_missed(world: AuditWorld) -> None:
    def both(connection: sa.Connection, chain_id: UUID) -> None:
        for table in (EVENTS, HEADS):
            connection.execute(sa.delete(table).where(table.c.chain_id == chain_id))

    assert world.spoil(lambda c: both(c, world.acme)) == ["The whole record is gone."]
    assert world.spoil(lambda c: both(c, OPERATOR)) == [
        "The whole record is gone: the beginnings of the others stood in it."
    ]
    again = world.spoil(lambda c: both(c, world.acme), then=lambda c: world.add_on(c, "key.added", world.acme))
    assert again == ["The record was begun anew: what stood in it before is gone."]
    again = world.spoil(lambda c: both(c, OPERATOR), then=lambda c: world.add_on(c, "demo.reset", OPERATOR))
    assert again == ["The operator's record does not note the beginning of this one."] * 2


def test_going_on_behind_a_cut_covers_nothing_up(world: AuditWorld) -> None:
    fifth = world.events(world.acme)[4]

    def cut(connection: sa.Connection) -> None:
        connection.execute(sa.delete(EVENTS).where(EVENTS.c.chain_id == world.acme, EVENTS.c.seq > 5))
        mine = sa.update(HEADS).where(HEADS.c.chain_id == world.acme)
        connection.execute(mine.values(seq=5, mac=fifth["mac"]))

    (fault,) = world.spoil(cut, then=lambda c: world.add_on(c, "key.used", world.acme))
    assert fault == "At entry 6 the record was resumed. The end of the record was not as it was signed."


def test_with_a_lost_key_the_record_goes_on_and_says_from_where_it_holds(any_db: Database) -> None:
    world, other = AuditWorld(any_db, rows=3), fresh_vault()
    assert world.add("key.added", world.acme, vault=other) == 5  # one says that it was resumed
    world.add("key.deleted", world.acme, vault=other)
    found = {one.chain_id: one for one in world.check(vault=other)}
    lost = "Entries 1 to 3 were changed, or written with a key that is lost; at entry 4 the record was resumed."
    assert found[world.acme].faults == [lost]
    assert found[world.acme].entries == 6
    world.write(lambda c: c.execute(sa.update(EVENTS).where(EVENTS.c.seq == 6).values(subject="other")))
    (checked,) = (one for one in world.check(vault=other) if one.chain_id == world.acme)
    assert checked.faults == [lost, "Entry 6 was changed."]


def test_the_record_goes_on_under_another_master_key(any_db: Database) -> None:
    keys = ["t1:" + base64.b64encode(secrets.token_bytes(32)).decode() for _ in range(2)]
    world = AuditWorld(any_db, rows=2, vault=Vault(MasterKeys.parse(keys[0])))
    both = Vault(MasterKeys.parse(",".join((keys[1].replace("t1", "t2"), keys[0]))))
    for chain_id, head in world.heads().items():
        fresh = both.reseal_audit_key(head["audit_key"], chain_id=chain_id)
        mine = sa.update(HEADS).where(HEADS.c.chain_id == chain_id)
        world.write(partial(sa.Connection.execute, statement=mine.values(audit_key=fresh)))
    alone = Vault(MasterKeys.parse(keys[1].replace("t1", "t2")))
    assert world.add("key.used", world.acme, vault=alone) == 3
    assert world.faults(vault=alone) == []


def test_an_old_database_put_back_is_missed_by_who_noted_its_end(world: AuditWorld) -> None:
    old = world.all()
    for _ in range(3):
        world.add("key.deleted", world.acme)
    noted = world.head(world.acme)
    assert world.faults(noted=[noted]) == []
    world.write(lambda connection: world.put_back(connection, old))
    assert world.faults() == []  # inside, nothing is wrong with it
    cut_off = "Entry 9 was cut off: it was there when the record's end was noted."
    assert world.faults(noted=[noted]) == [cut_off]
    for _ in range(4):
        world.add("key.used", world.acme)
    other = "Entry 9 is not the one that was noted: an older record was put back."
    assert world.faults(noted=[noted]) == [other]
    assert world.faults(noted=[Head(new_id(), 1, "00" * 16)]) == ["The head of the record is gone."]


def test_a_check_of_one_company_reads_its_chain_and_the_operators(world: AuditWorld) -> None:
    assert [one.chain_id for one in world.check(only=world.rival)] == [OPERATOR, world.rival]
    assert [one.chain_id for one in world.check(only=new_id())] == [OPERATOR]


@pytest.mark.parametrize("column", [*SIGNED[1:], "mac"])
def test_whatever_somebody_puts_into_sqlite_is_found_and_breaks_no_check(world: AuditWorld, column: str) -> None:
    for raw in ("x'ff00'", "'\x7f'", "CAST(x'ff' AS TEXT)", "1.5", "-1", "99999999999", "'2026-13-45'", "''"):
        where = f"WHERE seq = 3 AND chain_id = '{world.acme.hex}'"

        def put(connection: sa.Connection, raw: str = raw, where: str = where) -> None:
            connection.exec_driver_sql(f"UPDATE audit_event SET {column} = {raw} {where}")  # noqa: S608

        assert world.spoil(put) != [], raw
