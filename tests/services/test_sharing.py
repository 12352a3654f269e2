"""Who may do what with a conversation that is shared, and with one that is not: every method, every kind of person."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import pytest

from byok.ground.db import Database
from byok.ground.errors import NotFoundError
from byok.ground.ids import new_id
from byok.services.access import Actor
from byok.services.conversation_views import Asked
from byok.services.conversations import Conversations
from byok.services.messages import Ask, Message
from tests.fake_provider import held
from tests.run_world import BYOK, Author, rows, until
from tests.services.talk_world import TalkWorld, talk_world


class Shared:
    """A conversation of `max`, a member, with one answer; everybody else tries what can be done with it."""

    def __init__(self, one: TalkWorld) -> None:
        self.one, self.talk = one, one.talk
        self.asked, got = one.ask("Between us", actor=one.max)
        self.id, self.answer_id, self.turn_id = self.asked.conversation_id, got.id, self.asked.turn_id
        self.setups = [view.setup for view in one.talk.thread(one.max, self.id).columns]
        other = Author(one.db, slug="other")
        self.people = {
            "author": one.max,
            "colleague": Actor(one.ada.company_id, one.author.add_person("eve", "member")),
            "admin": one.ada,
            "stranger": Actor(other.company_id, other.person_id),
            "operator": Actor(one.ada.company_id),
        }

    def send(self, who: Actor, conversation_id: UUID) -> Asked:
        """One more message to its columns."""
        return self.talk.send(who, Message([Ask("And?")], self.setups, conversation_id))

    def state(self) -> list[Any]:
        """All that a change could change."""
        tables = ("conversation", "conversation_column", "turn", "answer", "attempt")
        return [rows(self.one.db, name) for name in tables]


Call = Callable[[Shared, Actor, UUID, UUID, UUID], object]  # who, then the conversation, the answer and the turn
READS: dict[str, Call] = {
    "get": lambda s, who, conversation, _a, _t: s.talk.get(who, conversation),
    "thread": lambda s, who, conversation, _a, _t: s.talk.thread(who, conversation),
    "running": lambda s, who, conversation, _a, _t: s.talk.running(who, conversation),
    "answer": lambda s, who, _c, answer_id, _t: s.talk.answer(who, answer_id),
    "answers": lambda s, who, _c, answer_id, _t: s.talk.answers(who, [s.answer_id, answer_id]),
    "places": lambda s, who, _c, _a, turn_id: s.talk.places(who, [s.turn_id, turn_id]),
    "check": lambda s, who, _c, answer_id, _t: s.talk.check(who, [s.answer_id, answer_id]),
}
CHANGES: dict[str, Call] = {
    "send": lambda s, who, conversation, _a, _t: s.send(who, conversation),
    "ask": lambda s, who, conversation, _a, _t: s.talk.ask(who, text="And?", model=BYOK, conversation_id=conversation),
    "again": lambda s, who, _c, answer_id, _t: s.talk.again(who, answer_id),
    "arrange": lambda s, who, conversation, _a, _t: s.talk.arrange(who, conversation, s.setups),
    "stop": lambda s, who, _c, answer_id, _t: s.talk.stop(who, s.answer_id, answer_id),
    "rename": lambda s, who, conversation, _a, _t: s.talk.rename(who, conversation, title="Mine"),
    "share": lambda s, who, conversation, _a, _t: s.talk.share(who, conversation, shared=True),
    "delete": lambda s, who, conversation, _a, _t: s.talk.delete(who, conversation),
}
NAMING_NONE = {"start", "ask_once", "list"}  # these open nobody's conversation
PEOPLE = ["author", "colleague", "admin", "stranger", "operator"]
READERS = {"author", "colleague", "admin"}


@pytest.fixture
def made(db: Database) -> Iterator[Shared]:
    with talk_world(db) as one:
        yield Shared(one)


def refusal(made: Shared, call: Call, who: Actor, *ids: UUID) -> str:
    with pytest.raises(NotFoundError) as caught:
        call(made, who, *ids)
    return str(caught.value)


def test_the_tables_here_name_every_method_that_there_is() -> None:
    public = {name for name, _ in inspect.getmembers(Conversations, inspect.isfunction) if not name.startswith("_")}
    assert public == READS.keys() | CHANGES.keys() | NAMING_NONE


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("person", PEOPLE)
def test_a_shared_conversation_is_read_by_its_company_and_changed_by_its_author_alone(
    made: Shared, person: str, shared: bool
) -> None:
    who, ids = made.people[person], (made.id, made.answer_id, made.turn_id)
    made.talk.share(made.one.max, made.id, shared=shared)
    before = made.state()
    for name, call in READS.items():
        if person == "author" or (shared and person in READERS):
            call(made, who, *ids)
        else:
            assert refusal(made, call, who, *ids) == refusal(made, call, who, new_id(), new_id(), new_id()), name
    if person == "author":
        for call in CHANGES.values():
            call(made, who, *ids)
            until(lambda: all(row["state"] != "running" for row in rows(made.one.db, "answer")))
        assert rows(made.one.db, "conversation") == []
        return
    for name, call in CHANGES.items():
        assert refusal(made, call, who, *ids) == refusal(made, call, who, new_id(), new_id(), new_id()), name
    assert made.state() == before
    assert made.talk.list(who) == ()


def test_a_reader_is_told_whose_it_is_and_sees_what_the_author_sees(made: Shared) -> None:
    made.talk.share(made.one.max, made.id, shared=True)
    read, own = (made.talk.thread(made.people[person], made.id) for person in ("admin", "author"))
    assert (read.conversation.mine, read.conversation.shared, read.conversation.author) == (False, True, "max")
    assert (own.conversation.mine, own.conversation.shared) == (True, True)
    assert (read.turns, read.columns) == (own.turns, own.columns)


def test_a_reader_follows_an_answer_and_loses_it_when_sharing_ends(made: Shared) -> None:
    gate, one = threading.Event(), made.one
    one.fake.script = held(gate)
    made.talk.share(one.max, made.id, shared=True)
    (answer_id,) = made.send(one.max, made.id).answer_ids
    reader = made.people["colleague"]
    live = one.process.runner.live(answer_id)
    assert live is not None
    until(lambda: live.text)
    assert made.talk.answer(reader, answer_id).text == "Once"
    made.talk.share(one.max, made.id, shared=False)
    for call in READS.values():
        assert refusal(made, call, reader, made.id, answer_id, made.turn_id)
    assert made.talk.answer(one.max, answer_id).running
    gate.set()
    assert live.wait_end(timeout=10)


def test_sharing_ends_nothing_and_moves_nothing_in_the_authors_list(made: Shared) -> None:
    later, _ = made.one.ask("Later", actor=made.one.max)
    made.talk.share(made.one.max, made.id, shared=True)
    assert [view.id for view in made.talk.list(made.one.max)] == [later.conversation_id, made.id]
