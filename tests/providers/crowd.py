"""A provider with hundreds of models: the menu of OpenRouter, in size and shape, with made-up names."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.providers.answers import Answer, Request, said
from tests.providers.openrouter import OpenRouter
from tests.providers.server import ProviderServer, serving
from tests.providers.world import made_up_key

MAKERS = ("alder", "birch", "cedar", "damson", "elm", "fir", "ginkgo", "hazel", "ivy", "juniper")
OVERLAY = '[openrouter]\nbase_url = "{url}"\nprivate_network = true\n'


class Crowd(OpenRouter):
    """Lists `size` models, named `maker/number`."""

    size = 450
    down = False

    def models(self, _request: Request) -> Answer:
        if self.down:
            return said(503, {"error": {"code": 503, "message": "Overloaded."}})
        names = [f"{MAKERS[number % len(MAKERS)]}/m-{number:03}" for number in range(self.size)]
        return said(200, {"data": [self.model(name) for name in names]})


@contextmanager
def crowd(folder: Path) -> Iterator[tuple[ProviderServer, Path]]:
    """The running provider, and the catalogue file that leads to it."""
    with serving(Crowd(made_up_key())) as server:
        file = folder / "crowd.toml"
        file.write_text(OVERLAY.format(url=server.base_url), "utf-8")
        yield server, file
