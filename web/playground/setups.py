"""Which columns stand side by side: one picker for one model, a strip of them for several, a dialog to set each.

Before its first message a conversation's columns live in this tab alone; from then on they are kept with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

import streamlit as st

from byok.core.model_names import ModelName
from byok.core.parameters import Parameters
from byok.ground.errors import ByokError
from byok.ground.ids import new_id
from byok.services.chatbots import ChatbotView
from byok.services.columns import MOST_COLUMNS, ColumnSetup
from byok.services.conversation_views import ThreadView
from byok.services.model_choices import Menu, ModelChoice
from byok.services.sessions import Identity
from web import model_picker, parts
from web.house import signed_in, workbench
from web.playground import parameters

PICKER = "Model (for each message)"


@dataclass(frozen=True, slots=True)
class Columns:
    """The page's columns, and the number of each: it stays the same when another one is removed."""

    setups: list[ColumnSetup]
    numbers: Mapping[UUID, int]

    @property
    def ready(self) -> list[ColumnSetup]:
        """Those that have a model."""
        return [setup for setup in self.setups if setup.model is not None]


def numbered(thread: ThreadView | None, setups: Sequence[ColumnSetup]) -> dict[UUID, int]:
    """Each column's number, from 1: in a conversation by its place, which no other column gets."""
    if thread is None:
        return {setup.id: number for number, setup in enumerate(setups, 1)}
    return {column.id: column.position + 1 for column in thread.columns}


def initial(
    menu: Menu, bot: ChatbotView | None, thread: ThreadView | None, *, default: ModelChoice | None
) -> list[ColumnSetup]:
    """The columns as they are kept, or as this tab has set them up before the first message."""
    if thread is not None:
        kept = [column.setup for column in thread.columns if not column.removed]
        # A model that is gone leaves its place empty: nobody is moved to another one.
        return [
            setup if setup.model and menu.find(setup.model, key_id=setup.key_id) else replace(setup, model=None)
            for setup in kept
        ]
    draft = st.session_state.get(_draft_key(bot.id if bot else None))
    if draft is not None:
        return list(draft)
    of_bot = Parameters(temperature=bot.temperature, max_tokens=bot.max_tokens) if bot else Parameters()
    name, key_id = (default.name, default.key_id) if default else (None, None)
    if default is not None and bot is not None:
        key_id = default.pin(bot.model, bot.key_id)
    return [ColumnSetup(name, key_id, of_bot, bot.system_prompt if bot else "")]


def begin_anew(chatbot: UUID | None) -> None:
    """The first message is sent: the columns are the conversation's now. The next one begins with several like them."""
    draft = st.session_state.pop(_draft_key(chatbot), [])
    if len(draft) > 1:
        st.session_state[_draft_key(chatbot)] = [replace(setup, id=new_id()) for setup in draft]


def draw_one(
    who: Identity,
    menu: Menu,
    setup: ColumnSetup,
    *,
    thread: ThreadView | None,
    bot: ChatbotView | None,
    default: ModelChoice | None,
) -> Columns:
    """One column: its picker, and beside it what else can be set, and a second model.

    What is kept is shown, for it may have been set in another tab, or beside the parameters; a click here is kept at
    once, so that an answer asked for again is the chosen model's.
    """
    is_kept = thread is not None or _draft_key(bot.id if bot else None) in st.session_state
    key = _picker(thread, bot)
    current = menu.find(setup.model, key_id=setup.key_id) if setup.model else default
    choice = model_picker.pick(menu, key=key, current=current, title=PICKER, follow=is_kept)
    name, key_id = (choice.name, choice.pin(setup.model, setup.key_id)) if choice else (None, None)
    chosen = replace(setup, model=name, key_id=key_id)
    if is_kept and choice is not None and model_picker.by_hand(key):
        if chosen != setup:
            keep(who, [chosen], thread, bot)
        model_picker.let_go(key)
    setup = chosen
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        set_by = parameters.summary(setup)
        if st.button(set_by or "Parameters", icon=":material/tune:", type="tertiary", key="set-parameters"):
            _edit(setup, [setup], thread, bot)
        if st.button("Compare with another model", icon=":material/add:", type="tertiary", key="add-column"):
            _edit(None, [setup], thread, bot)
    return Columns([setup], numbered(thread, [setup]))


