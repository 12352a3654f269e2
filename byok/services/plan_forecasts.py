"""What the plan answers of a run, in the order in which its messages are reserved.

Reads nothing, and refuses to promise a message twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from byok.services.access import Grant
from byok.services.fallbacks import how_to_go_on
from byok.services.forecast_views import Forecast
from byok.services.looked_at import LookedAt
from byok.services.messages import Ask


def held(columns: Sequence[LookedAt], asks: Sequence[Ask], left: int) -> dict[UUID, list[int]]:
    """How many plan messages each column gets of each of its asks: in the order in which they are reserved."""
    found: dict[UUID, list[int]] = {one.blank.column_id: [] for one in columns}
    on_plan = [one for one in columns if one.blank.source == "plan" and one.route is not None]
    for ask in asks:
        for one in on_plan:
            if ask in one.asks:
                taken = min(ask.repeats, left)
                found[one.blank.column_id].append(taken)
                left -= taken
    return found


def of_plan(column: LookedAt, grant: Grant, *, held: int, left: int) -> Forecast:
    """Of a column on the plan.

    Args:
        left: of the month's messages, before any column.
    """
    wanted = sum(ask.repeats for ask in column.asks)
    if column.route is None or held == wanted:
        return replace(column.blank, messages=held)
    if held:
        are = "message is" if left == 1 else "messages are"
        # One that gets too few was refused when none was left: all that it did not get went elsewhere.
        others = f", and other columns take {left - held:,} of them" if left > held else ""
        problem = f"Only {held} of {wanted} can be asked: {left:,} plan {are} left{others}."
        return replace(column.blank, messages=held, problem=problem)
    return replace(column.blank, problem=f"{used_up(grant, left)}. {how_to_go_on(grant)}", runs=False)


def used_up(grant: Grant, left: int) -> str:
    """That the plan is used up, or will be."""
    by_others = ", by the columns before it as well" if left else ""
    return f"This month's {grant.plan.messages:,} plan messages are used up{by_others}"
