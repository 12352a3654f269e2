"""How rows become DataFrames: each column has its kind, whatever is in it. What is not known is missing, never 0."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

TEXT, FLAG, WHOLE, REAL, MOMENT = "object", "bool", "Int64", "float64", "datetime64[us, UTC]"


def kinds(*groups: tuple[str, str]) -> dict[str, str]:
    """Columns and their kinds, from pairs of a kind and names with spaces between them."""
    return {name: kind for kind, names in groups for name in names.split()}


def frame(rows: Sequence[Mapping[str, Any]], kinds: Mapping[str, str]) -> pd.DataFrame:
    """A table with these columns, in this order and of these kinds, whatever the rows hold."""
    import pandas as pd

    def series(name: str, kind: str) -> pd.Series[Any]:
        values: list[Any] = [row.get(name) for row in rows]
        if kind == REAL:
            values = [None if value is None else float(value) for value in values]
        # An array first: guessed, a whole number beside a missing one would become a float.
        return pd.Series(pd.array(values, dtype="Int64")) if kind == WHOLE else pd.Series(values, dtype=kind)

    return pd.DataFrame({name: series(name, kind) for name, kind in kinds.items()})
