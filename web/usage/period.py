"""Which days the Usage page is about, and what a row of its table is. Kept in the address, so that it can be shared."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import cast

import streamlit as st

from byok.services.periods import LONGEST, Period
from byok.services.usage import Rows
from byok.services.usage_names import Split

LAST = {f"Last {count} days": count for count in (7, 30, 90, LONGEST)}
CUSTOM = "From … to …"
ROWS: dict[str, Rows] = {"Providers": "provider", "Days": "day", "Months": "month"}
SPLITS: dict[str, Split | None] = {
    "Nothing": None,
    "Provider": "provider",
    "Model": "model",
    "Key": "key",
    "Person": "person",
    "Chatbot": "chatbot",
}


def pick(months: Sequence[str], *, today: date) -> Period:
    """Draws the choice of days; the period that is chosen.

    Args:
        months: those that have usage, `YYYY-MM`, the running one first.

    Raises:
        InvalidInputError: the days that were chosen are no period.
    """
    options = [*months, *LAST, CUSTOM]
    wanted = st.selectbox("Period (UTC)", options, key="period", width=190, bind="query-params")
    if wanted in LAST:
        return Period.last_days(LAST[wanted], today=today)
    if wanted != CUSTOM:
        return Period.month(wanted)
    month = Period.month(months[0])
    days = st.date_input(
        "From, to (UTC)",
        (month.first, today),
        min_value=date(2020, 1, 1),
        max_value=today + timedelta(days=1),
        key="days",
        format="YYYY-MM-DD",
        width=240,
        bind="query-params",
    )
    span = cast("tuple[date, ...]", days)
    if len(span) < 2:  # the first day is clicked, the second is not yet
        return Period.between(span[0], span[0]) if span else month
    return Period.between(span[0], span[1])


def rows_and_split() -> tuple[Rows, Split | None]:
    """Draws the choice of what a row is, and what it is split by."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        rows = st.segmented_control(
            "Rows", list(ROWS), default="Providers", key="rows", required=True, bind="query-params"
        )
        split = st.selectbox("Split by", list(SPLITS), key="split", width=150, bind="query-params")
    return ROWS[rows or "Providers"], SPLITS[split]
