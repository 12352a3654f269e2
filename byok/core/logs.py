"""How a process logs: one line a record, as JSON for a machine or as text for a person, with its request's id.

Refuses any field but those named here, the words of foreign exceptions (see `told`), and whatever looks like a key (see
`redaction`). Covers the loggers of all libraries, also those that are made later.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
import time
from collections.abc import Iterator
from types import TracebackType
from typing import Literal

from byok.core import redaction
from byok.core.told import told
from byok.ground import request_ids

Form = Literal["json", "text"]

log = logging.getLogger(__name__)


class Line(logging.Formatter):
    """Writes records. A JSON line has `time` (UTC), `level`, `logger`, `message`, and where there is one `request`,
    `error` (the exception's kind) and `trace` (where it was raised, and what led to it)."""

    def __init__(self, form: Form) -> None:
        super().__init__()
        self._form = form

    def format(self, record: logging.LogRecord) -> str:
        """The line; as text, what an exception adds follows on lines that are indented."""
        message, trace = record.getMessage(), _trace(record)
        if trace:  # what comes after the first line repeats the exception
            message = message.partition("\n")[0]
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03}Z"
        request_id = request_ids.current()
        if self._form == "json":
            fields: dict[str, object] = {
                "time": moment,
                "level": record.levelname.lower(),
                "logger": record.name,
                "message": message,
            }
            if request_id:
                fields["request"] = request_id
            if trace:
                fields |= {"error": trace[0].partition(": ")[0], "trace": trace}
            return json.dumps(fields)
        about = f"{record.name} [{request_id}]" if request_id else record.name
        lines = [f"{moment} {record.levelname} {about}: {message}", *trace]
        return "\n  ".join(line for whole in lines for line in whole.splitlines() or [""])


def set_up(form: Form) -> None:
    """Makes every logger of the process write such lines to standard error. Safe to call again, with another form."""
    root = logging.getLogger()
    if not any(isinstance(handler, _Ours) for handler in root.handlers):
        root.addHandler(_Ours(sys.stderr))
    line = Line(form)
    for handler in [*root.handlers, *(handler for logger in _loggers() for handler in logger.handlers)]:
        _dress(handler, line)
    redaction.install()
    redaction.quiet_http()
    logging.captureWarnings(capture=True)
    # Else the interpreter prints these itself, words and all.
    sys.excepthook = _end_of_process
    threading.excepthook = lambda failed: _unforeseen("a thread failed", failed.exc_value)
    sys.unraisablehook = lambda failed: _unforeseen("a clean-up failed", failed.exc_value)
    covered = type("Covered", (_Covered,), {"line": line})
    logging.setLoggerClass(covered)
    for logger in _loggers():
        if type(logger) is logging.Logger or isinstance(logger, _Covered):
            logger.__class__ = covered


def _end_of_process(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if isinstance(error, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
    else:
        _unforeseen("the process failed", error)


def _unforeseen(what: str, error: BaseException | None) -> None:
    if not isinstance(error, SystemExit):  # a thread that ends so has not failed
        log.error(what, exc_info=error)


class _Ours(logging.StreamHandler):  # type: ignore[type-arg]
    """The root logger's handler, to be known again."""


class _Covered(logging.Logger):
    """A logger that dresses and guards the handlers it is given, as Streamlit does for each of its modules."""

    line: Line

    def addHandler(self, hdlr: logging.Handler) -> None:  # noqa: N802 - the base class names it so
        """Adds a handler."""
        _dress(hdlr, self.line)
        redaction.guard(hdlr)
        super().addHandler(hdlr)


def _dress(handler: logging.Handler, line: Line) -> None:
    # Handlers of a kind of their own, such as those of a test or of a monitoring service, keep their form.
    if type(handler) in (logging.StreamHandler, _Ours):
        handler.setFormatter(line)


def _loggers() -> Iterator[logging.Logger]:
    yield from (one for one in list(logging.Logger.manager.loggerDict.values()) if isinstance(one, logging.Logger))


def _trace(record: logging.LogRecord) -> list[str]:
    # The filter tells it first, and may then take the exception away, since others would print its words.
    before: list[str] | None = getattr(record, redaction.TOLD, None)
    if before is not None:
        return before
    error = record.exc_info[1] if record.exc_info else None
    return [] if error is None else told(error)
