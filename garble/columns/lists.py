"""Word lists of `garble.languages` as hashes of tokens."""

from __future__ import annotations

from functools import cache

import numpy as np

from garble.languages import Language
from garble.text.alphabet import Hashes, encode, hash_runs


@cache
def hashes(language: Language, name: str) -> Hashes:
    """Sorted hashes of the entries of a word list, each as one token."""
    return np.sort(hash_words(sorted(language.words(name))))


def hash_words(entries: list[str]) -> Hashes:
    """Hash of each entry, as in `Batch.word_hash`. entries: in lower case."""
    sizes = np.array([len(entry) for entry in entries], np.int64)
    ends = np.cumsum(sizes)
    return hash_runs(encode("".join(entries)), ends - sizes, ends)


def isin(values: Hashes, listed: Hashes) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Mask of the values that occur in the sorted array `listed`."""
    if not len(listed):
        return np.zeros(len(values), bool)
    # Binary search only for values that share the first sixteen bits with a listed hash, which are few.
    begins = np.zeros(1 << 16, bool)
    begins[listed >> np.uint64(48)] = True
    is_listed = np.asarray(begins[values >> np.uint64(48)])
    near = np.flatnonzero(is_listed)
    where = np.minimum(np.searchsorted(listed, values[near]), len(listed) - 1)
    is_listed[near] = listed[where] == values[near]
    return is_listed
