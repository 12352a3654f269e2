"""Bring-your-own-key for AI providers: everything but the screen.

Layers, each of which imports only downwards: `cli` and `process` -> `services` -> `core` -> `ground`.
Nothing in here imports Streamlit.
"""
