"""The plans, read from `data/plans.toml`: what each brings. Refuses a file with a mistake, naming row and field."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from byok.ground.errors import CatalogueError, InvalidInputError
from byok.ground.settings import ROOT

PLANS_FILE = ROOT / "data" / "plans.toml"


class Plan(BaseModel):
    """One plan. `messages` is the allowance of a calendar month; `models` are `provider/model`.

    `message_price` is what a message costs the company, in USD; None where the operator has set none.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    name: str
    checked: date
    sample: bool = False
    messages: int = Field(ge=0)
    byok: bool
    models: tuple[str, ...]
    message_price: Decimal | None = Field(default=None, ge=0, le=1000, decimal_places=12)

    @property
    def message_pico(self) -> int | None:
        """The price of a message in pico-dollars (10^-12 USD)."""
        return None if self.message_price is None else int(self.message_price.scaleb(12))


class Plans:
    """All plans by id, in the order of the file."""

    def __init__(self, plans: Mapping[str, Plan]) -> None:
        self._plans = dict(plans)

    @classmethod
    def load(cls, path: Path = PLANS_FILE) -> Self:
        """Reads and checks the file.

        Raises:
            CatalogueError: it is not TOML, or a row does not validate.
        """
        try:
            rows = tomllib.loads(path.read_text("utf-8"))
        except (OSError, tomllib.TOMLDecodeError) as error:
            raise CatalogueError(f"{path.name}: {error}") from None
        plans = {}
        for plan_id, row in rows.items():
            try:
                plans[plan_id] = Plan.model_validate({"id": plan_id, **row})
            except (ValidationError, TypeError) as error:
                where, what = "", "is not a table"
                if isinstance(error, ValidationError):
                    first = error.errors(include_input=False, include_url=False)[0]
                    where, what = ".".join(str(part) for part in first["loc"]), first["msg"]
                raise CatalogueError(f"{path.name}: [{plan_id}] {where}: {what}.") from None
        return cls(plans)

    def get(self, plan_id: str) -> Plan:
        """The plan of that id.

        Raises:
            InvalidInputError: there is none; the message lists those there are.
        """
        if plan_id not in self._plans:
            raise InvalidInputError(f"There is no plan {plan_id!r}; there are: {', '.join(self._plans)}.", field="plan")
        return self._plans[plan_id]

    def all(self) -> list[Plan]:
        """Every plan, smallest first as in the file."""
        return list(self._plans.values())
