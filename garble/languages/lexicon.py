"""Word lists: `garble/languages/en/NAME.txt`, one entry a line, `#` for a comment, in lower case."""

from __future__ import annotations

from functools import cache
from importlib.resources import files


@cache
def words(name: str) -> frozenset[str]:
    """The entries of the list `name`."""
    text = files("garble").joinpath(f"languages/en/{name}.txt").read_text(encoding="utf-8")
    entries = (line.split("#")[0].strip() for line in text.splitlines())
    return frozenset(entry for entry in entries if entry)
