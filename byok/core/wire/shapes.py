"""What goes into the wire and what comes out of it, as plain values. Refuses to know how it travels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Self

from byok.core.provider import Provider

if TYPE_CHECKING:
    import httpx

FinishReason = Literal["stop", "length", "filter", "tool", "error", "unknown"]
Verdict = Literal["accepted", "rejected", "limited", "no_credit", "rate_limited", "unreachable", "unreadable"]
UNDECIDED: frozenset[Verdict] = frozenset({"rate_limited", "unreachable"})
"""The provider said nothing for or against the key: it can be tested again, or saved untested."""
UNPROVEN: frozenset[Verdict] = UNDECIDED | {"unreadable"}
"""Whether the key works is still open."""


@dataclass(frozen=True, slots=True)
class ChatCall:
    """One question to one model.

    `messages` have `role` and `content` only. `auth` writes the key's header as the request leaves; it is made for
    `provider.auth`. What follows it is sent only if set; see `core.parameters`.
    """

    provider: Provider
    base_url: str
    model: str
    messages: Sequence[Mapping[str, str]]
    auth: httpx.Auth
    temperature: float | None = None
    max_tokens: int | None = None
    top_p: float | None = None
    seed: int | None = None
    stop: Sequence[str] = ()


@dataclass(slots=True)
class Delta:
    """A piece of the answer as it arrived: text, or the model's reasoning, or both."""

    text: str = ""
    reasoning: str = ""


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as the provider counted them; None where it did not say. `cost` is its own figure in USD.

    Of those that went in, `tokens_cached` were in its cache already, and `tokens_cache_write` were put there.
    """

    tokens_in: int | None = None
    tokens_out: int | None = None
    tokens_cached: int | None = None
    tokens_reasoning: int | None = None
    tokens_cache_write: int | None = None
    cost: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Ended:
    """The end of an answer. `finish_reason` is None where the provider gave none: it may be incomplete."""

    finish_reason: FinishReason | None
    model: str | None
    request_id: str | None
    usage: Usage | None


class Tier(NamedTuple):
    """What all tokens of a request cost from so many tokens in: USD for a million of them."""

    from_tokens: int
    price_in: Decimal
    price_out: Decimal


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """A chat model of a provider's list. `context` in tokens, prices in USD for a million tokens.

    `price_request`: what each request costs beside its tokens, in USD; None where that is nothing. `tiers`: what holds
    instead for long questions, the shortest first.
    """

    id: str
    name: str
    context: int | None = None
    price_in: Decimal | None = None
    price_out: Decimal | None = None
    retires: date | None = None
    price_request: Decimal | None = None
    tiers: tuple[Tier, ...] = ()

    def prices_at(self, tokens_in: int) -> tuple[Decimal | None, Decimal | None]:
        """What a million tokens in and out cost in a request with so many in; None where that is not known."""
        tier = next((one for one in reversed(self.tiers) if tokens_in >= one.from_tokens), None)
        return (self.price_in, self.price_out) if tier is None else (tier.price_in, tier.price_out)

    def to_json(self) -> dict[str, Any]:
        """A plain object for JSON; what is unknown is left out."""
        row = {
            "id": self.id,
            "name": self.name,
            "context": self.context,
            "price_in": None if self.price_in is None else str(self.price_in),
            "price_out": None if self.price_out is None else str(self.price_out),
            "retires": None if self.retires is None else self.retires.isoformat(),
            "price_request": None if self.price_request is None else str(self.price_request),
            "tiers": [[tier.from_tokens, str(tier.price_in), str(tier.price_out)] for tier in self.tiers] or None,
        }
        return {name: value for name, value in row.items() if value is not None}

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> Self:
        """The opposite of `to_json`."""
        price_in, price_out, price_request = row.get("price_in"), row.get("price_out"), row.get("price_request")
        retires, tiers = row.get("retires"), row.get("tiers", ())
        return cls(
            id=row["id"],
            name=row["name"],
            context=row.get("context"),
            price_in=None if price_in is None else Decimal(price_in),
            price_out=None if price_out is None else Decimal(price_out),
            retires=None if retires is None else date.fromisoformat(retires),
            price_request=None if price_request is None else Decimal(price_request),
            tiers=tuple(Tier(least, Decimal(dear_in), Decimal(dear_out)) for least, dear_in, dear_out in tiers),
        )


@dataclass(frozen=True, slots=True)
class Finding:
    """What a key test found.

    `detail` is one sentence for the person, `proof` the call that showed it (e.g. "GET /models 200"), `not_proven`
    what it leaves open, `link` where the next step can be taken. `models` are the chat models that the key opens,
    None where no list was got.
    """

    verdict: Verdict
    detail: str
    proof: str
    not_proven: str
    next_step: str
    link: str | None
    request_id: str | None
    elapsed_ms: int
    models: tuple[ModelInfo, ...] | None

    @property
    def undecided(self) -> bool:
        """See `UNDECIDED`."""
        return self.verdict in UNDECIDED

    @property
    def unproven(self) -> bool:
        """See `UNPROVEN`."""
        return self.verdict in UNPROVEN
