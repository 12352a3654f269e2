"""Playground: one message to one model, or to eight side by side; who pays, what it cost and how fast it was."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

import streamlit as st

from byok.core.model_names import ModelName
from byok.ground.errors import ByokError
from byok.services.bounds import unwritten
from byok.services.chatbots import ChatbotView
from byok.services.columns import ColumnSetup
from byok.services.conversation_views import ConversationView, ThreadView
from byok.services.model_choices import Menu, ModelChoice
from byok.services.sessions import Identity
from web import conversation_list, elements, model_picker, parts
from web.house import signed_in, workbench
from web.playground import keeping, race, sending, setups, turns

PROMPTS = (
    "Rewrite this so that it is friendly: Your request was denied.",
    "Give me three tips for a good night's sleep.",
    "Write a short welcome message for new customers.",
)
# Not None: Streamlit reads None as nothing chosen, offers to clear it and asks to choose an option.
NO_CHATBOT = ""


def page() -> None:
    """Draws the page for who is signed in."""
    who = signed_in()
    thread = _current(who)
    current = thread.conversation if thread else None
    branch = turns.shown_branch(thread) if thread else ()
    leaf = branch[-1].id if branch else None
    _head(who, thread, leaf)
    conversation_list.draw(who, current.id if current else None)
    menu = workbench().models.menu(who.actor)
    if thread is not None and not thread.conversation.mine:
        keeping.reader(thread)
        turns.draw(thread, branch, menu, follow=False)
        return
    bots = workbench().chatbots.list(who.actor)
    bot, columns = _set_up(who, menu, bots, thread)
    if thread is not None and branch:
        turns.draw(thread, branch, menu, follow=True)
    else:
        _empty(ready=bool(columns.ready))
    _write(who, columns, thread, bot.id if bot else None, leaf)


def _current(who: Identity) -> ThreadView | None:
    wanted = st.query_params.get("conversation")
    if not wanted:
        return None
    try:
        return workbench().conversations.thread(who.actor, UUID(wanted))
    except (ByokError, ValueError):
        st.query_params.clear()
        st.info("That conversation is not here any more, or not yours.", icon=":material/info:")
        return None


def _head(who: Identity, thread: ThreadView | None, leaf: UUID | None) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom", horizontal_alignment="distribute"):
        st.title("Playground", anchor=False, width="content")
        keeping.tools(who, thread, leaf)
    if thread is not None:
        st.markdown(f"**{parts.plain(thread.conversation.title)}**")


def _set_up(
    who: Identity, menu: Menu, bots: list[ChatbotView], thread: ThreadView | None
) -> tuple[ChatbotView | None, setups.Columns]:
    """The chatbot and the columns, and who pays for them."""
    current = thread.conversation if thread else None
    several = thread is not None and sum(not column.removed for column in thread.columns) > 1
    left, right = st.columns([2, 3])
    # That several columns have no chatbot need not be said above each message.
    bot = None
    if not (several and current is not None and current.chatbot_id is None):
        with left:
            bot = _pick_chatbot(bots, current)
    default = _default(menu, bot, current)
    kept = setups.initial(menu, bot, thread, default=default)
    if len(kept) > 1:
        setups.draw_strip(who, menu, kept, thread=thread, bot=bot)
        _who_pays_for_the_rest(menu, kept, setups.numbered(thread, kept))
        return bot, setups.Columns(kept, setups.numbered(thread, kept))
    with right:
        columns = setups.draw_one(who, menu, kept[0], thread=thread, bot=bot, default=default)
    choice = _choice(menu, columns.ready[0]) if columns.ready else None
    _who_pays(who, menu, bot, current, choice)
    return bot, columns


def _pick_chatbot(bots: list[ChatbotView], current: ConversationView | None) -> ChatbotView | None:
    names: dict[UUID | str, str] = {NO_CHATBOT: "No chatbot", **{bot.id: bot.name for bot in bots}}
    options = list(names)
    meant = current.chatbot_id if current else None
    chosen = st.selectbox(
        "Chatbot",
        options,
        index=options.index(meant) if meant in names else 0,
        format_func=lambda one: names.get(one, str(one)),
        key=f"bot-{current.id if current else 'new'}",
        disabled=current is not None,
        help="A conversation stays with its chatbot." if current else None,
    )
    return next((bot for bot in bots if bot.id == chosen), None)


def _default(menu: Menu, bot: ChatbotView | None, current: ConversationView | None) -> ModelChoice | None:
    """What is chosen at first. None where the model that was meant is gone: another one may be paid by another."""
    if current is not None and current.model is not None:
        return menu.find(ModelName.parse(current.model), key_id=current.key_id)
    if bot is not None:
        return menu.find(bot.model, key_id=bot.key_id) if bot.model else None
    return menu.choices[0] if menu.choices else None


def _choice(menu: Menu, setup: ColumnSetup) -> ModelChoice | None:
    return menu.find(setup.model, key_id=setup.key_id) if setup.model else None


def _who_pays(
    who: Identity, menu: Menu, bot: ChatbotView | None, current: ConversationView | None, choice: ModelChoice | None
) -> None:
    if current is not None and current.model is not None and _default(menu, bot, current) is None:
        st.warning(
            f"This conversation's model, {parts.code(current.model)}, cannot be used any more. Choose another one "
            "above; none is chosen for you.",
            icon=":material/warning:",
        )
    elif bot is not None and bot.model_state != "ok" and current is None:
        reason = bot.model_reason or "It has no model yet."
        st.warning(
            f"The model of “{parts.plain(bot.name)}” cannot be used: {parts.plain(reason)} Choose another one above; "
            "none is chosen for you.",
            icon=":material/warning:",
        )
    if choice is not None:
        if choice.source == "byok":
            st.badge(parts.plain(parts.your_key(choice.provider_name, choice.key_hint)), color="green")
        else:
            allowance, used = workbench().usage.allowance(who.actor)
            st.badge(parts.plain(parts.plan_left(used, allowance)), color="blue")
    model_picker.notes(menu)


def _who_pays_for_the_rest(menu: Menu, kept: list[ColumnSetup], numbers: Mapping[UUID, int]) -> None:
    gone = [str(numbers[setup.id]) for setup in kept if _choice(menu, setup) is None]
    if gone:
        which = f"Column {gone[0]}" if len(gone) == 1 else f"Columns {', '.join(gone)}"
        st.warning(
            f"{which} cannot be asked: the model is gone. Click it to choose another one, or remove it; none is chosen "
            "for you.",
            icon=":material/warning:",
        )
    model_picker.notes(menu)


def _empty(*, ready: bool) -> None:
    with st.container(border=True):
        if not ready:
            st.markdown(":material/forum: **Choose a model above, then ask.**")
            return
        st.markdown(":material/forum: **Ask something, or try one of these**")
        for prompt in PROMPTS:
            if st.button(prompt, key=f"try-{prompt}", type="tertiary", icon=":material/arrow_forward:"):
                st.session_state["suggested"] = prompt


def _write(
    who: Identity, columns: setups.Columns, thread: ThreadView | None, chatbot: UUID | None, leaf: UUID | None
) -> None:
    """The input, with what is to be known before sending; what was refused is kept until it is sent or dropped."""
    ready = columns.ready
    refused = sending.unsent()
    with st.bottom, st.container(horizontal=True, vertical_alignment="center", gap="small", key="before"):
        to = sending.whom(columns)
        if ready and st.button("Fair race", icon=":material/flag:", type="tertiary", key="race"):
            race.dialog(columns, thread, chatbot, leaf, parts.opening("race"))
        if ready:
            conversation_id = thread.conversation.id if thread else None
            outlook = workbench().forecasts.look(
                who.actor, ready, conversation_id=conversation_id, chatbot_id=chatbot, after=leaf, asks=unwritten(to)
            )
            sending.before(outlook, to, columns)
    text = st.chat_input("Ask something", key="ask", disabled=not ready)
    text = text or st.session_state.pop("suggested", None) or (refused[0] if refused and refused[1] else None)
    elements.keyboard(sent=int(st.session_state.get("sent", 0)))
    if not text or not ready:
        return
    problem = sending.send(who, columns.setups, str(text), thread=thread, chatbot=chatbot, leaf=leaf, to=to)
    if problem is not None:
        st.session_state["unsent"] = (problem, str(text))
    st.rerun()


page()
