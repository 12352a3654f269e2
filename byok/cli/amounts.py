"""Amounts on the command line: read as decimals, never as floats."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

import click


class DecimalParameter(click.ParamType[Decimal]):
    """A decimal number."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Decimal:
        try:
            found = Decimal(value)
        except InvalidOperation:
            self.fail(f"{value!r} is no number; write it as 50.00.", param, ctx)
        if not found.is_finite():
            self.fail(f"{value!r} is no number; write it as 50.00.", param, ctx)
        return found


DOLLARS = DecimalParameter()
