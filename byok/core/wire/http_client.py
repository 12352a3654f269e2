"""The HTTP client that a process shares among all its requests to providers.

Refuses to follow redirects, to keep cookies, to read the proxy settings of the environment, and to call addresses
where a provider may not be.
"""

from __future__ import annotations

import ssl
from http.cookiejar import CookieJar, DefaultCookiePolicy
from importlib.metadata import PackageNotFoundError, version

import httpcore
import httpx

from byok.core.wire.network import Resolve, look_up
from byok.core.wire.transport import TwoWays
from byok.core.wire.waits import CONNECT_SECONDS

WRITE_SECONDS = 30.0
POOL_SECONDS = 10.0


def make_http_client(
    *,
    transport: httpx.AsyncBaseTransport | None = None,
    trust: ssl.SSLContext | None = None,
    resolve: Resolve = look_up,
    dial: httpcore.AsyncNetworkBackend | None = None,
) -> httpx.AsyncClient:
    """The client that a process shares among all its requests to providers.

    Args:
        transport: what tests hand in instead of the network.
        trust: the certificates that are trusted, where they have been read already; else they are read here.
        resolve: who is asked for the addresses of a name, and `dial` who connects to one; the system, except in tests.
    """
    try:
        release = version("aimy-byok-workbench")
    except PackageNotFoundError:
        release = "0"
    if transport is None:
        limits = httpx.Limits(max_connections=512, max_keepalive_connections=64, keepalive_expiry=30)
        transport = TwoWays(trust=trust or trusted_certificates(), limits=limits, resolve=resolve, dial=dial)
    return httpx.AsyncClient(
        transport=transport,
        timeout=httpx.Timeout(30, connect=CONNECT_SECONDS, write=WRITE_SECONDS, pool=POOL_SECONDS),
        follow_redirects=False,
        trust_env=False,
        headers={"User-Agent": f"AimyBYOK/{release}"},
        # One company's cookies must not ride on another's requests.
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
    )


def trusted_certificates() -> ssl.SSLContext:
    """What the client would read by itself when it is made. Takes about 30 ms, most of it without the interpreter."""
    return httpx.create_ssl_context(trust_env=False)
