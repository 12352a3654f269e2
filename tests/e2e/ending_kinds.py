"""The eight ways in which an answer ends, the models that are asked for each, and what must be in the ledger then."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

# A second and a half; five seconds; minutes; broken off after a second.
SHORT, LONG, ENDLESS, BROKEN = "plain-40-60", "plain-40-200", "plain-20-4000", "drop-100"
OWN = (SHORT, LONG, ENDLESS, BROKEN)
# Standard models of the Pro plan, and the paced one as which each is answered.
STANDARD: Mapping[str, str] = MappingProxyType(
    {
        "mistral/mistral-small-latest": SHORT,
        "gemini/gemini-3.5-flash-lite": LONG,
        "openai/gpt-5.4-mini": BROKEN,
    }
)
NAMES: Mapping[str, str] = MappingProxyType({"mistral": "Mistral", "gemini": "Google Gemini", "openai": "OpenAI"})


@dataclass(frozen=True)
class Choice:
    """A model to ask: its full name, what its line in the picker contains, and the paced model that answers."""

    name: str
    line: str
    paced: str

    @classmethod
    def own(cls, paced: str) -> Choice:
        """On the company's key."""
        return cls(f"byok:paced/{paced}", paced, paced)

    @classmethod
    def standard(cls, paced: str) -> Choice:
        """On the plan: the standard model that is answered so."""
        name = next(name for name, model in STANDARD.items() if model == paced)
        provider, _, model = name.partition("/")
        return cls(f"plan:{name}", f"Plan · {NAMES[provider]} · {model}", paced)


@dataclass(frozen=True)
class Ending:
    """One way in which an answer ends once its text has begun.

    Attributes:
        choices: the models to ask, one on the company's key and one on the plan.
        status, state: what the attempt and the answer must say.
        whole: whether all of the text must be there, since the answer goes on.
        cut: whether the app must hang up on the provider.
    """

    name: str
    choices: tuple[Choice, Choice]
    status: str
    state: str
    whole: bool = False
    cut: bool = False


def _models(own: str, standard: str) -> tuple[Choice, Choice]:
    return Choice.own(own), Choice.standard(standard)


ENDINGS = MappingProxyType(
    {
        one.name: one
        for one in (
            Ending("complete", _models(SHORT, SHORT), "complete", "complete", whole=True),
            Ending("stop", _models(ENDLESS, LONG), "stopped", "stopped", cut=True),
            Ending("click away", _models(LONG, LONG), "complete", "complete", whole=True),
            Ending("close tab", _models(LONG, LONG), "complete", "complete", whole=True),
            Ending("reload", _models(LONG, LONG), "complete", "complete", whole=True),
            Ending("SIGTERM", _models(ENDLESS, LONG), "interrupted", "interrupted", cut=True),
            Ending("kill -9", _models(ENDLESS, LONG), "unknown", "interrupted", cut=True),
            Ending("provider reset", _models(BROKEN, BROKEN), "error", "failed"),
        )
    }
)
