"""Two answers to one message, word by word: what both say, and what only one does."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape
from uuid import UUID

import streamlit as st

from byok.services.conversation_views import AnswerView, TurnView
from byok.services.word_diff import Passage, alike, compare, words
from web import parts
from web.house import signed_in

AROUND = 6  # words on either side of a difference, where only differences are shown


def button(turn: TurnView, numbers: Mapping[UUID, int], names: Callable[[AnswerView], str]) -> None:
    """Opens the comparison, where there are two texts to compare."""
    texts = [answer for answer in turn.answers if answer.text and not answer.running and answer.column_id in numbers]
    if len(texts) > 1 and st.button(
        "Compare the words", key=f"compare-{turn.id}", type="tertiary", icon=":material/difference:"
    ):
        called = {
            answer.id: f"{numbers[answer.column_id]} · {names(answer)}"
            + (f" · version {answer.version}" if len(turn.of(answer.column_id)) > 1 else "")
            for answer in texts
        }
        _dialog(texts, called, parts.opening("compare"))


@st.dialog("Compare the words", icon=":material/difference:", width="large")
def _dialog(answers: Sequence[AnswerView], called: Mapping[UUID, str], opening: int) -> None:
    """Two pickers, a switch, and the two texts beside one another."""
    signed_in()
    texts = {answer.id: answer.text for answer in answers}
    newest = {answer.column_id: answer.id for answer in answers}
    first, second = (*newest.values(), answers[-1].id)[:2] if len(newest) > 1 else (answers[0].id, answers[-1].id)
    ids = list(texts)
    left, right = st.columns(2)
    with left:
        one = st.selectbox("Left", ids, ids.index(first), format_func=called.__getitem__, key=f"left-{opening}")
    with right:
        two = st.selectbox("Right", ids, ids.index(second), format_func=called.__getitem__, key=f"right-{opening}")
    only = st.toggle("Differences only", key=f"only-{opening}")
    found = compare(texts[one], texts[two])
    if all(passage.same for passage in found):
        st.info("Both say the same, word for word.", icon=":material/check:")
    else:
        st.caption(f"{alike(found):.0%} of the words are the same.")
    with st.container(key="word-diff"):
        left, right = st.columns(2)
        left.html(_side(found, left=True, only=only, label=called[one]))
        right.html(_side(found, left=False, only=only, label=called[two]))


def _side(found: Sequence[Passage], *, left: bool, only: bool, label: str) -> str:
    tag, word = ("del", "only here") if left else ("ins", "only here")
    pieces = []
    for place, passage in enumerate(found):
        text = passage.left if left else passage.right
        if passage.same:
            pieces.append(escape(_shortened(text, place, len(found)) if only else text))
        elif text:
            pieces.append(f'<{tag} title="{word}">{escape(text.rstrip())}</{tag}>{escape(text[len(text.rstrip()) :])}')
    region = f'class="diff" role="region" tabindex="0" aria-label="{escape(label, quote=True)}"'
    return f"<div {region}>{''.join(pieces)}</div>"


def _shortened(text: str, place: int, places: int) -> str:
    """What both say, as far as it is needed to see where a difference stands."""
    every = words(text)
    before = AROUND if place > 0 else 0
    after = AROUND if place < places - 1 else 0
    left_out = len(every) - before - after
    if left_out < 2:
        return text
    return f"{''.join(every[:before]).rstrip()} … {left_out:,} words … {''.join(every[len(every) - after :])}"
