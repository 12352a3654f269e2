"""The demo's sample content, as read from `data/demo.toml`. Refuses a file with a mistake, naming the place."""

from __future__ import annotations

import tomllib
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from byok.ground.errors import CatalogueError
from byok.ground.settings import ROOT

DEMO_FILE = ROOT / "data" / "demo.toml"
PICO_FOR_A_TOKEN = 10**6  # one USD per million tokens is a million pico-dollars a token


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class DemoPerson(_Row):
    """Someone to continue as."""

    username: str
    name: str
    role: Literal["admin", "member"]


class DemoCompany(_Row):
    """A company of the demo. `messages_left`: how much of this month's allowance sample usage leaves."""

    slug: str
    name: str
    plan: str
    people: tuple[DemoPerson, ...]
    messages_left: int | None = None


class DemoUsage(_Row):
    """What one model was used for: answers a working day, tokens an answer, USD per million tokens."""

    company: str
    model: str
    key_label: str | None = None
    key_hint: str | None = None
    a_day: int
    tokens_in: int
    tokens_out: int
    price_in: Decimal | None = None
    price_out: Decimal | None = None
    ttft_ms: int

    def cost_pico(self, tokens_in: int, tokens_out: int) -> int | None:
        """What so many tokens cost in pico-dollars; None where the row has no price."""
        if self.price_in is None or self.price_out is None:
            return None
        return int((tokens_in * self.price_in + tokens_out * self.price_out) * PICO_FOR_A_TOKEN)


class DemoChatbot(_Row):
    """A sample chatbot."""

    company: str
    name: str
    model: str
    system_prompt: str
    temperature: float | None = None
    max_tokens: int | None = None


class DemoTurn(_Row):
    """A question and its answer, with the figures of its receipt."""

    model: str
    question: str
    answer: str
    tokens_in: int
    tokens_out: int
    ttft_ms: int
    duration_ms: int


class DemoConversation(_Row):
    """The saved conversation."""

    company: str
    username: str
    chatbot: str
    title: str
    turns: tuple[DemoTurn, ...]


class DemoData(_Row):
    """Everything in `data/demo.toml`."""

    checked: date
    companies: tuple[DemoCompany, ...] = Field(min_length=1)
    usage: tuple[DemoUsage, ...]
    chatbots: tuple[DemoChatbot, ...]
    conversation: DemoConversation

    @classmethod
    def load(cls, path: Path = DEMO_FILE) -> Self:
        """Reads and checks the file.

        Raises:
            CatalogueError: it is not TOML, or a row does not validate.
        """
        try:
            return cls.model_validate(tomllib.loads(path.read_text("utf-8")))
        except (OSError, tomllib.TOMLDecodeError) as error:
            raise CatalogueError(f"{path.name}: {error}") from None
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            raise CatalogueError(f"{path.name}: {where}: {first['msg']}.") from None

    def price(self, model: str) -> DemoUsage | None:
        """The usage row of a model, which says what it costs and whose key it is."""
        return next((row for row in self.usage if row.model == model), None)

    @property
    def slugs(self) -> list[str]:
        """The slugs of all companies."""
        return [company.slug for company in self.companies]

    @property
    def usernames(self) -> list[str]:
        """The usernames of all people, in the order of the sign-in page."""
        return [person.username for company in self.companies for person in company.people]
