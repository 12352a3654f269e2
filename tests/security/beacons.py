"""Texts that would call home from whoever reads them, and a collector on loopback that hears it if one does."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from tests.loopback_server import LoopbackServer, QuietHandler

# Without a number: by Markdown a browser fetches nothing of it, or only after a click.
# `{u}` is an address at the collector.
_IMAGES = (
    "![a]({u})",
    '![a]({u} "b")',
    "![a](<{u}>)",
    "![a][r]\n\n[r]: {u}",
    "[![a]({u})](#b)",
    ":red[![a]({u})]",
    "| a |\n|---|\n| ![a]({u}) |",
    "> - 1. ![a]({u})",
    "x\n\n![a]({u})\n",
    "`x`![a]({u})`y`",
)
_LINKS = (
    "[a]({u})",
    "{u}",
    "<{u}>",
    "[a](javascript:fetch('{u}'))",
    r"$\includegraphics{{{u}}}$",
    r"$\href{{{u}}}{{x}}\url{{{u}}}$",
    '<a href="#" ping="{u}">a</a>',
    '<link rel="prefetch" href="{u}">',
    '<link rel="preconnect" href="{u}">',
    '<link rel="preload" as="image" href="{u}">',
    '<link rel="modulepreload" href="{u}">',
    '<link rel="icon" href="{u}">',
)
_HTML = (
    "<img src={u}>",
    '<img srcset="{u} 1x">',
    '<svg><image href="{u}"/></svg>',
    '<iframe src="{u}"></iframe>',
    '<iframe srcdoc="<img src={u}>"></iframe>',
    '<object data="{u}"></object>',
    '<embed src="{u}">',
    '<video poster="{u}"></video>',
    '<video src="{u}" autoplay></video>',
    '<audio src="{u}" autoplay></audio>',
    '<input type="image" src="{u}">',
    '<table background="{u}"><tr><td>a</table>',
    '<script src="{u}"></script>',
    "<script>fetch('{u}')</script>",
    "<img src=x onerror=\"fetch('{u}')\">",
    "<details open ontoggle=\"fetch('{u}')\">a</details>",
    "<svg onload=\"fetch('{u}')\"></svg>",
    '<meta http-equiv="refresh" content="0;url={u}">',
    "</div></p></td></style></script><img src={u}>",
)
_CSS = (
    "<style>@import '{u}';</style>",
    '<link rel="stylesheet" href="{u}">',
    "<style>*{{background:url({u})}}</style>",
    '<p style="background:url({u})">a</p>',
    "<style>@font-face{{font-family:z;src:url({u})}}*{{font-family:z}}</style>a",
    '<p style="display:list-item;list-style:url({u})">a</p>',
    "<style>p::before{{content:url({u})}}</style><p>a</p>",
    '<p style="border:9px solid;border-image:url({u}) 1">a</p>',
    "<style>:root{{--x:url({u})}}p{{background:var(--x)}}</style><p>a</p>",
)
KINDS: Mapping[str, Sequence[str]] = MappingProxyType({"images": _IMAGES, "links": _LINKS, "HTML": _HTML, "CSS": _CSS})
# What even a bare page with HTML in it does not fetch by itself: links wait for a click, and formulas are no HTML.
# A browser without a window shows no icon, and connects to nothing beforehand.
SILENT = frozenset({*_LINKS[:7], *(one for one in _LINKS if "preconnect" in one or '"icon"' in one)})
EVERY = tuple((kind, payload) for kind, payloads in KINDS.items() for payload in payloads)


class Collector(LoopbackServer):
    """Hears every connection. `heard` are the paths that were asked for; `opened` counts connections, asked or not."""

    def __init__(self) -> None:
        super().__init__(_Handler)
        self.heard: list[str] = []
        self.opened = 0
        self.first = threading.Event()  # is set by the first connection
        self.pages: dict[str, bytes] = {}

    def get_request(self) -> tuple[Any, Any]:
        """Counts a connection before anything is read from it: a preconnect asks for nothing."""
        self.opened += 1
        self.first.set()
        return super().get_request()


class _Handler(QuietHandler):
    server: Collector

    def do_GET(self) -> None:
        body = self.server.pages.get(self.path)
        if body is None:
            self.server.heard.append(self.path)
        kind = "text/html" if body else "text/plain"
        self.send(200 if body else 404, body or b"", kind=kind, access_control_allow_origin="*")

    do_POST = do_HEAD = do_GET


@contextmanager
def collector() -> Iterator[Collector]:
    """A running one."""
    with Collector().running() as server:
        yield server


@dataclass
class Planted:
    """Makes the texts for one place, each with an address of its own, and remembers what was planted where.

    Args:
        each: how many of each kind at most.
    """

    url: str
    each: int
    where: dict[str, str] = field(default_factory=dict)  # from an address's path to place and payload

    def texts(self, place: str, *, longest: int = 100_000, lines: bool = True, turn: int = 0) -> list[str]:
        """One text a payload. `longest` and `lines` say what the place takes; `turn` where to begin among them."""
        found = []
        for kind, payloads in KINDS.items():
            fitting = [one for one in payloads if len(self._filled(one, "0000")) <= longest]
            fitting = fitting if lines else [one for one in fitting if "\n" not in one]
            begin = turn % max(1, len(fitting))
            for payload in (*fitting[begin:], *fitting[:begin])[: self.each]:
                name = f"{len(self.where):04}"
                self.where[f"/{name}"] = f"{place}, {kind}: {payload!r}"
                found.append(self._filled(payload, name))
        return found

    def _filled(self, payload: str, name: str) -> str:
        return payload.format(u=f"{self.url}/{name}")
