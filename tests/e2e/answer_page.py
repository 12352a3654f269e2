"""A page that shows finished answers and nothing else: one with formulas, one without."""

from uuid import UUID

import streamlit as st

from web import elements

PLAIN = "Some `code`, a [link](https://a.example) for $5 and $10.\n\n```python\nreturn None\n```\n\n- one\n\nThe end.\n"
MATH = PLAIN + "\nSo $x^2$ and\n\n$$\n\\frac{a}{b}\n$$\n\nbut $\\nosuch{x}$.\n"

st.html(f"<style>{elements.answer_css()}</style>")
elements.finished_answer(UUID(int=1), PLAIN, label="Plain")
elements.finished_answer(UUID(int=2), MATH, label="Formulas")
