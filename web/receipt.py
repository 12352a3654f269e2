"""What an answer took, in one line under it: who pays, tokens, times, cost. Unknown figures are a dash."""

from __future__ import annotations

import streamlit as st

from byok.services.conversation_views import AnswerView, ReceiptView
from web import formats, parts


def who_pays(receipt: ReceiptView) -> str:
    """`Your key · OpenAI …4f2a` or `Plan · Local (llama.cpp)`."""
    if receipt.source == "byok":
        return parts.your_key(receipt.provider, receipt.key_hint)
    return f"Plan · {receipt.provider}"


def line(receipt: ReceiptView) -> str:
    """The figures: tokens in and out, time to first token, duration, estimated cost."""
    cost = formats.dollars(receipt.cost_pico) if receipt.source == "byok" else "plan message"
    if receipt.source == "byok" and receipt.cost_pico is not None:
        cost = f"≈ {cost}"
    return " · ".join(
        (
            f"{formats.count(receipt.tokens_in)} tokens in",
            f"{formats.count(receipt.tokens_out)} out",
            f"first token {formats.milliseconds(receipt.ttft_ms)}",
            f"{formats.milliseconds(receipt.duration_ms)} in all",
            f"cost {cost}" if receipt.source == "byok" else cost,
        )
    )


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
    st.caption(parts.plain(line(receipt)))
