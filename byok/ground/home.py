"""Makes `BYOK_HOME`, the folder for what is written at run time. Refuses to loosen who may read what."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from byok.ground.settings import Settings


def make_home(settings: Settings) -> None:
    """Makes `BYOK_HOME` and, for the built-in database, its file: both for this user's eyes only.

    A folder that is there already keeps its mode, since it may be anybody's; the files in it are closed all the same.
    """
    settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    if settings.embedded:
        file = Path(settings.url.removeprefix("sqlite:///"))
        with contextlib.suppress(FileExistsError):  # SQLite gives its log the mode of the file beside it
            os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
