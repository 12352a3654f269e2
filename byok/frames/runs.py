"""Run files as pandas DataFrames. Asks no provider at all."""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from byok.frames.tables import FLAG, REAL, TEXT, WHOLE, frame, kinds
from byok.services.run_file import RunFile

if TYPE_CHECKING:
    import pandas as pd

# The tables' columns, whatever is in the file, and their kinds: a notebook can rely on both.
SETTINGS = kinds((REAL, "temperature top_p"), (WHOLE, "max_tokens seed"), (TEXT, "stop"))
COLUMNS = kinds((WHOLE, "column"), (TEXT, "model system_prompt"), (FLAG, "removed")) | SETTINGS
TURNS = kinds((WHOLE, "turn follows"), (TEXT, "text"), (WHOLE, "repeats"))
ANSWERS = (
    kinds(
        (WHOLE, "turn column version"),
        (TEXT, "model system_prompt state text reasoning error finish_reason provider model_answered paid_by"),
        (TEXT, "instead_of started_at finished_at"),
        (WHOLE, "ttft_ms duration_ms"),
        (REAL, "tokens_per_s"),
        (WHOLE, "tokens_in tokens_out tokens_cached tokens_reasoning"),
        (REAL, "cost_usd"),
        (WHOLE, "cost_pico"),
        (TEXT, "price_origin price_date"),
        (REAL, "price_in_usd_per_million price_out_usd_per_million"),
        (TEXT, "prompt_sha256 text_sha256"),
    )
    | SETTINGS
)


@dataclass(frozen=True, slots=True)
class RunFrames:
    """A run as tables.

    Attributes:
        columns: one row a column: column, model, system_prompt, removed, and the parameters.
        turns: one row a message: turn, follows, text, repeats.
        answers: one row an answer: turn, column, version, model, state, text and so on, its figures, what they were
            priced with, and the parameters. Whole numbers are `Int64`, unknown ones missing; `stop` is a list, empty
            where none is set; `cost_usd` is a float for charts, `cost_pico` the exact cost in 10^-12 USD.
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
    run = RunFile.read(file if isinstance(file, bytes) else Path(file).read_bytes())
    columns = [one.model_dump(exclude={"parameters"}) | _settings(one.parameters) for one in run.columns]
    turns = [one.model_dump(exclude={"answers", "columns"}) for one in run.turns]
    answers = [{"turn": turn.turn, **_flat(one.model_dump())} for turn in run.turns for one in turn.answers]
    return RunFrames(frame(columns, COLUMNS), frame(turns, TURNS), frame(answers, ANSWERS))


def _flat(answer: dict[str, Any]) -> dict[str, Any]:
    numbers, price = answer.pop("numbers"), answer.pop("price") or {}
    cost = numbers["cost_usd"]
    row: dict[str, Any] = answer | numbers | {"cost_pico": None if cost is None else int(cost.scaleb(12))}
    return row | {f"price_{name}": value for name, value in price.items()} | _settings(answer["parameters"])


def _settings(parameters: dict[str, Any]) -> dict[str, Any]:
    return parameters | {"stop": list(parameters.get("stop") or [])}
