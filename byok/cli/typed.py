"""Reads secrets: from a hidden prompt at a terminal, else from standard input. Refuses them as arguments.

Arguments are seen by every process of the machine and kept in the shell's history.
"""

from __future__ import annotations

import sys

import click
from pydantic import SecretStr

LONGEST = 8192  # bytes: far above any key, so that a file piped in by mistake is not swallowed whole


def read_key() -> SecretStr:
    """An API key: all of standard input, or what is typed at a hidden prompt."""
    return SecretStr(click.prompt("Key", hide_input=True) if sys.stdin.isatty() else _piped())


def read_password() -> SecretStr:
    """A password: typed twice at a hidden prompt, or the first line of standard input."""
    if sys.stdin.isatty():
        return SecretStr(click.prompt("Password", hide_input=True, confirmation_prompt=True))
    return SecretStr(_piped().split("\n", 1)[0].rstrip("\r"))


def _piped() -> str:
    # Read as bytes: an error of the decoder would quote what it could not decode.
    data = sys.stdin.buffer.read(LONGEST)
    return data.decode("utf-8", errors="replace").removeprefix("\ufeff")
