"""Small pieces that several pages draw: who pays, verdicts, errors with a next step, empty states, receipts."""

from __future__ import annotations

import re
from collections.abc import Sequence

import streamlit as st

from byok.core.wire import Finding
from byok.ground.errors import ByokError
from byok.services.sessions import Identity
from web import formats
from web.house import workbench

NO_MARKUP = "Aimy adds no markup."
VERDICTS = {
    "accepted": ("green", ":material/check_circle:"),
    "rejected": ("red", ":material/cancel:"),
    "limited": ("orange", ":material/lock:"),
    "no_credit": ("orange", ":material/credit_card_off:"),
    "rate_limited": ("orange", ":material/hourglass:"),
    "unreachable": ("gray", ":material/cloud_off:"),
    "unreadable": ("red", ":material/key_off:"),
    "untested": ("gray", ":material/help:"),
}


def plain(text: str) -> str:
    """Text that others wrote, so that Markdown shows it letter by letter."""
    return re.sub(r"([\\`*_{}\[\]()#+\-.!|<>~$:&=])", r"\\\1", text)


def plain_lines(text: str) -> str:
    """The same for a text of many lines: each stays a line, and keeps its indentation, as in pasted code."""
    lines = [(line, line.lstrip(" \t")) for line in text.expandtabs(4).split("\n")]
    return "  \n".join("\u00a0" * (len(line) - len(rest)) + plain(rest) for line, rest in lines)


def code(text: str) -> str:
    """A name that others gave, as code; neither a backtick nor a line's end in it can end the code."""
    return f"`{' '.join(text.replace('`', chr(39)).split()) or ' '}`"


def opening(dialog: str) -> int:
    """The number of this opening of a dialog, for the keys of its fields.

    What was typed and left is then not there the next time, nor in the dialog of another thing.
    """
    number = int(st.session_state.get(f"opened-{dialog}", 0)) + 1
    st.session_state[f"opened-{dialog}"] = number
    return number


def your_key(provider: str, hint: str | None) -> str:
    """Who pays, for a BYOK model: `Your key · OpenAI …4f2a`."""
    return f"Your key · {provider} …{hint}" if hint else f"Your key · {provider}"


def plan_left(used: int, allowance: int) -> str:
    """Who pays, for a standard model: `Plan · 412 of 2,000 left`."""
    return f"Plan · {formats.count(max(0, allowance - used))} of {formats.count(allowance)} left"


def verdict_badge(verdict: str | None) -> None:
    """A verdict as a small coloured label."""
    colour, icon = VERDICTS[verdict or "untested"]
    st.badge((verdict or "untested").replace("_", " ").capitalize(), color=colour, icon=icon)  # type: ignore[arg-type]


def error(problem: ByokError) -> None:
    """What happened and what to do next."""
    st.error(f"{plain(problem.message)} {plain(problem.next_step)}".strip(), icon=":material/error:")


def finding(found: Finding) -> None:
    """The verdict of a key test: what it proves and what it does not, and how long it took."""
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center"):
            verdict_badge(found.verdict)
            st.caption(f"{plain(found.proof)} · {formats.milliseconds(found.elapsed_ms)}" if found.proof else "")
        st.markdown(plain(found.detail))
        if found.models is not None:
            models = len(found.models)
            st.markdown(f"This key opens **{formats.count(models)}** chat model{'' if models == 1 else 's'}.")
        if found.next_step:
            link = f" [{plain(found.link)}]({found.link})" if found.link else ""
            st.markdown(f"{plain(found.next_step)}{link}")
        notes = [f"Not proven by this test: {found.not_proven}" if found.not_proven else ""]
        notes.append(f"Request id: {found.request_id}" if found.request_id else "")
        if any(notes):
            st.caption(" · ".join(plain(note) for note in notes if note))


def steps(title: str, lines: Sequence[str], *, icon: str) -> None:
    """An empty state that says the next steps, numbered."""
    with st.container(border=True):
        st.markdown(f"{icon} **{title}**")
        st.markdown("\n".join(f"{number}. {line}" for number, line in enumerate(lines, 1)))


def upgrade(who: Identity) -> None:
    """What Pro would bring, and how to get it: for an admin of a plan without BYOK."""
    bench = workbench()
    with st.container(border=True):
        st.markdown(":material/workspace_premium: **Own keys are part of the Pro plan**")
        st.markdown(
            "- Connect your own keys of OpenAI, Google Gemini, Mistral, Groq, Together AI, OpenRouter and more\n"
            "- Their models stand beside the standard models, in every chatbot and in the Playground\n"
            "- The provider bills you directly: such calls never draw down your plan\n"
            "- Keys are encrypted at rest, never shown again, and can be deleted at any time"
        )
        if bench.settings.demo_on and who.sample:
            if st.button("Switch to Pro", type="primary", icon=":material/upgrade:", help="Demo only"):
                bench.demo.switch_to_pro(who.actor)
                st.rerun()
        elif bench.settings.upgrade_url:
            st.link_button("Upgrade to Pro", bench.settings.upgrade_url, type="primary", icon=":material/upgrade:")
        else:
            st.markdown("To upgrade, ask the operator of this workbench.")
