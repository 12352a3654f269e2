"""Forms for passwords: what was typed leaves the session state with the submit, and the next form has other fields.

Fields that are cleared in the browser alone keep it here, and send it again with the next click. Refuses to keep
anything between two runs but why nothing was done, which the second one says.
"""

from __future__ import annotations

from typing import Literal, NoReturn

import streamlit as st

from byok.ground.errors import ByokError


def key_of(form: str) -> str:
    """What the form is known by until it is submitted; each of its fields by that, a hyphen and a word more."""
    return f"{form}-{st.session_state.setdefault(f'{form}-number', 0)}"


def forget(form: str) -> None:
    """Takes what was typed out of the session state. The form must not be drawn again in this run."""
    fields = f"{key_of(form)}-"
    for name in [name for name in st.session_state if str(name).startswith(fields)]:
        del st.session_state[name]
    st.session_state[f"{form}-number"] += 1


def draw_anew(form: str, problem: ByokError, *, scope: Literal["app", "fragment"] = "app") -> NoReturn:
    """Ends this run; the next one draws another form, and has the problem from `problem_of`."""
    forget(form)
    # Not the error itself: its traceback holds on to what was typed.
    st.session_state[f"{form}-problem"] = (problem.message, problem.next_step)
    st.rerun(scope=scope)


def problem_of(form: str) -> ByokError | None:
    """Why the last submit did nothing, once."""
    words: tuple[str, str] | None = st.session_state.pop(f"{form}-problem", None)
    return None if words is None else ByokError(words[0], next_step=words[1])
