"""The app as it is, with one route more: the benchmark of sessions asks by it, in the place of the message field.

Run by `sessions.py` with `streamlit run`, from the repository's folder.
"""

import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import streamlit as st  # noqa: E402
from starlette.concurrency import run_in_threadpool  # noqa: E402
from starlette.requests import Request  # noqa: E402
from starlette.responses import JSONResponse  # noqa: E402
from starlette.routing import Route  # noqa: E402

from byok.services.access import Actor  # noqa: E402
from byok.services.columns import ColumnSetup  # noqa: E402
from byok.services.messages import Ask, Message  # noqa: E402
from web import server, stream  # noqa: E402
from web.house import COOKIE, workbench  # noqa: E402
from workplace import NAME  # noqa: E402

PATH = "/bench/ask"


def ask_two(actor: Actor) -> dict[str, str]:
    """A conversation with two columns: the page to open, and the event stream of both answers."""
    talk = workbench().conversations
    asked = talk.send(actor, Message([Ask("Tell me a story.")], [ColumnSetup(NAME), ColumnSetup(NAME)]))
    return {
        "query": f"conversation={asked.conversation_id}",
        "stream": stream.address(talk.thread(actor, asked.conversation_id).turns).url,
    }


async def ask(request: Request) -> JSONResponse:
    """`POST` with the session's cookie."""
    who = await run_in_threadpool(workbench().sessions.whois, request.cookies[COOKIE])
    assert who is not None
    return JSONResponse(await run_in_threadpool(ask_two, who.actor))


parts: dict[str, Any] = server.parts()
parts["routes"] = [*parts["routes"], Route(PATH, ask, methods=["POST"])]
app = st.App(ROOT / "app.py", **parts)
