"""Grouping of items into packets of limited size."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
T = TypeVar("T")


def packets(items: Iterable[T], limit: int, size: Callable[[T], int]) -> Iterator[list[T]]:
    """Group items, in order, into lists. Each ends with the item at which the total size reaches `limit`."""
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
    """Divide rows into ranges [first, last) of at most `limit` elements, but at least one row. rows: offsets."""
    first = 0
    while first < len(rows) - 1:
        last = max(int(np.searchsorted(rows, rows[first] + limit, side="right")) - 1, first + 1)
        yield first, last
        first = last
