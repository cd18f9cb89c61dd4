"""Functions on arrays that are divided into rows by offsets."""

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

# Precision of sums: values are rounded to multiples of 1 / _STEPS.
_STEPS = 1 << 16


@dataclass(frozen=True, slots=True)
class Runs:
    """Runs of adjacent elements [start, end)."""

    starts: Ints
    ends: Ints

    @property
    def lengths(self) -> Ints:
        """Number of elements of each run."""
        return self.ends - self.starts


def spans_of(matches: Iterable[re.Match[str]]) -> Ints:
    """(matches, 2) start and end of each match."""
    return np.array([match.span() for match in matches], np.int64).reshape(-1, 2)


def recurs(keys: Hashes, groups: Ints) -> Ints:
    """For each key, the index of its previous occurrence in the same group, or -1."""
    before = np.full(len(keys), -1)
    # Sorting hash and index packed into one integer is several times faster than a stable argsort.
    width = np.uint64(max(1, len(keys)).bit_length())
    low = (np.uint64(1) << width) - np.uint64(1)
    packed = np.sort((mix(keys + mix(groups.astype(np.uint64))) & ~low) | np.arange(len(keys), dtype=np.uint64))
    same = np.flatnonzero((packed[1:] | low) == (packed[:-1] | low))
    places = (packed & low).astype(np.int64)
    before[places[same + 1]] = places[same]
    return before


def offsets(lengths: Sequence[int] | NDArray[Any]) -> Ints:
    """(n + 1,) offsets of rows with these lengths: cumulative sums from 0. For a mask, running counts."""
    return np.concatenate([[0], np.cumsum(np.asarray(lengths, np.int64))]).astype(np.int64)


def spread(firsts: Ints, lasts: Ints) -> Ints:
    """Indices of all elements of the runs [firsts, lasts), in order."""
    lengths = np.maximum(lasts - firsts, 0)
    ends = np.cumsum(lengths)
    return np.repeat(firsts - ends + lengths, lengths) + np.arange(ends[-1] if len(ends) else 0)


def cover(firsts: Ints, lasts: Ints, size: int) -> Mask:
    """(size,) mask that is true inside the runs [firsts, lasts); runs may overlap."""
    mask = np.zeros(size, bool)
    mask[spread(firsts, lasts)] = True
    return mask


def runs(mask: Mask, rows: Ints) -> Runs:
    """Runs of true elements. Runs do not cross rows. rows: offsets."""
    edge = np.zeros(len(mask) + 1, bool)
    edge[rows] = True
    starts = np.flatnonzero(mask & (edge[:-1] | ~np.concatenate([[False], mask[:-1]])))
    ends = np.flatnonzero(mask & (edge[1:] | ~np.concatenate([mask[1:], [False]]))) + 1
    return Runs(starts, ends)


def streaks(places: Ints) -> Runs:
    """Runs of consecutive integers in the sorted array `places`."""
    cuts = np.flatnonzero(np.diff(places, prepend=-2, append=-2) != 1)
    return Runs(places[cuts[:-1]], places[cuts[1:] - 1] + 1)


def row_sums(values: NDArray[np.generic], rows: Ints) -> Floats:
    """(rows,) sum of each row; 0 for an empty row. The result does not depend on the other rows."""
    if values.dtype == bool:
        return np.diff(np.searchsorted(np.flatnonzero(values), rows)).astype(np.float64)
    sums = np.zeros(len(rows) - 1)
    filled = np.flatnonzero(rows[1:] > rows[:-1])
    if len(filled):
        sums[filled] = np.add.reduceat(values, rows[filled], dtype=np.float64)
    return sums


def row_means(values: NDArray[np.generic], rows: Ints) -> Floats:
    """(rows,) mean of each row; 0 for an empty row."""
    return row_sums(values, rows) / np.maximum(np.diff(rows), 1)


def worst_stretch(values: Floats, rows: Ints) -> tuple[Floats, Ints, Ints]:
    """The run with the largest sum in each row: (rows,) sum, start and end. The sum of an empty row is 0."""
    sizes = np.diff(rows)
    total, begins, ends = np.zeros(len(sizes)), rows[:-1].copy(), rows[:-1].copy()
    filled = np.flatnonzero(sizes)
    if not len(filled):
        return total, begins, ends
    row = np.repeat(np.arange(len(sizes)), sizes)
    # Integer sums are exact, so that the result does not depend on the other rows.
    steps = np.rint(values * _STEPS).astype(np.int64)
    upto = np.cumsum(steps)
    upto -= np.repeat((upto - steps)[rows[filled]], sizes[filled])
    # Shift each row far below the previous one, so that the running minimum restarts with each row.
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
