"""All that passes between a tab and the app, and all that stands in the tab: where a key could be seen."""

from __future__ import annotations

from playwright.sync_api import ConsoleMessage, Error, Page, Request, WebSocket

from tests.canary import Canary
from tests.security.surfaces import EVERYTHING

KEPT = """() => JSON.stringify([
  Object.entries(localStorage), Object.entries(sessionStorage), document.cookie, location.href, history.state,
])"""
SCRIPTS = ("/static/", "/favicon")


class Ears:
    """Hears a tab. `places` are what was heard, by where; `frames_out` the frames that the tab sent."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.places: list[tuple[str, bytes]] = []
        self.frames_out: list[bytes] = []
        self.unread: list[str] = []
        page.on("websocket", self._follow)
        page.on("console", self._console)
        page.on("request", self._asked)
        page.on("requestfinished", self._answered)
        self._events = page.context.new_cdp_session(page)
        self._events.send("Network.enable")
        self._events.on("Network.eventSourceMessageReceived", lambda event: self._heard("events", event["data"]))

    def look(self) -> None:
        """What stands in the tab now."""
        self._heard("page", self.page.evaluate(EVERYTHING))
        self._heard("storage", self.page.evaluate(KEPT))

    def found(self, canary: Canary) -> list[str]:
        """Where the key was, in any form; what the tab itself sent over the websocket is not among it."""
        return [where for where, what in self.places if canary.sings_in(what)]

    def sent(self, canary: Canary) -> int:
        """How often the tab sent the key."""
        return sum(frame.count(canary.key.encode()) or canary.sings_in(frame) for frame in self.frames_out)

    def close(self) -> None:
        """Hears no more."""
        self._events.detach()
        self.page.remove_listener("websocket", self._follow)
        self.page.remove_listener("console", self._console)
        self.page.remove_listener("request", self._asked)
        self.page.remove_listener("requestfinished", self._answered)

    def _heard(self, where: str, what: str | bytes) -> None:
        self.places.append((where, what.encode("utf-8", "replace") if isinstance(what, str) else what))

    def _follow(self, socket: WebSocket) -> None:
        socket.on("framesent", lambda frame: self.frames_out.append(_bytes(frame)))
        socket.on("framereceived", lambda frame: self._heard("frame to the tab", frame))

    def _console(self, message: ConsoleMessage) -> None:
        self._heard("console", message.text)

    def _asked(self, request: Request) -> None:
        self._heard("request", f"{request.method} {request.url} {request.headers}")
        if request.post_data_buffer:
            self._heard("request's body", request.post_data_buffer)

    def _answered(self, request: Request) -> None:
        if any(part in request.url for part in SCRIPTS):
            return
        response = request.response()
        if response is None:
            return
        self._heard("response", f"{response.status} {response.all_headers()}")
        if response.status == 204:  # has no body
            return
        try:
            self._heard("response's body", response.body())
        except Error:  # the page was left meanwhile
            self.unread.append(request.url)


def _bytes(frame: str | bytes) -> bytes:
    return frame.encode() if isinstance(frame, str) else frame
