"""The plan's meter: how much of the month's messages is used, and where that leads by its end."""

from __future__ import annotations

import streamlit as st

from byok.services.pace import Pace
from web import formats


def draw(pace: Pace, *, plan: str) -> None:
    """Draws it for the running month.

    Args:
        plan: the plan's full name.
    """
    share = min(1.0, pace.used / pace.allowance) if pace.allowance else 1.0
    of = formats.count(pace.allowance)
    text = f"{plan} plan: **{formats.count(pace.left)}** of {of} messages left"
    st.progress(share, text=f"{text} · {outlook(pace)}")


def outlook(pace: Pace) -> str:
    """Where the month leads, in a few words."""
    end = f"{pace.ends_on:%d %b}"
    if pace.used >= pace.allowance:
        return f"used up; anew after {end} (UTC)"
    if pace.projected is None:
        return f"the month has just begun; until {end} (UTC)"
    if pace.used_up_on is not None:
        early = "" if pace.used_up_on == pace.ends_on else f", before {end}"
        return f"at this pace used up on {pace.used_up_on:%d %b}{early} (UTC)"
    return f"at this pace about {formats.count(pace.projected)} by {end} (UTC)"
