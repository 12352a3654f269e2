"""What a person may choose, as plain values: models, keys whose list never came, and what to know about both.

Refuses to make a model vanish: one that is in use and no longer listed is still found, and says so.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Literal
from uuid import UUID

from byok.core.model_names import ModelName, Source
from byok.ground.errors import InvalidInputError

LONGEST_ID = 200


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """One line of the picker.

    Attributes:
        key_id: pins a spare key; None for the default key and for standard models.
        own_key: the company's key that it uses, pinned or default; None for standard models.
        label: what the model is called; `about` is one remark on it, mostly empty.
        context: in tokens; prices in USD for a million tokens. None where unknown.
        price_request: in USD, what each request costs beside its tokens; None where that is nothing.
        state: `retired`: its day has passed, or it is no longer in the list; `stale`: the list could not be fetched
            again lately; `used up`: it is a standard model, and this month's plan messages are.
        group: the heading it stands under.
    """

    name: ModelName
    key_id: UUID | None
    own_key: UUID | None
    label: str
    about: str
    provider_name: str
    source: Source
    key_label: str | None
    key_hint: str | None
    context: int | None
    price_in: Decimal | None
    price_out: Decimal | None
    retires: date | None
    state: Literal["ok", "retired", "stale", "used up"]
    group: str
    price_request: Decimal | None = None

    def pin(self, name: ModelName | None, key_id: UUID | None) -> UUID | None:
        """The pin to keep with this choice, where that name and pin were kept before.

        A pin to the same key stays, also while that is the default one: else whichever is the default next would pay.
        """
        same = name == self.name and key_id in (self.key_id, self.own_key)
        return key_id if same else self.key_id


@dataclass(frozen=True, slots=True)
class MenuKey:
    """A key that can be chatted with.

    Attributes:
        key_id: pins a spare key; None for the default one.
        listed: whether its list was ever fetched; where it never was, a model's id can be typed.
    """

    provider_id: str
    provider_name: str
    key_id: UUID | None
    own_key: UUID
    label: str
    hint: str
    listed: bool

    def choice(self, model_id: str, *, label: str = "", about: str = "", retired: bool = False) -> ModelChoice:
        """A model of this key of which nothing but its id is known."""
        return ModelChoice(
            name=ModelName("byok", self.provider_id, model_id),
            key_id=self.key_id,
            own_key=self.own_key,
            label=label or model_id,
            about=about,
            provider_name=self.provider_name,
            source="byok",
            key_label=self.label,
            key_hint=self.hint,
            context=None,
            price_in=None,
            price_out=None,
            retires=None,
            state="retired" if retired else "ok",
            group=f"Your key · {self.provider_name}",
        )

    def typed(self, text: str) -> ModelChoice:
        """The model whose id a person typed.

        Raises:
            InvalidInputError: no model's id looks so.
        """
        model_id = text.strip()
        if not model_id or len(model_id) > LONGEST_ID or not model_id.isprintable() or any(map(str.isspace, model_id)):
            raise InvalidInputError(
                f"This cannot be the id of a model of {self.provider_name}.",
                field="model",
                next_step="Copy it from the provider's documentation: it has no spaces.",
            )
        return self.choice(model_id)


@dataclass(frozen=True, slots=True)
class Menu:
    """The choices, in the order to show them, and what a person should know about those that are missing.

    Attributes:
        keys: the company's keys behind the choices, listed or not.
    """

    choices: list[ModelChoice]
    notes: list[str]
    keys: list[MenuKey] = field(default_factory=list)

    @property
    def unlisted(self) -> list[MenuKey]:
        """The keys whose models can only be typed."""
        return [key for key in self.keys if not key.listed]

    def find(self, name: ModelName, *, key_id: UUID | None = None) -> ModelChoice | None:
        """That choice, or None where no key leads to it. A pin also finds a key that became the default.

        A model of a key that is there, but not in its list, is found as well, and is called retired.
        """
        for choice in self.choices:
            if choice.name == name and key_id in (choice.key_id, choice.own_key):
                return choice
        if name.source != "byok":
            return None
        key = next(
            (k for k in self.keys if k.provider_id == name.provider_id and key_id in (k.key_id, k.own_key)), None
        )
        if key is None:
            return None
        if not key.listed:
            return key.choice(name.model)
        return key.choice(name.model, about=f"not in {key.provider_name}'s list", retired=True)
