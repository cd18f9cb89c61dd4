"""Arithmetic on arrays that are cut into rows by offsets."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from garble.text.alphabet import Hashes, mix

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

# Parts of one that sums of surprises are reckoned in.
_STEPS = 1 << 16


@dataclass(frozen=True, slots=True)
class Runs:
    """Stretches of neighbours: the first index of each and one past its last."""

    starts: Ints
    ends: Ints

    @property
    def lengths(self) -> Ints:
        """How many elements each run holds."""
        return self.ends - self.starts


def spans_of(matches: Iterable[re.Match[str]]) -> Ints:
    """(matches, 2) where each begins and ends."""
    return np.array([match.span() for match in matches], np.int64).reshape(-1, 2)


def recurs(keys: Hashes, groups: Ints) -> Ints:
    """For each key the index of the same key before it in the same group, or -1."""
    before = np.full(len(keys), -1)
    # One sort of hash and place packed together is several times quicker than a stable argsort.
    width = np.uint64(max(1, len(keys)).bit_length())
    low = (np.uint64(1) << width) - np.uint64(1)
    packed = np.sort((mix(keys + mix(groups.astype(np.uint64))) & ~low) | np.arange(len(keys), dtype=np.uint64))
    same = np.flatnonzero((packed[1:] | low) == (packed[:-1] | low))
    places = (packed & low).astype(np.int64)
    before[places[same + 1]] = places[same]
    return before


def offsets(lengths: Sequence[int] | NDArray[Any]) -> Ints:
    """Where rows of these lengths begin when laid end to end, and where the last ends; of a mask, running counts."""
    return np.concatenate([[0], np.cumsum(np.asarray(lengths, np.int64))]).astype(np.int64)


def spread(firsts: Ints, lasts: Ints) -> Ints:
    """The elements of the runs [firsts, lasts), one run after the other."""
    lengths = np.maximum(lasts - firsts, 0)
    ends = np.cumsum(lengths)
    return np.repeat(firsts - ends + lengths, lengths) + np.arange(ends[-1] if len(ends) else 0)


def cover(firsts: Ints, lasts: Ints, size: int) -> Mask:
    """A mask of `size` elements, true within any of the runs [firsts, lasts); runs may overlap."""
    mask = np.zeros(size, bool)
    mask[spread(firsts, lasts)] = True
    return mask


def runs(mask: Mask, rows: Ints) -> Runs:
    """The runs of true elements; a run ends with its row (`rows` are offsets)."""
    edge = np.zeros(len(mask) + 1, bool)
    edge[rows] = True
    starts = np.flatnonzero(mask & (edge[:-1] | ~np.concatenate([[False], mask[:-1]])))
    ends = np.flatnonzero(mask & (edge[1:] | ~np.concatenate([mask[1:], [False]]))) + 1
    return Runs(starts, ends)


def streaks(places: Ints) -> Runs:
    """The runs of neighbours among rising `places`."""
    cuts = np.flatnonzero(np.diff(places, prepend=-2, append=-2) != 1)
    return Runs(places[cuts[:-1]], places[cuts[1:] - 1] + 1)


def row_sums(values: NDArray[np.generic], rows: Ints) -> Floats:
    """(rows,) the sum of each row; 0 for an empty one. Each is summed alone, so company changes nothing."""
    if values.dtype == bool:
        return np.diff(np.searchsorted(np.flatnonzero(values), rows)).astype(np.float64)
    sums = np.zeros(len(rows) - 1)
    filled = np.flatnonzero(rows[1:] > rows[:-1])
    if len(filled):
        sums[filled] = np.add.reduceat(values, rows[filled], dtype=np.float64)
    return sums


def row_means(values: NDArray[np.generic], rows: Ints) -> Floats:
    """(rows,) the mean of each row; 0 for an empty one."""
    return row_sums(values, rows) / np.maximum(np.diff(rows), 1)


def worst_stretch(values: Floats, rows: Ints) -> tuple[Floats, Ints, Ints]:
    """Of each row the stretch with the largest sum: that sum, and where it begins and ends; empty rows give 0."""
    sizes = np.diff(rows)
    total, begins, ends = np.zeros(len(sizes)), rows[:-1].copy(), rows[:-1].copy()
    filled = np.flatnonzero(sizes)
    if not len(filled):
        return total, begins, ends
    row = np.repeat(np.arange(len(sizes)), sizes)
    # Whole numbers add up exactly, so that what stands in other rows leaves no trace of rounding.
    steps = np.rint(values * _STEPS).astype(np.int64)
    upto = np.cumsum(steps)
    upto -= np.repeat((upto - steps)[rows[filled]], sizes[filled])
    # Each row lies far below the one before it, so that a running minimum starts anew with every row.
    fall = row * (2 * int(row_sums(np.abs(steps), rows).max()) + 1)
    lowest = np.minimum.accumulate(upto - steps - fall)
    gain = upto - fall - lowest
    best = np.maximum.reduceat(gain, rows[filled])
    at = np.flatnonzero(gain == np.repeat(best, sizes[filled]))
    last = at[np.flatnonzero(np.diff(row[at], prepend=-1))]
    begins[filled], ends[filled] = np.searchsorted(-lowest, -lowest[last]), last + 1
    edges = np.stack([begins[filled], ends[filled]], axis=1).ravel()
    total[filled] = np.add.reduceat(np.append(values, 0.0), edges)[::2]
    return total, begins, ends
