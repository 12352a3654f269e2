"""How much a question can come to at most: its tokens and their price. Never less than will be charged for them.

What it cannot know: that a provider answers with another, dearer model than was asked.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Final
from uuid import UUID

import sqlalchemy as sa

from byok.core.price_book import ORIGIN
from byok.core.prices import context_window
from byok.core.provider import Provider
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


def most_tokens(text: str) -> int:
    """The tokens of one message, at most: each stands for one byte of what is sent at least."""
    return len(storable(text).encode()) + FRAME


def window(connection: sa.Connection, provider: Provider, model: str, key_id: UUID | None) -> int | None:
    """The most tokens that an answer can have where its length is not set: what the model holds at all."""
    rows = connection.execute(sa.select(MENUS.c.models).where(MENUS.c.key_id == key_id)).scalar() or []
    row = next((row for row in rows if row["id"] == model), None)
    listed = ModelInfo.from_json(row).context if row is not None else None
    return listed or context_window(provider, model)


def dearest(price: Pricing, route: Route, tokens_in: int, tokens_out: int, *, at: datetime) -> int | None:
    """What so many tokens can cost at most, in pico-dollars; None where the price is not known."""
    costs: list[int] = []
    for cached in (None, tokens_in):  # of a few models, what is cached is the dearer part
        usage = Usage(tokens_in=tokens_in, tokens_out=tokens_out, tokens_cached=cached)
        found = price(route.provider, model=route.name.model, usage=usage, at=at, key_id=route.key_id)
        if found is None:
            return None
        costs.append(found.cost_pico)
        if found.origin == ORIGIN:  # knows no price of its own for what is cached
            break
    return max(costs)


def still_grows(memory: Memory, leaf: UUID | None) -> bool:
    """Whether an answer of this branch is still being written: a message waits for it, and is sent with it."""
    while leaf is not None and leaf in memory.turns:
        if memory.turns[leaf].running is not None:
            return True
        leaf = memory.turns[leaf].parent_id
    return False
