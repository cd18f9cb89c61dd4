"""Statistics. Each takes weights (draws, items) and gives (draws,), so that a resample is one more row of weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
# (1 + RESAMPLES,): a figure, and what it is on each resample.
Draws = Floats
# {"value": ..., "low": ..., "high": ...}: a figure and its 95 % interval.
Interval = dict[str, float]

SEED = 0
RESAMPLES = 200
# Share of human sentences that a system may flag where recall is given.
COST = 0.01
# Normal quantile of a two-sided 95 % interval.
_Z95 = 1.959964


def resample(clusters: Sequence[str] | Array, count: int = RESAMPLES, seed: int = SEED) -> NDArray[np.float32]:
    """(1 + count, items) weights: first ones, then how often each item's cluster was drawn, with replacement."""
    if not len(clusters):
        return np.ones((1 + count, 0), np.float32)
    names, owner = np.unique(np.asarray(clusters), return_inverse=True)
    drawn = np.random.default_rng(seed).multinomial(len(names), np.full(len(names), 1 / len(names)), size=count)
    return np.concatenate([np.ones((1, len(names))), drawn]).astype(np.float32)[:, owner]


def auroc(scores: Floats, positive: Mask, weights: Array) -> Draws:
    """How often a positive scores higher than a negative, ties counted as half."""
    if not len(scores):
        return np.full(len(weights), np.nan)
    order = np.argsort(scores, kind="stable")
    new = np.flatnonzero(np.diff(scores[order], prepend=-np.inf))
    heavy = weights[:, order].astype(np.float64)
    above = np.add.reduceat(heavy * positive[order], new, axis=1)
    below = np.add.reduceat(heavy * ~positive[order], new, axis=1)
    won = above * (np.cumsum(below, axis=1) - below / 2)
    return ratio(won.sum(axis=1), above.sum(axis=1) * below.sum(axis=1))


def rate(flags: Array, weights: Array) -> Draws:
    """The weighted share of true flags."""
    return ratio(weights @ flags.astype(np.float64), weights.sum(axis=1))


def pearson(a: Floats, b: Floats, weights: Array) -> Draws:
    """Pearson's correlation."""
    share = weights / np.maximum(weights.sum(axis=1, keepdims=True, dtype=np.float64), 1e-9)
    left, right = a - (share @ a)[:, None], b - (share @ b)[:, None]
    spread = (share * left**2).sum(axis=1) * (share * right**2).sum(axis=1)
    return ratio((share * left * right).sum(axis=1), np.sqrt(spread))


def calibration_error(p: Floats, y: Mask, weights: Array, bins: int = 15) -> Draws:
    """Expected calibration error in bins of equal mass."""
    if len(p) < bins:
        return np.full(len(weights), np.nan)
    order = np.argsort(p, kind="stable")
    edges = np.linspace(0, len(p), bins + 1).astype(int)[:-1]
    gaps = np.add.reduceat(weights[:, order].astype(np.float64) * (p - y)[order], edges, axis=1)
    return ratio(np.abs(gaps).sum(axis=1), weights.sum(axis=1))


def mcc(table: Array, weights: Array) -> Draws:
    """Matthews' correlation. table: (items, 4) of true and false positives, false and true negatives."""
    tp, fp, fn, tn = (weights.astype(np.float64) @ table).T
    return ratio(tp * tn - fp * fn, np.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)))


def f1(table: Array, weights: Array) -> Draws:
    """F1 of the positives; table as in `mcc`."""
    tp, fp, fn, _ = (weights.astype(np.float64) @ table).T
    return ratio(2 * tp, 2 * tp + fp + fn)


def ratio(above: Array, below: Array) -> Draws:
    """The quotient; not a number where nothing was drawn."""
    return np.asarray(np.divide(above, below, out=np.full(len(above), np.nan), where=below > 0))


def mean(draws: Sequence[Draws]) -> Draws:
    """The mean of several figures, of those that are a number on a resample."""
    table = np.stack(draws)
    known = ~np.isnan(table)
    return ratio(np.where(known, table, 0).sum(axis=0), known.sum(axis=0))


def limit(scores: Floats, share: float = COST) -> float:
    """The score that at most `share` of `scores` exceed."""
    return float(np.sort(scores)[::-1][int(share * len(scores))]) if len(scores) else float("inf")


def summary(draws: Draws) -> Interval:
    """The figure and its 95 % interval."""
    low, high = np.nanpercentile(draws[1:], [2.5, 97.5]) if not np.isnan(draws[1:]).all() else draws[[0, 0]]
    return {"value": round(float(draws[0]), 4), "low": round(float(low), 4), "high": round(float(high), 4)}


def summaries(found: Mapping[str, Draws]) -> dict[str, Interval]:
    """Those that are a number: a correlation with a constant is none."""
    return {name: summary(draws) for name, draws in found.items() if not np.isnan(draws[0])}


def wilson(hits: int, count: int) -> tuple[float, float]:
    """The 95 % Wilson score interval of a share. Items count as independent."""
    if not count:
        return 0.0, 1.0
    share, z2 = hits / count, _Z95**2
    middle = (share + z2 / (2 * count)) / (1 + z2 / count)
    half = _Z95 / (1 + z2 / count) * sqrt(share * (1 - share) / count + z2 / (4 * count**2))
    return max(0.0, middle - half), min(1.0, middle + half)


def reliability(p: Floats, y: Mask, bins: int = 10) -> list[dict[str, float]]:
    """In bins of equal width: where each starts, its items, their mean probability and their share of positives."""
    place = np.minimum((p * bins).astype(int), bins - 1)
    rows = []
    for number in range(bins):
        some = place == number
        mean, share = (float(p[some].mean()), float(y[some].mean())) if some.any() else (0.0, 0.0)
        row = {"from": number / bins, "items": int(some.sum()), "score": round(mean, 4), "share": round(share, 4)}
        rows.append(row)
    return rows
