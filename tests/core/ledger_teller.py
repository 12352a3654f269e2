"""Tells each step of a story twice: the world does it, and the model hears what must have come of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, tzinfo
from uuid import UUID

from hypothesis.stateful import RuleBasedStateMachine

from byok.core.ledger import Outcome
from byok.core.model_names import ModelName
from byok.ground.errors import BudgetReachedError, ByokError, PlanUsedUpError
from byok.ground.tables.types import metadata
from tests.core.ledger_model import Model, Row, month_of
from tests.core.ledger_story import FAILED, UNIT, Ending, Sketch
from tests.core.ledger_world import CHATBOTS, Call, World

EMPTY: Row = dict.fromkeys(metadata.tables["attempt"].columns.keys())
Begun = tuple[UUID, UUID | None] | type[ByokError]


class Teller(RuleBasedStateMachine):
    """One story, without its rules.

    Args:
        told: counts what happened, over all stories.
    """

    def __init__(self, world: World, told: Counter[str]) -> None:
        super().__init__()
        self.world, self.told, self.model = world, told, Model()
        self.processes: list[UUID] = []
        self.now = datetime.now(UTC)
        self.zone: tzinfo = UTC
        self.checked: dict[UUID, list[Row]] = {}

    @property
    def at(self) -> datetime:
        """Now, in whatever zone."""
        return self.now.astimezone(self.zone)

    def _call(self, who: int, sketch: Sketch) -> Call | None:
        """None where it has no key to go with."""
        company = self.world.companies[who]
        keys = company.keys[sketch.provider_id] if sketch.source == "byok" else [None]
        if not keys:
            return None
        return Call(
            company,
            ModelName(sketch.source, sketch.provider_id, sketch.model),
            self.processes[sketch.process],
            self.at,
            None if sketch.units is None else sketch.units * UNIT,
            key_id=keys[sketch.key % len(keys)],
            person_id=company.people[sketch.person],
            chatbot_id=CHATBOTS[sketch.chatbot],
            talk=sketch.talk,
            allowance=self.model.terms[company.id].allowance,
        )

    def _row(self, call: Call) -> Row:
        """Its row as it must be reserved, but for ids."""
        bound = self.model.binding(call.company.id, call.name)
        return EMPTY | {
            "company_id": call.company.id,
            "person_id": call.person_id,
            "chatbot_id": call.chatbot_id,
            "conversation_id": call.company.conversation_id if call.talk else None,
            "process_id": call.process_id,
            "source": call.name.source,
            "provider_id": call.name.provider_id,
            "model_asked": call.name.model,
            "key_id": call.key_id,
            "key_label": "Product team" if call.key_id else None,
            "key_hint": "4f2a" if call.key_id else None,
            "status": "reserved",
            "answered": False,
            "sample": False,
            "month": month_of(call.at),
            "reserved_at": call.at,
            "reserved_pico": call.most_pico if bound else None,
        }

    def _try(self, call: Call) -> Begun:
        try:
            return self.world.begin(call)
        except (PlanUsedUpError, BudgetReachedError) as error:
            return type(error)

    def _begun(self, call: Call, row: Row, found: Begun) -> None:
        if isinstance(found, tuple):
            self.model.begin(row | {"id": found[0], "answer_id": found[1]})
            self.told[f"sent: {call.name.source}"] += 1
        else:
            assert found is (PlanUsedUpError if call.name.source == "plan" else BudgetReachedError)
            self.told[f"refused: {found.__name__}"] += 1

    def _picked(self, company_id: UUID | None, picks: Sequence[tuple[int, Ending]]) -> list[tuple[Row, Ending]]:
        """Open attempts, each once, with how they are to end."""
        left, found = self.model.open(company_id), []
        for pick, ending in picks:
            if left:
                found.append((left.pop(pick % len(left)), ending))
        return found

    def _end(self, row: Row, ending: Ending) -> None:
        outcome = ending.outcome(row)
        if row["answer_id"]:
            self.world.finish(row, outcome, at=self.at)
        else:
            assert self.world.settle(row["id"], outcome, at=self.at)
        self._settled(row["id"], outcome)
        self.told[ending.kind] += 1

    def _settled(self, attempt_id: UUID, outcome: Outcome) -> None:
        self.model.settle(attempt_id, asdict(outcome), at=self.at)

    def _has_key(self, row: Row) -> bool:
        """Whether it needs none, or has it still."""
        return row["key_id"] is None or row["key_id"] in self.world.all_keys()

    def _followed(self, row: Row, found: UUID | None) -> None:
        """A further attempt at the same question: unless a month has begun or its key is gone."""
        gone, over = not self._has_key(row), row["month"] != month_of(self.at)
        assert (found is None) == (gone or over)
        if found is not None:
            fresh = row | {"id": found, "reserved_at": self.at}
            self.model.begin(fresh, question=self.model.question[row["id"]])
            self.told["an amount held on for a retry"] += row["reserved_pico"] is not None
        self.told["retried" if found else "not retried, its key is gone" if gone else "not retried, a month began"] += 1

    def _finish_late(self, row: Row) -> None:
        """The end of an attempt that is settled: takes along whatever else of its answer is still open."""
        if row["answer_id"]:
            self.world.finish(row, FAILED, at=self.at)
            self._lose(lambda one: one["answer_id"] == row["answer_id"], "interrupted")

    def _lose(self, which: Callable[[Row], bool], status: str, with_text: Collection[UUID] = ()) -> None:
        """Attempts of which nobody can say more than that they ended."""
        for row in filter(which, self.model.open()):
            answered = row["answer_id"] in with_text
            self.model.settle(row["id"], {"status": status, "answered": answered}, at=self.at)
            self.told[f"{status}, {'with' if answered else 'without'} text"] += 1
