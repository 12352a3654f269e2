"""Servers that others wrote: the built-in llama.cpp, LiteLLM's proxy before it, and what the environment names."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from byok.core.local_model import MODEL_ID, LocalModel
from byok.core.provider import Provider
from tests.e2e.conftest import free_port
from tests.providers.world import CATALOGUE, made_up_key

LITELLM, NEWEST = "1.106.2", "2026-11-23"
HOW = "needs uv on the PATH, to run LiteLLM's proxy in packages of its own: pip install uv"
START_SECONDS = 240  # the packages may have to come first


@dataclass(frozen=True)
class RealServer:
    """A server, a key that it takes, and a model that answers.

    Attributes:
        rejects: whether a wrong key is called rejected there; a proxy may have no sign of its own for it.
    """

    provider: Provider
    key: str
    model: str
    rejects: bool = True


@contextmanager
def llama(home: Path) -> Iterator[RealServer]:
    """llama.cpp's own server, with the model that comes with the product."""
    local = LocalModel(home=home)
    if not local.installed:
        pytest.skip(local.missing)
    try:
        provider = CATALOGUE.get("local").model_copy(update={"base_url": local.base_url()})
        yield RealServer(provider, local.key.get_secret_value(), MODEL_ID)
    finally:
        local.close()


@contextmanager
def litellm_proxy(behind: RealServer, home: Path) -> Iterator[RealServer]:
    """LiteLLM's proxy, on loopback, with the given server behind it."""
    uv = shutil.which("uv")
    if uv is None:
        pytest.skip(HOW)
    key, port = f"sk-{made_up_key()}", free_port()
    params = {"model": f"openai/{behind.model}", "api_base": behind.provider.base_url, "api_key": behind.key}
    config = {
        "model_list": [{"model_name": "small", "litellm_params": params}],
        "general_settings": {"master_key": key},
        "litellm_settings": {"telemetry": False},
    }
    file = home / "litellm.json"  # JSON is YAML
    file.write_text(json.dumps(config), "utf-8")
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    own = ["tool", "run", "--python", version, "--exclude-newer", NEWEST, "--from", f"litellm[proxy]=={LITELLM}"]
    command = [uv, *own, "litellm", "--config", str(file), "--host", "127.0.0.1", "--port", str(port)]
    env = {**os.environ, "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    log = home / "litellm.log"
    with log.open("w") as out, subprocess.Popen(command, cwd=home, env=env, stdout=out, stderr=out) as process:
        try:
            base_url = f"http://127.0.0.1:{port}/v1"
            _wait(process, f"http://127.0.0.1:{port}/health/liveliness", log)
            named = {"id": "litellm", "name": "LiteLLM proxy", "base_url": base_url, "private_network": True}
            yield RealServer(Provider(**named, stream_usage="include_usage"), key, "small", rejects=False)
        finally:
            process.terminate()


def from_environment(provider_id: str) -> RealServer:
    """A real provider, by `BYOK_LIVE_<ID>_KEY`; `_MODEL` and `_URL` are optional. Skipped without a key."""
    prefix = f"BYOK_LIVE_{provider_id.upper()}"
    key = os.environ.get(f"{prefix}_KEY")
    if not key:
        pytest.skip(f"set {prefix}_KEY (and {prefix}_MODEL) to ask the real {provider_id}")
    provider = CATALOGUE.get(provider_id)
    url = os.environ.get(f"{prefix}_URL")
    moved = provider.model_copy(update={"base_url": url.rstrip("/")}) if url else provider
    return RealServer(moved, key, os.environ.get(f"{prefix}_MODEL", ""))


def any_server() -> RealServer:
    """Any OpenAI-compatible server, by `BYOK_LIVE_URL`, `_KEY` and `_MODEL`. Skipped without a URL."""
    url = os.environ.get("BYOK_LIVE_URL")
    if not url:
        pytest.skip("set BYOK_LIVE_URL, BYOK_LIVE_KEY and BYOK_LIVE_MODEL to ask a server of your own")
    provider = Provider(id="live", name="Live", base_url=url, private_network=True)
    return RealServer(provider, os.environ.get("BYOK_LIVE_KEY", "none"), os.environ.get("BYOK_LIVE_MODEL", ""), False)


def _wait(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    end = time.monotonic() + START_SECONDS
    with httpx.Client(trust_env=False) as client:
        while time.monotonic() < end:
            assert process.poll() is None, log.read_text("utf-8", "replace")[-4000:]
            try:
                if client.get(url, timeout=2).status_code == 200:
                    return
            except httpx.TransportError:
                time.sleep(0.1)
    raise AssertionError("the proxy did not start:\n" + log.read_text("utf-8", "replace")[-4000:])
