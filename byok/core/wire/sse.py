"""Cuts a stream of bytes into server-sent events. Refuses a line or an event above a limit; knows nothing of JSON.

Works on bytes by hand: a line per token is the hot path of the whole product.
"""

from __future__ import annotations

LONGEST = 8 * 1024 * 1024
BOM = b"\xef\xbb\xbf"


class TooLongError(Exception):
    """A line or an event is longer than the limit."""


class Failure(bytes):
    """The data of an event that was named `error`."""

    __slots__ = ()


class EventReader:
    """Takes bytes as they come, cut anywhere, and gives the data of each finished event.

    Understands LF, CR and CRLF, comments, data over several lines, a byte order mark, and a missing last blank line.
    """

    __slots__ = ("_after_cr", "_between", "_data", "_event", "_limit", "_rest", "_size", "_started")

    def __init__(self, limit: int = LONGEST) -> None:
        self._limit = limit
        self._rest = bytearray()  # grows in place: a line that comes byte by byte must not be copied each time
        self._data: list[bytes] = []
        self._size = 0
        self._event = b""
        self._after_cr = False
        self._started = False
        self._between = False  # nothing is open: neither a line nor an event

    def feed(self, chunk: bytes) -> list[bytes]:
        """The data of the events that `chunk` completes, in order.

        Raises:
            TooLongError: a line or an event is above the limit.
        """
        plain = b"\r" not in chunk
        if plain and self._between and chunk.startswith(b"data:") and chunk.endswith(b"\n"):
            last = len(chunk) - 2
            # One whole event of one line, as nearly every piece of an answer is, need not be taken apart.
            if chunk.find(b"\n") == last <= self._limit:
                return [chunk[6:last] if chunk.startswith(b" ", 5) else chunk[5:last]]
        if self._after_cr or not plain:
            chunk = self._with_plain_ends(chunk)
        events = self._feed(chunk)
        self._between = self._started and not (self._rest or self._data or self._event or self._after_cr)
        return events

    def _feed(self, chunk: bytes) -> list[bytes]:
        rest = self._rest
        if b"\n" not in chunk:
            rest += chunk
            if len(rest) > self._limit:
                raise TooLongError
            return []
        if rest:
            rest += chunk
            chunk = bytes(rest)
            rest.clear()
        if not self._started:
            self._started = True
            chunk = chunk.removeprefix(BOM)
        lines = chunk.split(b"\n")
        last = lines.pop()
        if last:
            rest += last
            if len(last) > self._limit:
                raise TooLongError
        return self._read(lines)

    def close(self) -> list[bytes]:
        """The data of an event that the end of the stream cut short of its blank line, if there is one."""
        line = bytes(self._rest)
        self._rest.clear()
        if not self._started:
            line = line.removeprefix(BOM)
        return self._read([line, b""])

    def _with_plain_ends(self, chunk: bytes) -> bytes:
        if self._after_cr and chunk:
            chunk = chunk.removeprefix(b"\n")
            self._after_cr = False
        if chunk:
            self._after_cr = chunk.endswith(b"\r")
        return chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _read(self, lines: list[bytes]) -> list[bytes]:
        events: list[bytes] = []
        data = self._data
        for line in lines:
            if not line:
                if data:
                    whole = data[0] if len(data) == 1 else b"\n".join(data)
                    events.append(Failure(whole) if self._event == b"error" else whole)
                    data.clear()
                    self._size = 0
                self._event = b""
            elif line.startswith(b"data:"):
                data.append(line[6:] if line.startswith(b" ", 5) else line[5:])
                self._size += len(line)
                if self._size > self._limit:
                    raise TooLongError
            elif len(line) > self._limit:
                raise TooLongError
            elif line.startswith(b"event:"):
                self._event = line[6:].strip()
        return events
