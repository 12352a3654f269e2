"""What the workbench is compared with in `sessions.py`: two models side by side, with nothing but Streamlit and openai.

The page of a reader of both manuals. One `st.write_stream` after the other would be two answers in turn, and threads
of one's own that fill placeholders would do without it; `st.fragment(parallel=True)` is Streamlit's own way to run both
at once, and the cheapest that uses it. One client for all sessions, kept connections included, as openai advises.
"""

from __future__ import annotations

import openai
import streamlit as st

from local_server import MODEL


@st.cache_resource
def client() -> openai.OpenAI:
    """The address and the key come from the environment."""
    return openai.OpenAI()


@st.fragment(parallel=True)
def column(model: str, question: str) -> None:
    """One answer, as it comes."""
    with st.chat_message("assistant"):
        stream = client().chat.completions.create(
            model=model, messages=[{"role": "user", "content": question}], stream=True
        )
        st.write_stream(stream)


st.title("Side by side")
# In the address, so that a client needs no widget to ask.
question = st.query_params.get("question")
if question:
    with st.chat_message("user"):
        st.markdown(question)
    for place in st.columns(2):
        with place:
            column(MODEL, question)
st.chat_input("Ask both")
