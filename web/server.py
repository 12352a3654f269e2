"""What `st.App` is made of: lifespan, routes, middleware. Opens the workbench at start, closes it at stop."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import importlib
import logging
import signal
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from types import FrameType
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from streamlit.runtime.pages_manager import PagesManager

from byok.core import logs
from byok.ground.errors import SettingsError
from web import error_page, session_routes, stream, usage_stream
from web.addresses import Addresses
from web.headers import SecurityHeaders, broken
from web.house import house
from web.origins import Gate
from web.request_ids import RequestIds
from web.uploads import Uploads

HEAD_START = 3.0  # seconds


@contextlib.asynccontextmanager
async def lifespan(_app: Any) -> AsyncIterator[dict[str, Any]]:
    """Opens what the process owns before the first page, and closes it after the last."""
    # Until the first st.navigation, Streamlit would run a file of pages/ by its address, past the front door.
    PagesManager.uses_pages_directory = False
    logs.set_up("text")
    error_page.set_up()
    try:
        ours = await run_in_threadpool(house)
    except SettingsError as error:
        sys.stderr.write(f"\nThe workbench does not start: {error}\n\n")
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)  # it would add a traceback to what was just said
        raise SystemExit(1) from None
    logs.set_up(ours.workbench.settings.log_form)
    await run_in_threadpool(_import, "streamlit_authenticator")
    rest = asyncio.create_task(_import_later("altair", "pandas", "pyarrow", "genai_prices"))
    if ours.workbench.settings.demo_on:
        sys.stderr.write(f"\n  {ours.workbench.demo.greeting()}\n")
    loop, hanging_up = asyncio.get_running_loop(), set[asyncio.Future[None]]()

    def hang_up() -> None:
        ours.leaving = True
        hanging_up.add(loop.run_in_executor(None, ours.workbench.runner.close))

    try:
        with _noticing_the_end(lambda: loop.call_soon_threadsafe(hang_up)):
            yield {}
    finally:
        rest.cancel()
        await asyncio.wait({rest, *hanging_up})
        await run_in_threadpool(ours.workbench.close)


@contextlib.contextmanager
def _noticing_the_end(notice: Callable[[], object]) -> Iterator[None]:
    """Calls `notice` as the process is told to stop, before the server hears of it.

    The server waits for open event streams before the lifespan may end, and they wait for their answers.
    """
    before: dict[signal.Signals, Any] = {}

    def told(number: int, frame: FrameType | None) -> None:
        notice()
        before[signal.Signals(number)](number, frame)

    if threading.current_thread() is threading.main_thread():  # signals reach no other one
        before = {one: signal.getsignal(one) for one in (signal.SIGTERM, signal.SIGINT)}
        before = {one: handler for one, handler in before.items() if callable(handler)}
    for one in before:
        signal.signal(one, told)
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


async def _import_later(*names: str) -> None:
    """Leaves the first seconds to the sign-in page, which needs none of these."""
    await asyncio.sleep(HEAD_START)
    await run_in_threadpool(_import, *names)


def _import(*names: str) -> None:
    """Imports what would otherwise make a page slow, then keeps it out of the garbage collector's way."""
    context = logging.getLogger("streamlit.runtime.scriptrunner_utils.script_run_context")
    level = context.level
    context.setLevel(logging.ERROR)  # a component that is declared outside a page warns, and says to ignore it
    for name in names:
        importlib.import_module(name)
    context.setLevel(level)
    gc.collect()
    gc.freeze()


def parts() -> dict[str, Any]:
    """The arguments that make the app; without them it would have no sign-in and no streaming."""
    return {
        "lifespan": lifespan,
        "routes": [*session_routes.ROUTES, *stream.ROUTES, *usage_stream.ROUTES],
        # The first is the outermost: what the gate refuses has headers and an id as well.
        "middleware": [Middleware(one) for one in (SecurityHeaders, RequestIds, Addresses, Gate, Uploads)],
        "exception_handlers": {Exception: broken},
        "on_script_error": error_page.show,
    }
