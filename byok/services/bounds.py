"""How much a question can come to at most: the tokens that go in and out, and what they and the request cost.

Refuses to make up a bound where there is no price. Knows the model that is asked, and prices as they are now: what a
provider adds to those by itself is not in it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa

from byok.core.price_book import ORIGIN, OWN
from byok.core.prices import context_window
from byok.core.run import Pricing, storable
from byok.core.wire import ModelInfo, Usage
from byok.ground.tables.types import metadata
from byok.services.history import Memory
from byok.services.messages import Ask
from byok.services.routes import Route

MENUS = metadata.tables["model_menu"]
FRAME: Final = 16
"""Tokens that a chat's format adds to a message, at most."""
OPENING: Final = 512
"""Tokens that a provider may put before a conversation by itself, such as the model's name and the day."""
MESSAGE: Final = 4_000
"""Characters of a message that is not written yet, for which a run's cost is bounded."""
_LONGEST: Final = "\N{LARGE ORANGE CIRCLE}" * MESSAGE  # no character takes more bytes


def unwritten(to: Collection[UUID] | None = None) -> tuple[Ask, ...]:
    """A message of `MESSAGE` characters that is still to be written, to these columns; None means all."""
    return (Ask(_LONGEST, to=to),)


def is_unwritten(ask: Ask) -> bool:
    """Whether it stands for a message that is still to be written."""
    return ask.text is _LONGEST


def most_tokens(text: str) -> int:
    """The tokens of one message, at most: each stands for one byte of what is sent at least."""
    return len(storable(text).encode()) + FRAME


def window(connection: sa.Connection, route: Route) -> int | None:
    """The most tokens that an answer can have where its length is not set: what the model holds at all."""
    rows = connection.execute(sa.select(MENUS.c.models).where(MENUS.c.key_id == route.key_id)).scalar() or []
    row = next((row for row in rows if row["id"] == route.name.model), None)
    listed = ModelInfo.from_json(row).context if row is not None else None
    return listed or context_window(route.provider, route.name.model)


def dearest(
    price: Pricing,
    route: Route,
    tokens_in: int,
    tokens_out: int,
    *,
    company_id: UUID,
    at: datetime,
    connection: sa.Connection,
) -> int | None:
    """What so many tokens can cost at most, in pico-dollars; None where the price is not known.

    Where a provider sends a figure of its own, that one will hold whatever the company has set: then the dearer of the
    company's price and the list's is meant.
    """
    costs: list[int] = []
    for whose in (company_id,) if route.provider.cost_at == "none" else (company_id, None):
        # What is put into a cache is mostly dearer, and of a few models what was in it as well.
        for read, written in ((None, None), (tokens_in, None), (None, tokens_in)):
            usage = Usage(tokens_in, tokens_out, tokens_cached=read, tokens_cache_write=written)
            more: dict[str, Any] = {"key_id": route.key_id, "company_id": whose, "connection": connection}
            found = price(route.provider, model=route.name.model, usage=usage, at=at, **more)
            if found is None:
                break
            costs.append(found.cost_pico)
            if found.origin in (ORIGIN, OWN):  # knows no price of its own for what is cached
                break
    return max(costs, default=None)


def most_before(
    system_prompt: str,
    memory: Memory,
    leaf: UUID | None,
    *,
    growing: Mapping[UUID, int | None] | None = None,
    counted: Mapping[UUID, int] | None = None,
) -> int:
    """The tokens that are sent before a message, at most.

    Args:
        growing: how long the answers may become that are being written, by their turns; None leaves one out.
        counted: tokens of answers that are written, by their turns, where they are known to be fewer than the bytes.
    """
    total, growing, counted = OPENING + most_tokens(system_prompt), growing or {}, counted or {}
    while leaf is not None and leaf in memory.turns:
        turn, answers = memory.turns[leaf], []
        if turn.text:
            answers.append(
                min(most_tokens(turn.text), counted[leaf] + FRAME) if leaf in counted else most_tokens(turn.text)
            )
        length = growing.get(leaf)
        if length is not None:
            answers.append(length + FRAME)
        if answers:
            total += max(answers) + most_tokens(turn.question)
        leaf = turn.parent_id
    return total


def running_on(memory: Memory, leaf: UUID | None) -> dict[UUID, UUID]:
    """Turns of this branch whose answer is still being written, with that answer: what follows waits, and sends it."""
    found = {}
    while leaf is not None and leaf in memory.turns:
        turn = memory.turns[leaf]
        if turn.running is not None:
            found[leaf] = turn.running
        leaf = turn.parent_id
    return found
