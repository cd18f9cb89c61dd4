"""The word lists of `garble.languages` as hashes, to look tokens up in."""

from __future__ import annotations

from functools import cache

import numpy as np

from garble.languages.lexicon import words
from garble.text.alphabet import Hashes, encode, hash_runs


@cache
def hashes(name: str) -> Hashes:
    """The sorted hashes of the list's entries, each taken as one token."""
    return np.sort(hash_words(sorted(words(name))))


def hash_words(entries: list[str]) -> Hashes:
    """The hash of each entry as a token of a batch has it (lower case, in `Batch.word`)."""
    ends = np.cumsum([len(entry) for entry in entries])
    return hash_runs(encode("".join(entries)), np.concatenate([[0], ends[:-1]]), ends)


def isin(values: Hashes, listed: Hashes) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Which of `values` are in the sorted array `listed`."""
    # Few values begin with the same sixteen bits as one that is listed, and only those are looked for.
    begins = np.zeros(1 << 16, bool)
    begins[listed >> np.uint64(48)] = True
    found = np.asarray(begins[values >> np.uint64(48)])
    near = np.flatnonzero(found)
    where = np.minimum(np.searchsorted(listed, values[near]), len(listed) - 1)
    found[near] = listed[where] == values[near]
    return found
