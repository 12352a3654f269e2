"""Run files as pandas DataFrames, for a notebook: `from byok.frames import read_run`. Asks no provider at all."""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from byok.services.run_file import RunFile

if TYPE_CHECKING:
    import pandas as pd

WHOLE = (
    *("turn", "column", "version", "ttft_ms", "duration_ms"),
    *("tokens_in", "tokens_out", "tokens_cached", "tokens_reasoning", "cost_pico"),
)


@dataclass(frozen=True, slots=True)
class RunFrames:
    """A run as tables.

    Attributes:
        columns: one row a column: column, model, system_prompt, removed, and a field for each parameter that is set.
        turns: one row a message: turn, follows, text, repeats.
        answers: one row an answer: turn, column, version, model, state, text and so on, and its figures. Whole
            numbers are `Int64`, unknown ones missing; `cost_usd` is a float for charts, `cost_pico` the exact cost in
            10^-12 USD.
    """

    columns: pd.DataFrame
    turns: pd.DataFrame
    answers: pd.DataFrame


def read_run(file: str | PathLike[str] | bytes) -> RunFrames:
    """Reads a run file.

    Args:
        file: a path, or what is in the file.

    Raises:
        InvalidInputError: it is no run file.
        OSError: it cannot be read.
    """
    import pandas as pd

    run = RunFile.read(file if isinstance(file, bytes) else Path(file).read_bytes())
    columns = [
        {"column": one.column, "model": one.model, "system_prompt": one.system_prompt, "removed": one.removed}
        | one.parameters
        for one in run.columns
    ]
    turns = [one.model_dump(exclude={"answers", "columns"}) for one in run.turns]
    answers = [{"turn": turn.turn, **_flat(one.model_dump())} for turn in run.turns for one in turn.answers]
    return RunFrames(_typed(pd.DataFrame(columns)), _typed(pd.DataFrame(turns)), _typed(pd.DataFrame(answers)))


def _flat(answer: dict[str, Any]) -> dict[str, Any]:
    numbers, price = answer.pop("numbers"), answer.pop("price") or {}
    parameters = answer.pop("parameters")
    cost = numbers["cost_usd"]
    row: dict[str, Any] = answer | numbers | {"cost_pico": None if cost is None else int(cost.scaleb(12))} | parameters
    for name in ("tokens_per_s", "cost_usd"):
        row[name] = None if numbers[name] is None else float(numbers[name])
    return row | {f"price_{name}": value for name, value in price.items()}


def _typed(frame: pd.DataFrame) -> pd.DataFrame:
    whole = [name for name in (*WHOLE, "follows", "repeats") if name in frame]
    return frame.astype(dict.fromkeys(whole, "Int64"))
