"""Takes text out of what a choice holds, whatever its form. Refuses to follow it deeper than any provider nests it."""

from __future__ import annotations

DEEPEST = 8


def first_choice(choices: list[object]) -> object:
    """The first of several choices: the others answer a question that was not asked."""
    return next((c for c in choices if type(c) is dict and c.get("index") in (None, 0)), None)


def parts_of(content: object, *, depth: int = 0) -> tuple[str, str]:
    """Text and reasoning of a content that is a list of parts, as reasoning models of Mistral send it."""
    text: list[str] = []
    thought: list[str] = []
    for part in content if type(content) is list and depth < DEEPEST else ():
        if type(part) is str:
            text.append(part)
        elif type(part) is dict:
            if type(part.get("text")) is str:
                text.append(part["text"])
            thinking = part.get("thinking")
            if type(thinking) is str:
                thought.append(thinking)
            elif thinking:
                thought.append(parts_of(thinking, depth=depth + 1)[0])
    return "".join(text), "".join(thought)


def storable(text: str, high: str) -> tuple[str, str]:
    r"""The text without NUL and lone halves of characters, which no database keeps, and a half to be continued.

    Only a `\u` escape can bring these: `high` is the first half of a character whose second comes with the next chunk.
    """
    text = high + text
    last = text[-1:]
    high = last if "\ud800" <= last <= "\udbff" else ""
    if high:
        text = text[:-1]
    if not text.isascii():
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text.replace("\0", ""), high
