"""What is to be asked, and where, as plain values; refuses words that no provider could be asked with."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Final, Self
from uuid import UUID

from byok.core.run import storable
from byok.ground.errors import InvalidInputError
from byok.services.columns import ColumnSetup

LONGEST: Final = 200_000  # characters of one message
MOST_REPEATS: Final = 5
MOST_TURNS: Final = 200  # of a run that is asked anew


@dataclass(frozen=True, slots=True)
class Ask:
    """One message.

    Attributes:
        to: the columns that are asked; None means all.
        repeats: how often each is asked, once more each time it has answered.
    """

    text: str
    to: Collection[UUID] | None = None
    repeats: int = 1


@dataclass(frozen=True, slots=True)
class Message:
    """What is to be asked, and where.

    Attributes:
        asks: asked one after the other, each column once it has answered the one before.
        columns: what the conversation's columns are from now on.
        conversation_id: None opens a new conversation, of the chatbot with `chatbot_id`.
        after: the turn on which it follows; None means the newest. `instead_of`: the turn whose place it takes.
        title: of a new conversation; empty means after its first message.
    """

    asks: Sequence[Ask]
    columns: Sequence[ColumnSetup]
    conversation_id: UUID | None = None
    chatbot_id: UUID | None = None
    after: UUID | None = None
    instead_of: UUID | None = None
    title: str = ""

    def checked(self) -> Self:
        """Itself, its texts as they are kept.

        Raises:
            InvalidInputError: a text, their number or the repeats are none that can be asked.
        """
        if not 1 <= len(self.asks) <= MOST_TURNS:
            raise InvalidInputError(f"A run has 1 to {MOST_TURNS} messages.", field="text")
        if any(not 1 <= ask.repeats <= MOST_REPEATS for ask in self.asks):
            raise InvalidInputError(f"A model is asked 1 to {MOST_REPEATS} times.", field="repeats")
        return replace(self, asks=[replace(ask, text=message(ask.text)) for ask in self.asks])


def message(text: str) -> str:
    """The message as it is kept.

    Raises:
        InvalidInputError: it is empty or too long.
    """
    text = storable(text).strip()
    if not text:
        raise InvalidInputError("The message is empty.", field="text", next_step="Write something first.")
    if len(text) > LONGEST:
        raise InvalidInputError(f"The message is longer than {LONGEST:,} characters.", field="text")
    return text
