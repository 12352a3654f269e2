"""Where a request came from: what it says of that itself is believed only where the operator named a proxy.

Unasked, uvicorn believes `X-Forwarded-For` of whoever connects from this machine. A proxy there that hands on what its
clients send would let each choose the address by which his tries are counted, and that the audit log keeps.
"""

from __future__ import annotations

import ipaddress
import os
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

TRUST = "FORWARDED_ALLOW_IPS"
"""uvicorn's variable: the addresses of proxies that tell a client's. Where it is not set, none is believed."""
HERE = "127.0.0.1"


class Addresses:
    """ASGI middleware: what came over loopback came from this machine, unless a named proxy says otherwise."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket") and TRUST not in os.environ and _over_loopback(scope.get("server")):
            scope["client"] = (HERE, 0)
        await self.app(scope, receive, send)


def _over_loopback(server: Any) -> bool:
    """Whether the socket's own end is a loopback address, to which nobody connects but from this machine."""
    try:
        address = ipaddress.ip_address(server[0])
    except (TypeError, IndexError, ValueError):
        return False
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback
