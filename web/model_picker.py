"""The one picker of models: standard and BYOK models together, grouped, and always with who pays."""

from __future__ import annotations

from collections import Counter

import streamlit as st

from byok.services.models import Menu, ModelChoice
from web import formats, parts


def label(choice: ModelChoice) -> str:
    """One line of the picker: who pays, the model, and what is particular about it."""
    key = f" …{choice.key_hint}" if choice.key_hint else ""
    spare = f" ({choice.key_label})" if choice.key_id is not None and choice.key_label else ""
    about = f" · {choice.about}" if choice.about else ""
    context = f" · {formats.count(choice.context)} tokens" if choice.context else ""
    state = "" if choice.state == "ok" else f" · {choice.state}"
    who_pays = choice.group if choice.source == "byok" else f"Plan · {choice.provider_name}"
    return f"{who_pays}{key}{spare} · {choice.label}{context}{about}{state}"


def pick(
    menu: Menu, *, key: str, current: ModelChoice | None, title: str = "Model", collapsed: bool = False
) -> ModelChoice | None:
    """Draws the picker; typing searches it.

    Args:
        current: what is chosen when the picker is first drawn; None shows a request to choose.

    Returns:
        The choice, or None while there is none.
    """
    options = [choice for choice in menu.choices if choice.state != "retired" or choice == current]
    index = options.index(current) if current in options else None
    # Some providers give several models one name; Streamlit would take the last of them, whichever was clicked.
    twins = {text for text, times in Counter(map(label, options)).items() if times > 1}

    def told_apart(choice: ModelChoice) -> str:
        text = label(choice)
        return f"{text} · {choice.name.model}" if text in twins else text

    return st.selectbox(
        title,
        options,
        index=index,
        format_func=told_apart,
        key=key,
        placeholder="Choose a model" if options else "No models yet",
        label_visibility="collapsed" if collapsed else "visible",
        help=None if collapsed else "“Your key” is billed by the provider; “Plan” counts messages of your plan.",
    )


def notes(menu: Menu) -> None:
    """What a person should know about models that are missing from the picker."""
    for note in menu.notes:
        st.caption(f":material/info: {parts.plain(note)}")
