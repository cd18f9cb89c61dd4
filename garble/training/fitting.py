"""Curves of features: fitted on labels, on pairs, or on top of a scorecard."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from garble.columns.arrays import Floats, Mask
from garble.models.scorecard import Scorecard, logit, scaled, sigmoid
from garble.signals import FEATURE_INDEX, FEATURES, signals_of

_QUANTILES = (0.01, 0.1, 0.35, 0.65, 0.9, 0.98, 0.998)
# Of features that are mostly 0, besides that: a small share of a long sentence is as sure a sign as a large one.
_QUANTILES_OF_SPARSE = (0.01, 0.2, 0.5, 0.8, 0.95, 0.998)
_STRENGTH = 5.0
# What a contrast counts for, against a sentence.
_WEIGHT_OF_PAIRS = 3.0

# Weights set by hand: shares of a sentence, in loops beyond their first turn or in its opening that comes again, and
# what they add to the log-odds.
_BY_HAND = {
    "repetition.looped": ((0.0, 0.1, 0.25, 0.4, 0.5, 0.75, 1.0), (0.0, 1.5, 4.0, 9.0, 14.0, 14.0, 14.0)),
    "repetition.begins_again": ((0.0, 0.01, 0.02, 0.1, 0.2, 0.5, 1.0), (0.0, 2.5, 5.0, 5.0, 5.0, 5.0, 5.0)),
}
BY_HAND = tuple(_BY_HAND)
# The features that a scorecard is fitted on.
FITTED = tuple(name for name in FEATURES if name not in _BY_HAND)


def knots_of(values: Floats) -> Floats:
    """Rising knots for one feature: its quantiles; where most values are 0, that and the quantiles of the others."""
    count = len(_QUANTILES)
    filled = values[values != 0]
    if not len(filled):
        return np.linspace(0, 1, count)
    sparse = len(filled) < len(values) / 2
    knots = np.quantile(filled, _QUANTILES_OF_SPARSE) if sparse else np.quantile(values, _QUANTILES)
    knots = np.unique(np.round([0, *knots] if sparse else knots, 4))
    # Equal quantiles leave gaps to fill: split the widest until there are enough.
    while len(knots) < count:
        widest = int(np.diff(knots).argmax()) if len(knots) > 1 else 0
        between = (knots[widest] + knots[widest + 1]) / 2 if len(knots) > 1 else knots[0] + 1
        knots = np.sort(np.append(knots, between))
    return knots


def fit_scorecard(
    x: Floats, y: Mask, names: tuple[str, ...], typical: Floats, pairs: tuple[Floats, Floats] | None = None
) -> tuple[Scorecard, Any]:
    """Splines of degree 1 into a logistic regression; the scorecard, and the scikit-learn pipeline it came from.

    typical: (features,) of a typical clean sentence, where every contribution is 0.
    pairs: two (pairs, features), each row of the first to score above its row in the second.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import SplineTransformer

    knots = np.stack([knots_of(column) for column in x.T])
    spline = SplineTransformer(degree=1, knots=knots.T, extrapolation="constant").fit(x)
    rows, labels, weight = [spline.transform(x)], [y], [np.ones(len(y))]
    if pairs is not None:
        rows.append(spline.transform(pairs[0]) - spline.transform(pairs[1]))
        labels.append(np.ones(len(pairs[0]), bool))
        weight.append(np.full(len(pairs[0]), _WEIGHT_OF_PAIRS))
    # The splines of a feature sum to one, so the constant is among them, and cancels in a pair as it should.
    regression = LogisticRegression(C=_STRENGTH, max_iter=3000, fit_intercept=False)
    regression.fit(np.concatenate(rows), np.concatenate(labels), np.concatenate(weight))
    # A spline of degree 1 is a hat a knot: the coefficient is the function's value there.
    weights = regression.coef_.reshape(knots.shape)
    # What is marked is a defect and never speaks for a sentence, whatever the company it keeps in the training data.
    marks = np.isin(names, [signal.name for signal in signals_of(names) if signal.output == "marks"])
    weights[marks] = np.maximum(weights[marks], weights[marks, :1])
    usual = np.array([np.interp(typical[j], knots[j], weights[j]) for j in range(len(names))])
    card = Scorecard("", "en", names, float(usual.sum()), knots, weights - usual[:, None], {})
    return card, make_pipeline(spline, regression)


