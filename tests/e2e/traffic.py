"""What a page receives while it is open: bytes in websocket frames and in event streams, as the browser counts them."""

from __future__ import annotations

import base64
from typing import Any

from playwright.sync_api import Page

TEXT = 1  # the opcode of a frame of text


class Traffic:
    """Counts for one page, from now on; make it before the page is loaded.

    Frames are counted by their payload, event streams by all bytes of the body. Neither has what TCP, HTTP's chunks
    and the frames' heads add.
    """

    def __init__(self, page: Page) -> None:
        self._page = page
        self._websocket = self._events = 0
        self._streams: set[str] = set()
        session = page.context.new_cdp_session(page)
        session.on("Network.webSocketFrameReceived", self._frame)
        session.on("Network.responseReceived", self._response)
        session.on("Network.dataReceived", self._data)
        session.send("Network.enable")

    @property
    def websocket(self) -> int:
        """Bytes in websocket frames so far."""
        self._catch_up()
        return self._websocket

    @property
    def events(self) -> int:
        """Bytes in event streams so far."""
        self._catch_up()
        return self._events

    def _catch_up(self) -> None:
        """Takes in what the browser has reported: Playwright does that only while it waits for something."""
        self._page.evaluate("0")

    def _frame(self, event: dict[str, Any]) -> None:
        frame = event["response"]
        payload: str = frame["payloadData"]
        self._websocket += len(payload.encode() if frame["opcode"] == TEXT else base64.b64decode(payload))

    def _response(self, event: dict[str, Any]) -> None:
        if event["response"]["mimeType"] == "text/event-stream":
            self._streams.add(event["requestId"])

    def _data(self, event: dict[str, Any]) -> None:
        if event["requestId"] in self._streams:
            self._events += event["dataLength"]
