"""Playground: pick a chatbot or none, pick a model for each message, ask, and read the answer as it is written."""

from __future__ import annotations

from uuid import UUID

import streamlit as st

from byok.core.model_names import ModelName
from byok.ground.errors import ByokError
from byok.services.chatbots import ChatbotView
from byok.services.conversation_views import ConversationView
from byok.services.model_choices import Menu, ModelChoice
from byok.services.sessions import Identity
from web import conversation_list, model_picker, parts, thread
from web.house import signed_in, workbench

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
    current = _current(who)
    _head(current)
    conversation_list.draw(who, current.id if current else None)
    bots = workbench().chatbots.list(who.actor)
    menu = workbench().models.menu(who.actor)
    left, right = st.columns([2, 3])
    with left:
        bot = _pick_chatbot(bots, current)
    with right:
        choice = _pick_model(menu, bot, current)
    _who_pays(who, menu, bot, current, choice)
    if current is not None:
        thread.draw(current.id)
    else:
        _empty(choice)
    _unsent(who, current, bot, choice)
    text = st.chat_input("Ask something", key="ask", disabled=choice is None)
    text = text or st.session_state.pop("suggested", None)
    if text and choice is not None:
        _ask(who, current, bot, choice, str(text))


def _current(who: Identity) -> ConversationView | None:
    wanted = st.query_params.get("conversation")
    if not wanted:
        return None
    try:
        return workbench().conversations.get(who.actor, UUID(wanted))
    except (ByokError, ValueError):
        st.query_params.clear()
        st.info("That conversation is not here any more, or not yours.", icon=":material/info:")
        return None


def _head(current: ConversationView | None) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom", horizontal_alignment="distribute"):
        st.title("Playground", anchor=False, width="content")
        if current is not None:
            with st.container(horizontal=True, width="content"):
                if st.button("Rename", icon=":material/edit:", key="rename"):
                    conversation_list.rename(current.id, current.title, parts.opening("rename"))
                if st.button("Delete", icon=":material/delete:", key="delete-conversation"):
                    conversation_list.delete(current.id, current.title)
    if current is not None:
        st.markdown(f"**{parts.plain(current.title)}**")


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


def _pick_model(menu: Menu, bot: ChatbotView | None, current: ConversationView | None) -> ModelChoice | None:
    default = _default(menu, bot, current)
    key = f"model-{current.id if current else 'new'}-{bot.id if bot else 'none'}"
    return model_picker.pick(menu, key=key, current=default, title="Model (for each message)")


def _default(menu: Menu, bot: ChatbotView | None, current: ConversationView | None) -> ModelChoice | None:
    """What is chosen at first. None where the model that was meant is gone: another one may be paid by another."""
    if current is not None and current.model is not None:
        return menu.find(ModelName.parse(current.model), key_id=current.key_id)
    if bot is not None:
        return menu.find(bot.model, key_id=bot.key_id) if bot.model else None
    return menu.choices[0] if menu.choices else None


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


def _empty(choice: ModelChoice | None) -> None:
    with st.container(border=True):
        if choice is None:
            st.markdown(":material/forum: **Choose a model above, then ask.**")
            return
        st.markdown(":material/forum: **Ask something, or try one of these**")
        for prompt in PROMPTS:
            if st.button(prompt, key=f"try-{prompt}", type="tertiary", icon=":material/arrow_forward:"):
                st.session_state["suggested"] = prompt


def _unsent(
    who: Identity, current: ConversationView | None, bot: ChatbotView | None, choice: ModelChoice | None
) -> None:
    """A message that was refused is kept, with the reason, until it is sent or dropped."""
    unsent = st.session_state.get("unsent")
    if unsent is None:
        return
    problem, text = unsent
    with st.container(border=True):
        parts.error(problem)
        st.caption("Your message was not sent. It is kept here:")
        st.text(text)
        with st.container(horizontal=True):
            if st.button("Send again", type="primary", icon=":material/send:", disabled=choice is None) and choice:
                _ask(who, current, bot, choice, text)
            if st.button("Drop it", icon=":material/close:"):
                st.session_state.pop("unsent")
                st.rerun()


def _ask(
    who: Identity, current: ConversationView | None, bot: ChatbotView | None, choice: ModelChoice, text: str
) -> None:
    try:
        asked = workbench().conversations.ask(
            who.actor,
            conversation_id=current.id if current else None,
            chatbot_id=bot.id if bot else None,
            text=text,
            model=choice.name,
            key_id=choice.key_id,
        )
    except ByokError as problem:
        st.session_state["unsent"] = (problem, text)
    else:
        st.session_state.pop("unsent", None)
        st.query_params["conversation"] = str(asked.conversation_id)
    st.rerun()


page()