def extended(card: Scorecard, x: Floats, y: Mask, names: tuple[str, ...], pairs: tuple[Floats, Floats]) -> Scorecard:
    """A scorecard that also weighs a network's features: splines of degree 1 that never fall.

    Fitted on sentences that the card does not flag, as it decides about the others; what it says of sentences that are
    not read stays. x: (sentences, features) in the order of an extraction, those of `names` last; y: (sentences,) which
    are garbled; pairs: likewise, as in `fit_scorecard`.
    """
    from scipy.optimize import minimize
    from sklearn.preprocessing import SplineTransformer

    assert card.network is not None
    more = [FEATURE_INDEX[name] for name in names]
    family = np.array([name.split(".")[0] for name in card.features])
    families = list(dict.fromkeys(family.tolist()))

    def by_family(some: Floats) -> Floats:
        said = card.contributions(some[:, [FEATURE_INDEX[name] for name in card.features]])
        return np.stack([said[:, family == name].sum(axis=1) for name in families], axis=1)

    plain = scaled(card.intercept + by_family(x).sum(axis=1), card.scale) < logit(np.array(card.thresholds["balanced"]))
    x, y = x[plain], y[plain]
    knots = np.stack([knots_of(column) for column in x[:, more].T])
    spline = SplineTransformer(degree=1, knots=knots.T, extrapolation="constant").fit(x[:, more])
    # A spline's values at its knots are sums of steps of 0 or more: what is doubted more never counts less.
    steps = np.kron(np.eye(len(knots)), np.tril(np.ones((knots.shape[1], knots.shape[1]))))
    rows, worse, better = (
        np.column_stack([by_family(some), np.ones(len(some)), spline.transform(some[:, more]) @ steps])
        for some in (x, *pairs)
    )
    # A sound sentence counts with its signs turned, so that all that is shown is to come out above 0.
    sign = np.concatenate([np.where(y, 1.0, -1.0), np.ones(len(worse))])
    shown = np.concatenate([rows, worse - better]) * sign[:, None]
    weight = np.concatenate([np.ones(len(y)), np.full(len(worse), _WEIGHT_OF_PAIRS)])
    first = len(families) + 1

    def loss(weights: Floats) -> tuple[float, Floats]:
        odds = shown @ weights
        shrunk = np.append(np.zeros(first), weights[first:]) / _STRENGTH
        total = weight @ np.logaddexp(0, -odds) + weights @ shrunk / 2
        return float(total), shown.T @ (-weight * sigmoid(-odds)) + shrunk

    free = np.arange(shown.shape[1] - first) % knots.shape[1] == 0
    bounds = [*([(0.0, None)] * len(families)), (None, None), *((None, None) if at else (0.0, None) for at in free)]
    start = np.concatenate([np.ones(len(families)), [card.intercept], np.zeros(shown.shape[1] - first)])
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 3000}).x
    weights = (steps @ found[first:]).reshape(knots.shape)
    # Where a feature is 0 it adds nothing.
    usual = np.array([np.interp(0.0, row, values) for row, values in zip(knots, weights, strict=True)])
    network = replace(
        card.network,
        weights={name: round(float(w), 4) for name, w in zip(families, found[: first - 1], strict=True)},
        intercept=round(float(found[first - 1] + usual.sum()), 4),
    )
    return replace(_with(card, names, knots, weights - usual[:, None]), network=network)


def with_signals_by_hand(card: Scorecard) -> Scorecard:
    """The card with the signals of `BY_HAND`: a sentence of which half is in a loop beyond its first turn is garbled.

    Not fitted: what `garble.loops` finds is a loop, as benchmarks/loops.py measures, and a long opening comes again too
    rarely to fit.
    """
    knots, weights = np.array(list(_BY_HAND.values())).swapaxes(0, 1)
    return _with(card, BY_HAND, knots, weights)


def _with(card: Scorecard, names: tuple[str, ...], knots: Floats, weights: Floats) -> Scorecard:
    return replace(
        card,
        features=card.features + names,
        knots=np.concatenate([card.knots, knots]),
        weights=np.concatenate([card.weights, weights]),
    )