def draw_strip(
    who: Identity,
    menu: Menu,
    setups: Sequence[ColumnSetup],
    *,
    thread: ThreadView | None,
    bot: ChatbotView | None,
) -> None:
    """Several columns: a card each, which opens what can be set, and a button for one more."""
    with st.container(key="strip"):
        grid = st.grid(4, min_column_width=200, gap="small", key="strip-grid")
        numbers = numbered(thread, setups)
        for setup in setups:
            number = numbers[setup.id]
            with grid.container(border=True, gap="xxsmall", key=f"setup-{setup.id}"):
                choice = menu.find(setup.model, key_id=setup.key_id) if setup.model else None
                with st.container(horizontal=True, vertical_alignment="center", gap="xsmall", wrap=False):
                    label = f"{number} · {parts.plain(choice.label if choice else 'Choose a model')}"
                    if st.button(
                        label, key=f"set-{setup.id}", type="tertiary", width="stretch", help="Set this column"
                    ):
                        _edit(setup, setups, thread, bot)
                    if st.button(
                        f"Remove column {number}",  # is read aloud, and not shown: see page.css
                        icon=":material/close:",
                        key=f"remove-{setup.id}",
                        type="tertiary",
                        help=f"Remove column {number}",
                    ):
                        keep(who, [one for one in setups if one.id != setup.id], thread, bot)
                        st.rerun()
                if choice is not None:
                    who_pays(choice)
                else:
                    st.badge("No model", color="gray")
                told = parameters.summary(setup)
                if told:
                    st.caption(told)
    with st.container(horizontal=True, vertical_alignment="center"):
        if len(setups) >= MOST_COLUMNS:
            st.caption(f"{MOST_COLUMNS} columns are as many as one conversation has.", width="content")
        elif st.button("Add a model", icon=":material/add:", type="tertiary", key="add-column"):
            _edit(None, setups, thread, bot)
        if st.button("Keep only the first", icon=":material/filter_1:", type="tertiary", key="one-column"):
            keep(who, setups[:1], thread, bot)
            st.rerun()


def who_pays(choice: ModelChoice) -> None:
    """`Your key · OpenAI …4f2a`, or `Plan · Local (llama.cpp)`."""
    own = choice.source == "byok"
    text = parts.your_key(choice.provider_name, choice.key_hint) if own else f"Plan · {choice.provider_name}"
    st.badge(parts.plain(text), color="green" if own else "blue")


def keep(who: Identity, setups: Sequence[ColumnSetup], thread: ThreadView | None, bot: ChatbotView | None) -> None:
    """Keeps the columns: with the conversation, or in this tab before there is one."""
    if thread is not None:
        workbench().conversations.arrange(who.actor, thread.conversation.id, setups)
    else:
        st.session_state[_draft_key(bot.id if bot else None)] = list(setups)


def _draft_key(chatbot: UUID | None) -> str:
    return f"columns-{chatbot or 'none'}"


def _edit(
    setup: ColumnSetup | None, setups: Sequence[ColumnSetup], thread: ThreadView | None, bot: ChatbotView | None
) -> None:
    _dialog(setup, list(setups), thread, bot, parts.opening("column"))


@st.dialog("Model and parameters", icon=":material/tune:", width="medium")
def _dialog(
    setup: ColumnSetup | None,
    setups: list[ColumnSetup],
    thread: ThreadView | None,
    bot: ChatbotView | None,
    opening: int,
) -> None:
    """Sets one column: its model, parameters and system prompt. Without one it adds a column like the last."""
    who = signed_in()
    menu = workbench().models.menu(who.actor)
    like = setup or replace(setups[-1], model=None, key_id=None, id=new_id())
    current = menu.find(like.model, key_id=like.key_id) if like.model else None
    choice = model_picker.pick(menu, key=f"column-model-{opening}", current=current, title="Model of this column")
    wanted = parameters.fields(like, opening=opening)
    with st.container(horizontal=True):
        done = st.button("Save" if setup else "Add", type="primary", disabled=choice is None or wanted is None)
        full = len(setups) >= MOST_COLUMNS
        twice = setup is not None and st.button(
            "Save as another column", icon=":material/content_copy:", disabled=choice is None or wanted is None or full
        )
    if not (done or twice) or choice is None or wanted is None:
        return
    changed = replace(wanted, model=ModelName(choice.name.source, choice.name.provider_id, choice.name.model))
    changed = replace(changed, key_id=choice.pin(like.model, like.key_id))
    if twice or setup is None:
        setups.append(replace(changed, id=new_id()))
    else:
        setups = [changed if one.id == setup.id else one for one in setups]
    try:
        keep(who, setups, thread, bot)
    except ByokError as problem:
        parts.error(problem)
        return
    model_picker.let_go(_picker(thread, bot))
    st.rerun()


def _picker(thread: ThreadView | None, bot: ChatbotView | None) -> str:
    return f"model-{thread.conversation.id if thread else 'new'}-{bot.id if bot else 'none'}"
