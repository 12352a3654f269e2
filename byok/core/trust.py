"""The certificates that are trusted, read in a thread of their own while the process is still importing the rest."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ssl


def read_trust() -> Future[ssl.SSLContext]:
    """Begins to read them; costs the caller nothing. The same that the HTTP client would read by itself."""
    reading = ThreadPoolExecutor(1, thread_name_prefix="byok-trust")
    future = reading.submit(_read)
    reading.shutdown(wait=False)
    return future


def _read() -> ssl.SSLContext:
    from byok.core.wire.http_client import trusted_certificates

    return trusted_certificates()
