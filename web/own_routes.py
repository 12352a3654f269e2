"""What the app's own routes share: whether a page of ours sent a request, whose session it carries, where it came from.

Refuses a request that changes something unless the browser says that it comes from this very origin.
"""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from byok.services.sessions import Identity
from web.headers import secure
from web.house import COOKIE, workbench
from web.origins import of_this_host

LOOK_AGAIN = 1.0  # seconds after which an event stream asks for its session again: it ends when the session does


def from_here(request: Request) -> bool:
    """Whether a page of ours sent the request: `Origin` must say so as the gate judges it, and nothing gainsay it."""
    here = of_this_host(request.headers.getlist("origin"), request.headers.get("host", ""), tls=secure(request.scope))
    return here and request.headers.get("sec-fetch-site", "same-origin") == "same-origin"


def from_elsewhere(request: Request) -> bool:
    """Whether the browser says that a page of another site asks. What only reads is refused to it."""
    return request.headers.get("sec-fetch-site") in ("cross-site", "same-site")


def refused() -> Response:
    """What another site is told."""
    return JSONResponse({"error": "wrong origin"}, 403)


def address_of(request: Request) -> str:
    """Where a request came from, as the server saw it."""
    return request.client.host if request.client else ""


async def reader(request: Request) -> tuple[str, Identity] | None:
    """The token and the identity behind a request that only reads; None without a session. It changes no row."""
    token = request.cookies.get(COOKIE)
    if not token:
        return None
    who = await run_in_threadpool(workbench().sessions.whois, token, address=address_of(request), seen=False)
    return None if who is None else (token, who)
