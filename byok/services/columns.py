"""The columns of a conversation: which models stand side by side, each with its own parameters and system prompt.

A column that is removed keeps its answers, and its place goes to no other. Callers have admitted the author.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa

from byok.core.model_names import ModelName
from byok.core.parameters import Parameters
from byok.core.run import storable
from byok.ground.errors import InvalidInputError
from byok.ground.ids import new_id
from byok.ground.prepared import Prepared
from byok.ground.tables.types import metadata

COLUMNS = metadata.tables["conversation_column"]
CHATBOTS = metadata.tables["chatbot"]

MOST_COLUMNS: Final = 8
LONGEST_PROMPT: Final = 100_000  # characters

_k = COLUMNS.c
_ADD = Prepared(
    sa.insert(COLUMNS),
    columns=("id", "conversation_id", "position", "model", "key_id", "parameters", "system_prompt"),
)
_OF = Prepared(
    sa.select(_k.id, _k.position, _k.model, _k.key_id, _k.parameters, _k.system_prompt, _k.removed_at)
    .where(_k.conversation_id == sa.bindparam("which"))
    .order_by(_k.position)
)


@dataclass(frozen=True, slots=True)
class ColumnSetup:
    """What a column is to be asked with next.

    Attributes:
        id: made by whoever adds the column, and its id from then on.
        model: None leaves it as it was: the model is gone, and no other one was chosen yet.
        key_id: pins a spare key; None means the default one.
    """

    model: ModelName | None
    key_id: UUID | None = None
    parameters: Parameters = field(default_factory=Parameters)
    system_prompt: str = ""
    id: UUID = field(default_factory=new_id)

    def checked(self) -> ColumnSetup:
        """Itself, its system prompt as it is kept.

        Raises:
            InvalidInputError: the model's name, a parameter or the system prompt is none that could be sent.
        """
        self.parameters.checked()
        if self.model is not None and storable(str(self.model)) != str(self.model):
            raise InvalidInputError("This is not the name of a model.", field="model")
        if len(self.system_prompt) > LONGEST_PROMPT:
            raise InvalidInputError(f"The system prompt is longer than {LONGEST_PROMPT:,} characters.", field="system")
        return replace(self, system_prompt=storable(self.system_prompt))


@dataclass(frozen=True, slots=True)
class ColumnView:
    """A column as it is kept. `position` counts from 0 and is never given to another column."""

    id: UUID
    position: int
    model: ModelName
    key_id: UUID | None
    parameters: Parameters
    system_prompt: str
    removed: bool

    @property
    def setup(self) -> ColumnSetup:
        """What it is asked with next."""
        return ColumnSetup(self.model, self.key_id, self.parameters, self.system_prompt, self.id)

    def ran_with(self, asked: ColumnView) -> dict[str, Any]:
        """The configuration that an answer keeps.

        Args:
            asked: the column as the person set it: a budget may have set a length, a chatbot led to another model.
        """
        kept: dict[str, Any] = {"parameters": self.parameters.to_json(), "system_prompt": self.system_prompt}
        # The key's id as chosen, not as found: a default is to stay a default when the answer is run again.
        kept |= {"model": str(self.model), "key_id": str(self.key_id) if self.key_id else None}
        if self.model != asked.model:
            kept["instead_of"] = str(asked.model)
        if self.parameters != asked.parameters:
            kept["put_in"] = asked.parameters.to_json()
        return kept


def columns_of(connection: sa.Connection, conversation_id: UUID) -> list[ColumnView]:
    """All of them in their order, removed ones too."""
    return [
        ColumnView(
            row.id,
            row.position,
            ModelName.parse(row.model),
            row.key_id,
            Parameters.of(row.parameters),
            row.system_prompt,
            row.removed_at is not None,
        )
        for row in _OF.run(connection, {"which": conversation_id})
    ]


def arrange(
    connection: sa.Connection,
    conversation_id: UUID,
    setups: Sequence[ColumnSetup],
    *,
    before: Sequence[ColumnView],
    at: datetime,
) -> list[ColumnView]:
    """Makes the conversation's columns those: adds, changes and removes.

    Args:
        before: as `columns_of` gave them in this transaction.

    Returns:
        The columns now, without removed ones.

    Raises:
        InvalidInputError: none or too many, one twice, one that cannot be set so, or another conversation's.
    """
    if not 1 <= len(setups) <= MOST_COLUMNS:
        raise InvalidInputError(f"A conversation has 1 to {MOST_COLUMNS} columns.", field="columns")
    if len({setup.id for setup in setups}) < len(setups):
        raise InvalidInputError("A column stands there twice.", field="columns")
    known = {column.id: column for column in before}
    position = max((column.position for column in before), default=-1) + 1
    now: list[ColumnView] = []
    for setup in (one.checked() for one in setups):
        column = known.pop(setup.id, None)
        if column is None:
            if setup.model is None:
                continue
            column = _view(setup, setup.model, position)
            try:
                _ADD.run(connection, {**_values(column), "id": column.id, "conversation_id": conversation_id})
            except sa.exc.IntegrityError:
                raise InvalidInputError("This is no column of this conversation.", field="columns") from None
            position += 1
        else:
            wanted = _view(setup, setup.model or column.model, column.position)
            if wanted != column:
                its = sa.update(COLUMNS).where(_k.id == column.id)
                connection.execute(its.values(**_values(wanted), removed_at=None))
            column = wanted
        now.append(column)
    if not now:
        raise InvalidInputError("No column has a model.", field="columns", next_step="Choose one.")
    gone = [column.id for column in known.values() if not column.removed]
    if gone:
        connection.execute(sa.update(COLUMNS).where(_k.id.in_(gone)).values(removed_at=at))
    return sorted(now, key=lambda column: column.position)


def as_chatbot(connection: sa.Connection, company_id: UUID, chatbot_id: UUID) -> tuple[Parameters, str] | None:
    """Parameters and system prompt of a chatbot of that company; None where there is no such chatbot."""
    b = CHATBOTS.c
    its = sa.select(b.temperature, b.max_tokens, b.system_prompt)
    bot = connection.execute(its.where(b.id == chatbot_id, b.company_id == company_id)).one_or_none()
    if bot is None:
        return None
    return Parameters(temperature=bot.temperature, max_tokens=bot.max_tokens), bot.system_prompt


def _view(setup: ColumnSetup, model: ModelName, position: int) -> ColumnView:
    prompt = storable(setup.system_prompt)
    return ColumnView(setup.id, position, model, setup.key_id, setup.parameters, prompt, removed=False)


def _values(column: ColumnView) -> dict[str, object]:
    return {
        "position": column.position,
        "model": str(column.model),
        "key_id": column.key_id,
        "parameters": column.parameters.to_json(),
        "system_prompt": column.system_prompt,
    }
