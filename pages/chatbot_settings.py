"""Chatbot Settings: admins make and edit the company's chatbots; members see and use them."""

from __future__ import annotations

import streamlit as st

from byok.ground.errors import ByokError, InvalidInputError
from byok.services.chatbots import ChatbotFields, ChatbotView
from byok.services.model_choices import ModelChoice
from byok.services.sessions import Identity
from web import model_picker, parts
from web.house import signed_in, workbench


def page() -> None:
    """Draws the page for who is signed in."""
    who = signed_in()
    with st.container(horizontal=True, vertical_alignment="bottom", horizontal_alignment="distribute"):
        st.title("Chatbot Settings", anchor=False, width="content")
        if who.is_admin and st.button("New chatbot", type="primary", icon=":material/add:"):
            _edit(None, parts.opening("bot"))
    if not who.is_admin:
        st.caption("You can use these chatbots in the Playground. Admins of your company edit them.")
    bots = workbench().chatbots.list(who.actor)
    if not bots:
        lines = ["Click **New chatbot**", "Give it a name, instructions and a model", "Try it in the **Playground**"]
        if not who.is_admin:
            lines = ["Ask an admin of your company to make one", "Meanwhile, use any model in the **Playground**"]
        parts.steps("No chatbots yet", lines, icon=":material/smart_toy:")
    menu = workbench().models.menu(who.actor) if bots else None
    for bot in bots:
        found = menu.find(bot.model, key_id=bot.key_id) if menu and bot.model and bot.model_state == "ok" else None
        _card(who, bot, found)


def _card(who: Identity, bot: ChatbotView, found: ModelChoice | None) -> None:
    with st.container(border=True, key=f"bot-{bot.id}"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"**{parts.plain(bot.name)}**", width="stretch")
            if bot.sample:
                st.badge("Sample data", color="gray")
            if bot.model is not None:
                own = bot.model.source == "byok"
                st.badge("Your key" if own else "Plan", color="green" if own else "blue")
        model = parts.code(f"{bot.model.provider_id}/{bot.model.model}") if bot.model else "no model chosen"
        heat = f" · temperature {bot.temperature:g}" if bot.temperature is not None else ""
        length = f" · at most {bot.max_tokens:,} tokens" if bot.max_tokens is not None else ""
        pinned = f" · key “{parts.plain(bot.key_label)}”" if bot.key_label else ""
        st.caption(f"{model}{pinned}{heat}{length}")
        if bot.model_state == "gone":
            st.warning(
                f"{parts.plain(bot.model_reason)} Choose another model for this chatbot; none is chosen for it.",
                icon=":material/warning:",
            )
        elif bot.model_state == "none":
            st.warning("This chatbot has no model yet. Choose one.", icon=":material/warning:")
        elif found is not None:
            model_picker.retired(found)
        if bot.system_prompt:
            with st.expander("Instructions"):
                st.text(bot.system_prompt)
        if who.is_admin:
            with st.container(horizontal=True):
                if st.button("Edit", key=f"edit-{bot.id}", icon=":material/edit:"):
                    _edit(bot, parts.opening("bot"))
                if st.button("Delete", key=f"drop-{bot.id}", icon=":material/delete:"):
                    _delete(bot)


@st.dialog("Chatbot", width="medium", icon=":material/smart_toy:")
def _edit(bot: ChatbotView | None, opening: int) -> None:
    who, bench = signed_in(), workbench()
    menu = bench.models.menu(who.actor)
    current = menu.find(bot.model, key_id=bot.key_id) if bot and bot.model else None
    name = st.text_input("Name", value=bot.name if bot else "", max_chars=80, key=f"bot-name-{opening}")
    prompt = st.text_area(
        "System prompt",
        value=bot.system_prompt if bot else "",
        height=140,
        placeholder="What the chatbot is for, and how it should answer",
        key=f"bot-prompt-{opening}",
    )
    if bot and bot.model_state == "gone":
        st.warning(f"{parts.plain(bot.model_reason)} Choose another model.", icon=":material/warning:")
    picker = f"bot-model-{opening}"
    choice = model_picker.pick(menu, key=picker, current=current, title="Default model")
    model_picker.notes(menu)
    left, right = st.columns(2)
    heat = left.number_input(
        "Temperature",
        0.0,
        2.0,
        value=bot.temperature if bot else None,
        step=0.1,
        placeholder="not set: not sent",
        key=f"bot-heat-{opening}",
    )
    length = right.number_input(
        "Answer length (tokens)",
        1,
        200_000,
        value=bot.max_tokens if bot else None,
        placeholder="not set: not sent",
        key=f"bot-length-{opening}",
    )
    if st.button("Save", type="primary", icon=":material/save:", key="bot-save"):
        if choice is None and model_picker.waits(picker):
            parts.error(InvalidInputError("No model was chosen yet.", field="model", next_step="Type its id above."))
            return
        model, key_id = (choice.name, choice.key_id) if choice else (None, None)
        if choice is None and bot:
            model, key_id = bot.model, bot.key_id
        fields = ChatbotFields(
            name=name, system_prompt=prompt, model=model, key_id=key_id, temperature=heat, max_tokens=length
        )
        try:
            if bot is None:
                bench.chatbots.create(who.actor, fields)
            else:
                bench.chatbots.edit(who.actor, bot.id, fields)
        except ByokError as problem:
            parts.error(problem)
            return
        st.rerun()


@st.dialog("Delete this chatbot?", icon=":material/delete:")
def _delete(bot: ChatbotView) -> None:
    who = signed_in()
    st.markdown(f"**{parts.plain(bot.name)}** goes; conversations with it stay with their authors.")
    if st.button("Delete", type="primary", icon=":material/delete:", key="bot-delete-confirmed"):
        try:
            workbench().chatbots.delete(who.actor, bot.id)
        except ByokError as problem:
            parts.error(problem)
            return
        st.rerun()


page()
