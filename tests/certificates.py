"""The certificates that clients trust, read once for all tests of a process: each reading costs 20 ms."""

from __future__ import annotations

import ssl
from concurrent.futures import Future
from functools import cache

import httpx

from byok.core.wire import make_http_client
from byok.core.wire.http_client import trusted_certificates


@cache
def trusted() -> ssl.SSLContext:
    """What the product trusts."""
    return trusted_certificates()


def network_client() -> httpx.AsyncClient:
    """The product's client over real sockets."""
    return make_http_client(trust=trusted())


def read_already() -> Future[ssl.SSLContext]:
    """The same as a workbench takes them."""
    done: Future[ssl.SSLContext] = Future()
    done.set_result(trusted())
    return done
