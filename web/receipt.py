"""What an answer took, under it: who pays, times, tokens, cost, how it ended. Unknown figures are a dash.

The figures are those of `services.numbers`, unrounded beyond what is rounded there, so that exports agree with them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import streamlit as st

from byok.services.conversation_views import AnswerView, ReceiptView
from byok.services.fallbacks import told
from byok.services.numbers import numbers_of
from web import formats, parts


def who_pays(receipt: ReceiptView) -> str:
    """`Your key · OpenAI …4f2a` or `Plan · Local (llama.cpp)`."""
    if receipt.source == "byok":
        return parts.your_key(receipt.provider, receipt.key_hint)
    return f"Plan · {receipt.provider}"


def line(answer: AnswerView) -> str:
    """The figures of an answer with a receipt, in one line."""
    receipt, found = answer.receipt, numbers_of(answer)
    own = receipt is not None and receipt.source == "byok"
    reasoning = f" (reasoning {formats.count(found.tokens_reasoning)})" if found.tokens_reasoning else ""
    return " · ".join(
        (
            f"first token {formats.whole_ms(found.ttft_ms)}",
            f"{formats.whole_ms(found.duration_ms)} in all",
            f"{formats.rate(found.tokens_per_s)} tokens/s",
            f"{formats.count(found.tokens_in)} tokens in",
            f"{formats.count(found.tokens_out)} out{reasoning}",
            f"cost {formats.about(found.cost_pico)}" if own else "plan message",
            *([f"finish: {answer.finish_reason}"] if answer.finish_reason else []),
        )
    )


def instead(answer: AnswerView, names: Callable[[AnswerView], str]) -> str:
    """`Answered by X instead of Y: the plan was used up.`; empty where the column's own model was asked."""
    if answer.instead_of is None:
        return ""
    called = {answer.model: names(answer), answer.instead_of: names(replace(answer, model=answer.instead_of))}
    done = bool(answer.text) or answer.running
    return told(answer.model, asked=answer.instead_of, done=done, names=called.__getitem__)


def draw(answer: AnswerView) -> None:
    """Draws the receipt of a finished answer."""
    receipt = answer.receipt
    if receipt is None:
        return
    model = receipt.model_answered or receipt.model
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        own = receipt.source == "byok"
        st.badge(parts.plain(who_pays(receipt)), color="green" if own else "blue")
        other = "" if model == receipt.model else f" (answered by {parts.code(model)})"
        st.caption(parts.code(receipt.model) + other)
    st.caption(parts.plain(line(answer)))
