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
class Message:
    """What is to be asked, and where.

    Attributes:
        texts: asked one after the other, each once the one before is answered.
        conversation_id: None opens a new conversation, of the chatbot with `chatbot_id`.
        columns: what the conversation's columns are from now on.
        to: the columns that are asked; None means all.
        after: the turn on which it follows; None means the newest. `instead_of`: the turn whose place it takes.
        repeats: how often each column is asked, once more each time it has answered.
    """

    texts: Sequence[str]
    columns: Sequence[ColumnSetup]
    conversation_id: UUID | None = None
    chatbot_id: UUID | None = None
    to: Collection[UUID] | None = None
    after: UUID | None = None
    instead_of: UUID | None = None
    repeats: int = 1
    title: str = ""

    def checked(self) -> Self:
        """Itself, its texts as they are kept.

        Raises:
            InvalidInputError: a text, their number or the repeats are none that can be asked.
        """
        if not 1 <= len(self.texts) <= MOST_TURNS:
            raise InvalidInputError(f"A run has 1 to {MOST_TURNS} messages.", field="text")
        if not 1 <= self.repeats <= MOST_REPEATS:
            raise InvalidInputError(f"A model is asked 1 to {MOST_REPEATS} times.", field="repeats")
        return replace(self, texts=[message(text) for text in self.texts])


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
