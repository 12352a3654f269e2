"""Response headers for everything that the process serves. Refuses nothing itself: browsers enforce them.

The policy lets Streamlit and the app's own elements work, and stops text of others from fetching, running, framing or
posting anything: nothing leads to another origin, and no script runs that is not a file of this product.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable
from pathlib import Path

import streamlit
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

Headers = list[tuple[bytes, bytes]]

_INLINE = re.compile(r"<script>(.*?)</script>", re.DOTALL)


def _own_inline_scripts() -> Iterable[str]:
    """What Streamlit's page has inline, by hash: any other inline script, attribute or `javascript:` does not run."""
    page = (Path(streamlit.__file__).parent / "static" / "index.html").read_text("utf-8")
    for script in _INLINE.findall(page):
        yield f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


POLICY = "; ".join(
    (
        "default-src 'none'",
        "connect-src 'self'",
        "font-src 'self' data:",
        "img-src 'self' data: blob:",
        # Streamlit styles its elements by script and by attribute; what a style names is fetched from here or not.
        "style-src 'self' 'unsafe-inline'",
        # blob: Streamlit loads the scripts of the app's own elements from one, and only a script can make one. Long
        # numbers it counts in WebAssembly. Its charts would want 'unsafe-eval' besides: ours are plain HTML.
        f"script-src 'self' blob: 'wasm-unsafe-eval' {' '.join(_own_inline_scripts())}",
        "script-src-attr 'none'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
# What this product never asks a browser for.
FEATURES = (
    *("accelerometer", "camera", "display-capture", "geolocation", "gyroscope", "hid", "magnetometer", "microphone"),
    *("midi", "payment", "publickey-credentials-get", "serial", "usb", "browsing-topics"),
)
HEADERS: Headers = [
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", ", ".join(f"{one}=()" for one in FEATURES).encode()),
    # A browser may look up the names of all links on a page: a name can be made to carry words.
    (b"x-dns-prefetch-control", b"off"),
]
TLS_ONLY = (b"strict-transport-security", b"max-age=31536000")
NO_STORE = (b"cache-control", b"no-store")
OWN = "/app/"


def secure(scope: Scope) -> bool:
    """Whether the browser speaks TLS, with this process or with the proxy before it."""
    told = dict(scope.get("headers", [])).get(b"x-forwarded-proto", b"")
    return scope.get("scheme") in ("https", "wss") or told == b"https"


def of(scope: Scope) -> Headers:
    """The headers of any answer to this request."""
    return [*HEADERS, TLS_ONLY] if secure(scope) else HEADERS


class SecurityHeaders:
    """ASGI middleware that adds the headers to each HTTP response, refused websocket handshakes included."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        accepted = False

        async def send_with_headers(message: Message) -> None:
            nonlocal accepted
            kind = message["type"]
            accepted = accepted or kind == "websocket.accept"
            if kind == "websocket.close" and not accepted and may_refuse(scope):
                # The server would refuse by a bare 403.
                refusal = Response(status_code=403, headers={"content-length": "0"})
                await refusal(scope, receive, send_with_headers)
                return
            if kind in ("http.response.start", "websocket.http.response.start"):
                message["headers"] = _added(scope, message.get("headers", []))
            await send(message)

        await self.app(scope, receive, send_with_headers)


def may_refuse(scope: Scope) -> bool:
    """Whether the server can answer this websocket handshake by a response."""
    return "websocket.http.response" in (scope.get("extensions") or {})


def _added(scope: Scope, headers: Iterable[tuple[bytes, bytes]]) -> Headers:
    ours = of(scope)
    kept = list(headers)
    # What only the signed-in may see, and what they download, stays in no cache, a proxy's or the browser's.
    download = any(name.lower() == b"content-disposition" for name, _ in kept)
    if download or scope.get("path", "").startswith(OWN):
        ours = [*ours, NO_STORE]
    names = {name for name, _ in ours}
    return [*((name, value) for name, value in kept if name.lower() not in names), *ours]


async def broken(request: Request, _error: Exception) -> Response:
    """The answer to a request that failed by a fault of ours: no word of the fault, and the same headers.

    Starlette sends it from outside of all middleware.
    """
    ours = {name.decode(): value.decode() for name, value in of(request.scope)}
    return PlainTextResponse("Something went wrong here. Load the page again.", 500, headers=ours)
