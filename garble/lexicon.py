"""Word lists: `garble/lists/NAME.txt`, one entry a line, `#` for a comment, in lower case."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import numpy as np

from garble.alphabet import Hashes, encode, hash_runs


@cache
def words(name: str) -> frozenset[str]:
    """The entries of the list `name`."""
    text = files("garble").joinpath(f"lists/{name}.txt").read_text(encoding="utf-8")
    entries = (line.split("#")[0].strip() for line in text.splitlines())
    return frozenset(entry for entry in entries if entry)


@cache
def hashes(name: str) -> Hashes:
    """The sorted hashes of the list's entries, each taken as one token."""
    return np.sort(hash_words(sorted(words(name))))


def hash_words(entries: list[str]) -> Hashes:
    """The hash of each entry as a token of a batch has it (lower case, in `Batch.word`)."""
    lengths = np.array([len(entry) for entry in entries], np.intp)
    starts = np.cumsum(lengths) - lengths
    place = np.arange(int(lengths.sum())) - np.repeat(starts, lengths)
    return hash_runs(encode("".join(entries)), starts, place)


def isin(values: Hashes, listed: Hashes) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Which of `values` are in the sorted array `listed`."""
    where = np.minimum(np.searchsorted(listed, values), len(listed) - 1)
    return np.asarray(listed[where] == values)
