"""Unpacks a compressed body piece by piece, however much is packed into little of it.

Nothing compressed is asked for, but a gateway on the way may send it all the same. Refuses what is packed twice.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator, Mapping
from types import MappingProxyType

PIECE = 64 * 1024  # bytes that are unpacked at a time

_WINDOWS: Mapping[str, int] = MappingProxyType(
    {"gzip": zlib.MAX_WBITS | 16, "x-gzip": zlib.MAX_WBITS | 16, "deflate": zlib.MAX_WBITS}
)


class NotUnpackableError(Exception):
    """The body is packed in a way that is not known, or is not what it says it is."""


def is_packed(encoding: str) -> bool:
    """Whether a `Content-Encoding` means that the body must be unpacked."""
    return encoding.strip().lower() not in ("", "identity")


class Unpacked:
    """The unpacked body, in pieces of at most 64 KiB.

    Args:
        parts: the body as it came.
        encoding: its `Content-Encoding`.

    Raises:
        NotUnpackableError: as it is read.
    """

    def __init__(self, parts: AsyncIterator[bytes], encoding: str) -> None:
        self._parts = parts
        self._window = _WINDOWS.get(encoding.strip().lower())
        self._unpack: zlib._Decompress | None = None
        self._rest = b""
        self._more = False  # there is more to come out without more going in

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if self._window is None:
            raise NotUnpackableError
        if self._more:
            await asyncio.sleep(0)  # others on this loop have their turn, however much comes out
            if piece := self._next():
                return piece
        while True:
            part = await anext(self._parts)
            if self._unpack is not None and self._unpack.eof:
                continue
            self._rest += part
            if (len(self._rest) >= 2 or self._unpack is not None) and (piece := self._next()):
                return piece

    def _next(self) -> bytes:
        if self._unpack is None:
            self._unpack = zlib.decompressobj(self._window_of(self._rest))
        try:
            piece = self._unpack.decompress(self._rest, PIECE)
        except zlib.error:
            raise NotUnpackableError from None
        self._rest = self._unpack.unconsumed_tail
        self._more = len(piece) == PIECE and not self._unpack.eof
        return piece

    def _window_of(self, start: bytes) -> int:
        """ "deflate" comes with zlib's header or, against the standard, without it."""
        window = self._window or zlib.MAX_WBITS
        bare = window == zlib.MAX_WBITS and (start[0] & 15 != 8 or int.from_bytes(start[:2], "big") % 31)
        return -zlib.MAX_WBITS if bare else window
