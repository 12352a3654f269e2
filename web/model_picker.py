"""The one picker of models: standard and BYOK models together, grouped, and always with who pays."""

from __future__ import annotations

from collections import Counter

import streamlit as st

from byok.core.model_names import ModelName
from byok.ground.errors import InvalidInputError
from byok.services.model_choices import Menu, MenuKey, ModelChoice
from web import formats, parts

Option = ModelChoice | MenuKey  # a key stands for the models of which it has no list


def label(option: Option) -> str:
    """One line of the picker: who pays, the model, and what is particular about it."""
    if isinstance(option, MenuKey):
        spare = f" ({option.label})" if option.key_id is not None else ""
        return f"Your key · {option.provider_name} …{option.hint}{spare} · type a model's id"
    key = f" …{option.key_hint}" if option.key_hint else ""
    spare = f" ({option.key_label})" if option.key_id is not None and option.key_label else ""
    who_pays = option.group if option.source == "byok" else f"Plan · {option.provider_name}"
    particular = [
        "used up" if option.state == "used up" else "",
        option.about,
        f"{formats.count(option.context)} tokens" if option.context else "",
        formats.prices(option.price_in, option.price_out, option.price_request),
        f"retires {option.retires}" if option.retires and option.state != "retired" else "",
        "retired" if option.state == "retired" else "",  # not “stale”: what a person chose must keep its name
    ]
    return " · ".join([f"{who_pays}{key}{spare}", option.label, *filter(None, particular)])


def pick(
    menu: Menu,
    *,
    key: str,
    current: ModelChoice | None,
    title: str = "Model",
    collapsed: bool = False,
    follow: bool = False,
) -> ModelChoice | None:
    """Draws the picker; typing searches it. Below it, a field for the id of a model of which there is no list.

    Args:
        current: what is chosen when the picker is first drawn; None shows a request to choose.
        follow: whether it shows `current` in later runs too, until a person sets it: see `by_hand`.

    Returns:
        The choice, or None while there is none.
    """
    kept, moved = _keep(menu, key)
    if follow and key in st.session_state and not by_hand(key) and not _says(kept, current, key):
        st.session_state[key] = current
        kept, moved = current, True
    used = [choice for choice in (current, kept) if isinstance(choice, ModelChoice)]
    options: list[Option] = [choice for choice in menu.choices if choice.state != "retired" or choice in used]
    options += [choice for choice in dict.fromkeys(used) if choice not in options]
    options += menu.unlisted
    index = options.index(current) if current is not None and not moved else None
    # Some providers give several models one name; Streamlit would take the last of them, whichever was clicked.
    labels = {option: label(option) for option in options}
    times = Counter(labels.values())

    def told_apart(option: Option) -> str:
        text = labels.get(option) or label(option)
        return f"{text} · {option.name.model}" if isinstance(option, ModelChoice) and times[text] > 1 else text

    chosen = st.selectbox(
        title,
        options,
        index=index,
        format_func=told_apart,
        key=key,
        on_change=_set_by_hand if follow else None,
        args=(key,),
        placeholder="Choose a model" if options else "No models yet",
        label_visibility="collapsed" if collapsed else "visible",
        help=None if collapsed else "“Your key” is billed by the provider; “Plan” counts messages of your plan.",
    )
    st.session_state[_last(key)] = chosen
    _remember({told_apart(option): option for option in options}, key)
    if isinstance(chosen, MenuKey):
        return _type(chosen, key=key, follow=follow)
    if chosen is not None:
        retired(chosen)
    return chosen


def waits(key: str) -> bool:
    """Whether the picker of that key was set to a model whose id is still to be typed."""
    return isinstance(st.session_state.get(key), MenuKey)


def by_hand(key: str) -> bool:
    """Whether a person has set the picker of that key, and what was set is not kept yet."""
    return bool(st.session_state.get(_hand(key)))


def let_go(key: str) -> None:
    """What the picker of that key was set to is kept: from now on it follows again."""
    st.session_state.pop(_hand(key), None)


def _set_by_hand(key: str) -> None:
    st.session_state[_hand(key)] = True


def _says(shown: Option | None, current: ModelChoice | None, key: str) -> bool:
    """Whether that is what the picker shows, be it by an id that was typed."""
    if isinstance(shown, MenuKey) and current is not None:
        typed = str(st.session_state.get(_field(key, shown), "")).strip()
        return (shown.own_key, typed) == (current.own_key, current.name.model)
    return shown == current


def _keep(menu: Menu, key: str) -> tuple[Option | None, bool]:
    """What was chosen before in the picker of that key, as the menu has it now; and whether the picker was set to it.

    Streamlit knows a choice by its text alone. When a list was renewed meanwhile that text may be another one, or gone,
    and the first option would be chosen instead: another model, which somebody else may pay for.
    """
    before = st.session_state.get(key)
    if isinstance(before, str):  # the browser still names it as it was called before the last renewal
        before = _named_before(before, key) or st.session_state.get(_last(key))
        if before is None:
            st.session_state[key] = None
            return None, True
    if before is None:
        return None, False
    now: Option | None = None
    if isinstance(before, MenuKey):
        same = (one for one in menu.keys if one.own_key == before.own_key)
        now = next((one for one in same if not one.listed), None) or _typed(menu, before, key)
    elif isinstance(before, ModelChoice):
        now = menu.find(before.name, key_id=before.own_key)
    moved = now != st.session_state.get(key)
    if moved:
        st.session_state[key] = now
    return now, moved


def _remember(names: dict[str, Option], key: str) -> None:
    """Keeps what this run calls the options, beside what the run before called them."""
    st.session_state[_names(key)] = (*st.session_state.get(_names(key), ())[-1:], names)


def _named_before(name: str, key: str) -> Option | None:
    """What was called so on a page that a browser may still show: in the last run, or in the one before."""
    runs: tuple[dict[str, Option], ...] = st.session_state.get(_names(key), ())
    return next((names[name] for names in reversed(runs) if name in names), None)


def _typed(menu: Menu, before: MenuKey, key: str) -> ModelChoice | None:
    """What was typed while the key had no list, now that it has one."""
    text = str(st.session_state.get(_field(key, before), "")).strip()
    return menu.find(ModelName("byok", before.provider_id, text), key_id=before.own_key) if text else None


def _last(key: str) -> str:
    return f"{key}-last"


def _hand(key: str) -> str:
    return f"{key}-by-hand"


def _names(key: str) -> str:
    return f"{key}-names"


def _field(key: str, own: MenuKey) -> str:
    return f"{key}-typed-{own.own_key}"


def retired(choice: ModelChoice) -> None:
    """Says where it is used that a model is retired; says nothing of any other. Nobody is moved to another one."""
    if choice.state != "retired":
        return
    why = choice.about or f"retired on {choice.retires}"
    st.caption(
        f":material/event_busy: {parts.plain(choice.label)}: {parts.plain(why)}. It may still answer, or not any more; "
        "choose another model when it suits you."
    )


def _type(own: MenuKey, *, key: str, follow: bool) -> ModelChoice | None:
    text = st.text_input(
        f"Model id at {own.provider_name}",
        max_chars=200,
        placeholder="As the provider's documentation writes it",
        key=_field(key, own),
        on_change=_set_by_hand if follow else None,
        args=(key,),
    )
    if not text:
        return None
    try:
        return own.typed(text)
    except InvalidInputError as problem:
        parts.error(problem)
        return None


def notes(menu: Menu) -> None:
    """What a person should know about models that are missing from the picker."""
    for note in menu.notes:
        st.caption(f":material/info: {parts.plain(note)}")
