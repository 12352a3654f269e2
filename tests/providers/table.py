"""The table of providers and situations: what a key test and a question come to, as found and as expected."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path

from byok.ground.errors import ByokError
from tests.providers.world import BEHAVIOURS, World, world

EXPECTED_FILE = Path(__file__).with_name("expected.toml")
NOT_DOCUMENTED = "-"


def expected() -> dict[str, dict[str, str]]:
    """Situation -> provider -> cell, as written down by hand from the fact sheet."""
    rows = tomllib.loads(EXPECTED_FILE.read_text("utf-8"))
    return {situation: {one: row.get(one, row["others"]) for one in BEHAVIOURS} for situation, row in rows.items()}


def happens(provider_id: str, situation: str) -> bool:
    """Whether the provider is known to have this situation: its server does, or it is everybody's."""
    name = "in_" + situation.replace(" ", "_")
    return situation in EVERYBODYS or hasattr(BEHAVIOURS[provider_id], name)


def cell(provider_id: str, situation: str) -> str:
    """What it comes to: the verdict of a key test, and how a question ends (`text: finish`, or the error's name)."""
    if not happens(provider_id, situation):
        return NOT_DOCUMENTED
    with world(provider_id, situation) as here:
        verdict = here.check().verdict
    with world(provider_id, situation) as here:
        return f"{verdict} | {question(here)}"


def question(here: World) -> str:
    """How a question ends."""
    try:
        _, end = here.chat()
    except ByokError as error:
        return type(error).__name__.removesuffix("Error")
    return end.finish_reason or "no finish"


def false_verdicts(found: Mapping[str, Mapping[str, str]]) -> tuple[int, int]:
    """How many cells say accepted, or rejected, where that is not what the provider's own sign says."""
    verdicts = [(s, text.partition(" | ")[0]) for s, row in found.items() for text in row.values()]
    accepted = sum(verdict == "accepted" and situation in NO_PROOF for situation, verdict in verdicts)
    rejected = sum(verdict == "rejected" and situation != "wrong key" for situation, verdict in verdicts)
    return accepted, rejected


def show(find: Callable[[str, str], str] = cell) -> str:
    """The table as text, and under it the counts."""
    found = {situation: {one: find(one, situation) for one in BEHAVIOURS} for situation in expected()}
    width = max(len(situation) for situation in found)
    columns = {one: max(len(one), *(len(row[one]) for row in found.values())) for one in BEHAVIOURS}
    lines = ["  ".join(["situation".ljust(width), *(one.ljust(columns[one]) for one in columns)]).rstrip()]
    for situation, row in found.items():
        padded = (row[one].ljust(columns[one]) for one in columns)
        lines.append("  ".join([situation.ljust(width), *padded]).rstrip())
    cells = [text for row in found.values() for text in row.values() if text != NOT_DOCUMENTED]
    wrong = [(s, one) for s, row in expected().items() for one, text in row.items() if found[s][one] != text]
    accepted, rejected = false_verdicts(found)
    lines += [
        "",
        "Each cell: the verdict of a key test | how a question ends. A dash: not documented for this provider.",
        f"{len(cells)} cells; false accepted {accepted}, false rejected {rejected}; not as expected: {len(wrong)}",
        *(f"  {one}, {s}: {found[s][one]}, expected {expected()[s][one]}" for s, one in wrong),
    ]
    return "\n".join(lines)


EVERYBODYS = frozenset(
    {
        "right key",
        "wrong key",
        "silence",
        "reset",
        "rate limit",
        "rate limit with a time",
        "outage",
        "overload",
        "gateway page",
        "blocked by the edge",
        "unauthorized page",
        "sign-in of a network",
        "empty answer",
        "odd answer",
        "cut answer",
        "error in the stream",
    }
)
# Where no answer came that a good key alone gets: a key that is called accepted there is called so falsely.
NO_PROOF = EVERYBODYS - {"right key", "error in the stream"} | {"truncated key", "expired key"}
