"""Takes a file only from who is signed in: Streamlit keeps it in memory, and asks nobody who he is.

Without a session any browser that opened the sign-in page could fill the memory of the process.
"""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from web.house import COOKIE, workbench

PLACE = "/_stcore/upload_file"
REFUSED = "Sign in to send a file.\n"


class Uploads:
    """ASGI middleware: refuses an upload, and its removal, with 403 unless the cookie's session lasts."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked = scope["type"] == "http" and scope["method"] != "OPTIONS" and PLACE in scope["path"]
        if asked and not await _signed_in(scope):
            await PlainTextResponse(REFUSED, 403)(scope, receive, send)
            return
        await self.app(scope, receive, send)


async def _signed_in(scope: Scope) -> bool:
    token = HTTPConnection(scope).cookies.get(COOKIE)
    return bool(token) and await run_in_threadpool(workbench().sessions.lasts, str(token))
