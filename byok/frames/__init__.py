"""Figures as pandas DataFrames, for a notebook: `read_run` for a run file, `read_usage` for the ledger."""

from byok.frames.runs import ANSWERS, COLUMNS, TURNS, RunFrames, read_run
from byok.frames.usage import ATTEMPTS, FIGURES, UsageFrames, read_usage

__all__ = [
    "ANSWERS",
    "ATTEMPTS",
    "COLUMNS",
    "FIGURES",
    "TURNS",
    "RunFrames",
    "UsageFrames",
    "read_run",
    "read_usage",
]
