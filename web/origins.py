"""At the gate: which host names and which origins are answered at all. Refuses everybody else before any other code.

Streamlit holds the names of `server.allowedHosts` against a websocket only, takes any page of "localhost" for its own,
whatever its port, and asks a server elsewhere for its own address before it refuses another. So it is never asked.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from streamlit import config
from streamlit.web.server.starlette.starlette_websocket import is_host_allowed

from web.headers import OWN, may_refuse, secure

# A load balancer asks by number; the answer is "ok" for everybody.
FOR_ANY_HOST = ("/_stcore/health", "/_stcore/script-health-check")
_NAME = re.compile(r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?")
READS = ("GET", "HEAD", "OPTIONS")
WRONG_HOST = (
    "This workbench does not answer to the name in your address bar. Open it by the address that it printed when it "
    "started. Its operator can add this name to server.allowedHosts in .streamlit/config.toml.\n"
)
WRONG_ORIGIN = (
    "This was sent by a page of another address, so it was refused. Open the workbench by its own address. Where a "
    "proxy gives it another name, its operator adds that to server.corsAllowedOrigins in .streamlit/config.toml.\n"
)


def of_this_host(origins: Sequence[str], host: str, *, tls: bool) -> bool:
    """Whether exactly one origin was named, and it is the very one that is asked, or one that the operator allows."""
    if len(origins) != 1:
        return False
    (origin,) = origins
    if origin in config.get_option("server.corsAllowedOrigins"):
        return True
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    # Nothing but scheme and host: not what a URL could hide there.
    return origin == f"{parts.scheme}://{host}" and parts.scheme in (("https",) if tls else ("http", "https"))


class Gate:
    """ASGI middleware: refuses foreign hosts with 421, foreign origins with 403."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = _refusal(scope) if scope["type"] in ("http", "websocket") else None
        if refusal is None:
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket" and not may_refuse(scope):
            await send({"type": "websocket.close", "code": 1008})
        else:
            await refusal(scope, receive, send)


def _refusal(scope: Scope) -> PlainTextResponse | None:
    headers = Headers(scope=scope)
    hosts, origins, path = headers.getlist("host"), headers.getlist("origin"), scope.get("path", "")
    if path.endswith(FOR_ANY_HOST):
        return None
    if len(hosts) != 1 or not _NAME.fullmatch(hosts[0]) or not is_host_allowed(hosts[0]):
        return PlainTextResponse(WRONG_HOST, 421)
    # A browser names the page's origin wherever something could be changed. What names none is no browser, and brings
    # nobody's cookie along but its own.
    asks_for_more = scope["type"] == "websocket" or scope.get("method") not in READS
    if asks_for_more and origins and not of_this_host(origins, hosts[0], tls=secure(scope)):
        return PlainTextResponse(WRONG_ORIGIN, 403)
    # To a browser, pages of other ports of this host are of the same site: cookies come along with what they ask.
    if path.startswith(OWN) and headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return PlainTextResponse(WRONG_ORIGIN, 403)
    return None
