"""What a chatbot's settings name in its model's place, for when the plan is used up or a budget is reached.

Refuses to find one for any other reason or model: nobody else ever pays unless an admin has said so for that chatbot.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar
from uuid import UUID

import sqlalchemy as sa

from byok.core.model_names import ModelName, Source
from byok.ground.errors import BudgetReachedError, ByokError, PlanUsedUpError
from byok.ground.tables.types import metadata
from byok.services.access import Grant
from byok.services.columns import ColumnView

CHATBOTS = metadata.tables["chatbot"]

NO_OWN_KEYS = {
    True: "Wait for the next month (UTC), or see in API Keys what Pro brings: with own keys you can go on at once.",
    False: "Wait for the next month (UTC), or ask an admin about the Pro plan: with own keys you can go on at once.",
}  # by whether an admin asks

T = TypeVar("T")

SPENT = (PlanUsedUpError, BudgetReachedError)
"""The reasons for which another model may answer; not a provider's error, nor a key or a plan that is not there."""
REASONS: dict[Source, str] = {"plan": "the plan was used up", "byok": "a budget was reached"}
"""Why the model asked did not answer, by its source: plan messages bind standard models alone, budgets own keys."""


@dataclass(frozen=True, slots=True)
class Fallback:
    """The model that answers instead. `key_id` pins a spare key; None means the default one."""

    model: ModelName
    key_id: UUID | None


def fallback_of(
    connection: sa.Connection, *, company_id: UUID, chatbot_id: UUID | None, asked: ModelName
) -> Fallback | None:
    """What the chatbot's settings name in place of `asked`; None where they name nothing, or mean another model."""
    if chatbot_id is None:
        return None
    b = CHATBOTS.c
    its = sa.select(b.fallback_model, b.fallback_key_id).where(b.id == chatbot_id, b.company_id == company_id)
    found = connection.execute(its.where(b.model == str(asked), b.fallback_model.is_not(None))).one_or_none()
    return None if found is None else Fallback(ModelName.parse(found.fallback_model), found.fallback_key_id)


def reserve_or_fall_back(
    connection: sa.Connection,
    reserve: Callable[[ColumnView, ModelName | None], T],
    *,
    company_id: UUID,
    chatbot_id: UUID | None,
    column: ColumnView,
) -> tuple[ColumnView, T]:
    """Reserves for a column, or where its model is spent for the one that the chatbot's settings name.

    Args:
        reserve: is given the column, and the model that it is asked instead of. A refusal has written nothing.

    Returns:
        The column as it is asked, and what `reserve` made.

    Raises:
        PlanUsedUpError, BudgetReachedError: no other model may answer, or none can; then that is named too.
        ByokError: whatever else `reserve` refuses.
    """
    try:
        return column, reserve(column, None)
    except SPENT as spent:
        other = fallback_of(connection, company_id=company_id, chatbot_id=chatbot_id, asked=column.model)
        if other is None:
            raise
        in_its_place = replace(column, model=other.model, key_id=other.key_id)
        try:
            return in_its_place, reserve(in_its_place, column.model)
        except ByokError as error:
            also = cannot_either(other.model, error.message)
            raise type(spent)(f"{spent.message} {also}", next_step=spent.next_step) from None


def cannot_either(model: ModelName, why: str) -> str:
    """That the fallback cannot be asked either."""
    return f"{model.model}, which this chatbot's settings name instead, cannot be asked either: {why}"


def how_to_go_on(grant: Grant) -> str:
    """What a person can do when the plan is used up."""
    return PlanUsedUpError.default_next_step if grant.plan.byok else NO_OWN_KEYS[grant.is_admin]


def told(model: str, *, asked: str, done: bool, names: Callable[[str], str] = str) -> str:
    """`Answered by gpt-x instead of smollm2: the plan was used up.`

    Args:
        model, asked: full names of the one that answered and of the one that was asked for.
        done: whether it answered, or may still; else it was only asked.
        names: what a model is called; where both are called the same, their full names tell them apart.
    """
    one, other = names(model), names(asked)
    if one == other:
        one, other = model, asked
    why = REASONS[ModelName.parse(asked).source]
    return f"{'Answered by' if done else 'Asked'} {one} instead of {other}: {why}."
