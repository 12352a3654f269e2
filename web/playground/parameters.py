"""The fields for what a question can be sent with, and one line that says what is set."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from byok.core.parameters import HOTTEST, MOST_STOPS, MOST_TOKENS, SEEDS, Parameters
from byok.ground.errors import InvalidInputError
from byok.services.columns import LONGEST_PROMPT, ColumnSetup
from web import formats, parts


def summary(setup: ColumnSetup) -> str:
    """E.g. `temperature 0.2 · 256 tokens · system prompt`; empty where nothing is set."""
    its = setup.parameters
    found = (
        f"temperature {its.temperature:g}" if its.temperature is not None else "",
        f"top_p {its.top_p:g}" if its.top_p is not None else "",
        f"{formats.count(its.max_tokens)} tokens" if its.max_tokens is not None else "",
        f"seed {its.seed}" if its.seed is not None else "",
        f"{len(its.stop)} stop text{'' if len(its.stop) == 1 else 's'}" if its.stop else "",
        "system prompt" if setup.system_prompt.strip() else "",
    )
    return " · ".join(one for one in found if one)


def fields(setup: ColumnSetup, *, opening: int) -> ColumnSetup | None:
    """Draws the fields, filled with what is set; the column with what they say, or None where that cannot be sent."""
    its = setup.parameters
    st.caption("Only what is filled in is sent; else the provider's own default holds.")
    left, middle, right = st.columns(3)
    temperature = left.number_input(
        "Temperature", 0.0, HOTTEST, its.temperature, 0.1, key=f"temperature-{opening}", placeholder="not set"
    )
    top_p = middle.number_input("top_p", 0.0, 1.0, its.top_p, 0.05, key=f"top-p-{opening}", placeholder="not set")
    max_tokens = right.number_input(
        "Answer length (tokens)", 1, MOST_TOKENS, its.max_tokens, key=f"length-{opening}", placeholder="not set"
    )
    seed = left.number_input(
        "Seed",
        0,
        SEEDS,
        its.seed,
        key=f"seed-{opening}",
        placeholder="not set",
        help="Most providers promise little for it.",
    )
    stop = st.text_area(
        f"Stop texts, one a line, at most {MOST_STOPS}",
        "\n".join(one.replace("\n", "\\n") for one in its.stop),
        key=f"halt-{opening}",
        height=68,
        help="The answer ends where one of them would come. \\n stands for a line's end.",
    )
    system = st.text_area(
        "System prompt", setup.system_prompt, max_chars=LONGEST_PROMPT, key=f"system-{opening}", height=110
    )
    try:
        wanted = Parameters(
            temperature=temperature,
            top_p=top_p,
            max_tokens=max_tokens,
            seed=seed,
            stop=tuple(line.replace("\\n", "\n") for line in stop.split("\n") if line),
        ).checked()
    except InvalidInputError as problem:
        parts.error(problem)
        return None
    return replace(setup, parameters=wanted, system_prompt=system)
