"""What is fitted for the benchmark: scorecards and simple classifiers that never saw one language pair."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import numpy as np

from benchmarks.quality.product import (
    FAMILY_OF,
    FEATURES,
    FITTED,
    SHIPPED,
    SIGNALS,
    Floats,
    Mask,
    Scorecard,
    contrasts,
    features_of,
    fit_scorecard,
    labelled_documents,
    language_model,
    load_scorecard,
    with_signals_by_hand,
)
from benchmarks.quality.statistics import SEED

# The ablation is fitted on every so many-th training row.
ABLATION_STEP = 10
# Characters of human text of each kind that the fits read.
CHARACTERS = 1_500_000


class Fold(NamedTuple):
    """All that is fitted without one language pair; "" is fitted on all of them.

    card: the shipped scorecard for "". ablated: by family the scorecard without its signals, for "" alone.
    """

    card: Scorecard
    trees: Any
    words: Any
    length: Any
    ablated: dict[str, Scorecard]


def hashed(texts: Iterable[str]) -> Any:
    """(texts, hashes) counts of words and of pairs of words."""
    from sklearn.feature_extraction.text import HashingVectorizer

    return HashingVectorizer(ngram_range=(1, 2), n_features=2**18, alternate_sign=False, norm=None).transform(texts)


def lengths(texts: Iterable[str]) -> Floats:
    """(texts, 1) characters, in logarithms."""
    return np.log([[len(text) + 1.0] for text in texts])


def training_rows(data: Path, without: str, share: float) -> tuple[Floats, Mask, list[str]]:
    """Features, labels and texts of the sentences that the scorecard learns from."""
    characters = round(CHARACTERS * share)
    documents, garbled = labelled_documents(data, Random(SEED), without, characters=characters)
    features, prose = features_of(documents, language_model())
    texts = [piece for document in documents for piece in document.slices()]
    return features[prose], garbled[prose], [text for text, kept in zip(texts, prose, strict=True) if kept]


def fit(data: Path, pair: str, share: float) -> Fold:
    """Fit every system that learns, without one language pair. share: of the human text."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.feature_extraction.text import TfidfTransformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import SplineTransformer
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        x, y, texts = training_rows(data, pair, share)
        shipped = load_scorecard(SHIPPED / "scorecard.json")
        shipped = shipped.without([name for name in shipped.features if name not in FEATURES])
        fitted = [FEATURES.index(name) for name in FITTED]
        pairs = contrasts(data, language_model(), pair)
        typical = np.median(x[~y], axis=0)
        trees = HistGradientBoostingClassifier(learning_rate=0.15, max_iter=60, max_bins=64, random_state=SEED)
        trees.fit(x, y)
        words = make_pipeline(TfidfTransformer(sublinear_tf=True), LogisticRegression(solver="liblinear"))
        words.fit(hashed(texts), y)
        length = make_pipeline(SplineTransformer(degree=1, n_knots=8), LogisticRegression()).fit(lengths(texts), y)
        card, ablated = shipped, {}
        if pair:
            card = card_of(fitted, x, y, typical, pairs)
        else:
            some = slice(None, None, ABLATION_STEP)
            less = pairs[0][some], pairs[1][some]
            for family in ("", *dict.fromkeys(signal.family for signal in SIGNALS)):
                kept = [j for j in fitted if FAMILY_OF[FEATURES[j]] != family]
                ablated[family] = card_of(kept, x[some], y[some], typical, less, loops=family != "repetition")
    without = {family: like(found, shipped) for family, found in ablated.items()}
    return Fold(like(card, shipped), trees, words, length, without)


def card_of(
    columns: list[int], x: Floats, y: Mask, typical: Floats, pairs: tuple[Floats, Floats], loops: bool = True
) -> Scorecard:
    """The scorecard on some of the features, as training makes it. loops: with the rule for long loops."""
    names = tuple(FEATURES[j] for j in columns)
    sides = pairs[0][:, columns], pairs[1][:, columns]
    card = fit_scorecard(x[:, columns], y, names, typical[columns], sides)[0]
    return with_signals_by_hand(card) if loops else card


def like(card: Scorecard, shipped: Scorecard) -> Scorecard:
    """The card with the thresholds and the pooling of the shipped one, without a network."""
    return replace(card, name="fitted", thresholds=shipped.thresholds, pooling=shipped.pooling, network=None, files={})


def saved(card: Scorecard, folder: Path) -> Path:
    """A model folder with this scorecard and the shipped language model."""
    folder.mkdir(parents=True, exist_ok=True)
    card.save(folder / "scorecard.json")
    (folder / "lm.npz").symlink_to((SHIPPED / "lm.npz").resolve())
    return folder
