"""Prints the table of providers and situations, as found just now: `uv run python -m tests.providers`."""

import sys

from tests.providers import table

if __name__ == "__main__":
    sys.stdout.write(table.show() + "\n")
