"""What a person sees where a page run failed: our own words, and the id under which the log has the rest.

Refuses to show anything of an unforeseen exception. An error of our own tree says itself what to do next.
"""

from __future__ import annotations

import logging

import streamlit as st

from byok.ground import request_ids
from byok.ground.errors import ByokError
from web.parts import plain

log = logging.getLogger(__name__)


def show(error: Exception) -> bool:
    """Logs what a page, a fragment or a callback let through, and draws the page for it.

    Streamlit calls this as `on_script_error`; what ends or repeats a run on purpose does not come here.

    Returns:
        True: Streamlit is to show nothing of its own.
    """
    request_id = request_ids.current() or request_ids.begin()  # a fragment that runs alone has begun none
    foreseen = isinstance(error, ByokError)
    log.log(logging.WARNING if foreseen else logging.ERROR, "a page run failed", exc_info=error)
    with st.container(border=True, gap="small"):
        if foreseen:
            st.markdown(f":material/info: **{plain(str(error))}**")
        else:
            st.markdown(
                ":material/error: **Something went wrong here, and this page could not be finished.** What was saved "
                "before is safe.\n\nLoad the page again. If it happens again, tell whoever runs this workbench this "
                "id: the log has the rest under it."
            )
        st.caption("Error id")
        st.code(request_id, language=None)
    return True


class ToldAlready(logging.Filter):
    """Stops Streamlit's own record of an exception that `show` logs in our way."""

    def filter(self, record: logging.LogRecord) -> bool:
        """False for that record alone."""
        return record.msg != "Uncaught app execution"


def set_up() -> None:
    """Leaves the log of failed page runs to `show`. Safe to call again."""
    theirs = logging.getLogger("streamlit.error_util")
    if not any(isinstance(known, ToldAlready) for known in theirs.filters):
        theirs.addFilter(ToldAlready())
