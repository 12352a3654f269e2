"""The front door: the ASGI app where none runs yet, else sign-in and navigation. Nothing else lives here.

`streamlit run app.py` loads this file twice: once to find `app`, then as the script of every page run.
"""

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

if get_script_run_ctx(suppress_warning=True) is None:
    from web import server

    app = st.App(__file__, **server.parts())
else:
    from web import navigation

    navigation.run()
