"""Chatbot Settings: admins make and edit the company's chatbots; members see and use them."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from byok.core.model_names import ModelName
from byok.ground.errors import ByokError, InvalidInputError
from byok.services.chatbots import ChatbotFields, ChatbotView
from byok.services.model_choices import Menu, ModelChoice
from byok.services.sessions import Identity
from web import model_picker, parts
from web.house import signed_in, workbench

STOP, ANOTHER = "Say so and stop", "Answer with another model instead"


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
        other = menu.find(bot.fallback, key_id=bot.fallback_key_id) if menu and bot.fallback else None
        _card(who, bot, found, _then(other, bot.fallback))


def _then(choice: ModelChoice | None, name: ModelName | None) -> str:
    """Who answers and who pays when the plan is used up or a budget is reached, in a sentence.

    Args:
        choice: as the menu has the model; None where it is gone. name: its name; None where none is set.
    """
    if choice is not None:
        name = choice.name
    if name is None:
        return ""
    called, provider = (choice.label, choice.provider_name) if choice else (name.model, name.provider_id)
    pays = f", billed to your {provider} key" if name.source == "byok" else " and draws down the plan"
    return f"Then {called} answers{pays}."


def _card(who: Identity, bot: ChatbotView, found: ModelChoice | None, then: str) -> None:
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
        if then:
            st.caption(f"If the plan is used up or a budget is reached, {parts.plain(then[0].lower() + then[1:])}")
        if bot.fallback_reason:
            st.warning(
                f"The model that is to answer then cannot be used: {parts.plain(bot.fallback_reason)}",
                icon=":material/warning:",
            )
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
    answers_then, other = _fallback(bot, menu, choice, opening)
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
        before = (bot.model, bot.key_id) if bot else (None, None)
        other_before = (bot.fallback, bot.fallback_key_id) if bot else (None, None)
        model, key_id = (choice.name, choice.pin(*before)) if choice else before
        fallback, fallback_key_id = (other.name, other.pin(*other_before)) if other else (None, None)
        if answers_then and other is None:
            if other_before[0] is None or model_picker.waits(_picker_of_other(opening)):
                problem = InvalidInputError("No model that answers instead was chosen yet.", field="fallback")
                parts.error(problem)
                return
            fallback, fallback_key_id = other_before
        fields = ChatbotFields(
            name=name,
            system_prompt=prompt,
            model=model,
            key_id=key_id,
            temperature=heat,
            max_tokens=length,
            fallback=fallback,
            fallback_key_id=fallback_key_id,
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


def _fallback(
    bot: ChatbotView | None, menu: Menu, default: ModelChoice | None, opening: int
) -> tuple[bool, ModelChoice | None]:
    """Draws what is to happen when the default model is spent: whether another one is to answer then, and which."""
    chosen = st.radio(
        "If the plan is used up or a budget is reached",
        [STOP, ANOTHER],
        index=1 if bot and bot.fallback else 0,
        key=f"bot-then-{opening}",
        help="Only then, and only instead of the default model: an error of a provider leads to no other model.",
    )
    if chosen != ANOTHER:
        return False, None
    if default is not None and default.source == "plan":  # what draws down the plan cannot answer when it is used up
        menu = replace(menu, choices=[one for one in menu.choices if one.source == "byok"])
    current = menu.find(bot.fallback, key_id=bot.fallback_key_id) if bot and bot.fallback else None
    if bot and bot.fallback_reason:
        st.warning(f"{parts.plain(bot.fallback_reason)} Choose another model.", icon=":material/warning:")
    other = model_picker.pick(menu, key=_picker_of_other(opening), current=current, title="Model that answers instead")
    if other is not None:
        st.caption(parts.plain(_then(other, other.name)))
    return True, other


def _picker_of_other(opening: int) -> str:
    return f"bot-other-{opening}"


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
