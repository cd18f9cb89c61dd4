"""Many items as packets of a bounded size."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
T = TypeVar("T")


def packets(items: Iterable[T], limit: int, size: Callable[[T], int]) -> Iterator[list[T]]:
    """The items in order, as many at a time as come to `limit` together, one at the least."""
    packet: list[T] = []
    total = 0
    for item in items:
        packet.append(item)
        total += size(item)
        if total >= limit:
            yield packet
            packet, total = [], 0
    if packet:
        yield packet


def blocks(rows: Ints, limit: int) -> Iterator[tuple[int, int]]:
    """Rows [first, last) that hold about `limit` elements together, one row at the least, until all have come."""
    first = 0
    while first < len(rows) - 1:
        last = max(int(np.searchsorted(rows, rows[first] + limit, side="right")) - 1, first + 1)
        yield first, last
        first = last
