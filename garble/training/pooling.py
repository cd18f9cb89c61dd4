"""How the sentences of a document are weighed together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from random import Random

import numpy as np

from garble.columns.arrays import Floats
from garble.models.scorecard import Pooling, clipped_logit, logit
from garble.scorer import Scorer
from garble.text.layout import KINDS, PROSE
from garble.training.data import post_edited
from garble.training.examples import CHARACTERS_READ, GARBLED_BELOW, human_texts

# Sentences that a document needs to be pooled, and how many human ones there are for a garbled one.
FEWEST_POOLED, _HUMAN_TO_GARBLED = 4, 20

# Share of human documents that a network reads where the scorecard is unsure.
_READ = 0.1


def excess_quantile(scorer: Scorer, data: Path, rng: Random) -> float:
    """The excess that all but a tenth of human documents stay below."""
    assert scorer.card.pooling is not None
    scores = prose_scores(scorer, human_texts(data, rng, CHARACTERS_READ))
    return round(float(np.quantile([scorer.card.pooling.excess(some) for some in scores if len(some)], 1 - _READ)), 4)


def prose_scores(scorer: Scorer, texts: Iterable[str]) -> list[Floats]:
    """For each text the scores of its sentences of prose."""
    reports = scorer.score_many(texts)
    return [np.array([s.score for s in report.sentences if s.kind == KINDS[PROSE]]) for report in reports]


def fit_pooling(scorer: Scorer, data: Path, rng: Random, characters: int, plain: float) -> Pooling:
    """From human documents, and documents stitched from bad machine translation of one language pair.

    characters: of human text of each kind. plain: share of human sentences that count as equally plain.
    """
    from sklearn.linear_model import LogisticRegression

    human = prose_scores(scorer, human_texts(data, rng, characters))
    human = [scores for scores in human if len(scores) >= FEWEST_POOLED]
    human_odds = [clipped_logit(scores) for scores in human]
    lowest = float(np.quantile(np.concatenate(human_odds), plain))
    usual = Pooling(lowest, float(logit(np.array(scorer.card.thresholds["balanced"]))), 0.0, 1.0, 0.0, 1.0, 0.0)
    means = np.array([usual.clipped(odds).mean() for odds in human_odds])
    odds = usual.clipped(np.concatenate(human_odds))
    by_chance = odds.var() * np.mean([1 / len(scores) for scores in human])
    style = float(np.sqrt(max(means.var() - by_chance, 0.0)))
    usual = replace(usual, mean=float(odds.mean()), deviation=float(odds.std()), style=style)
    bad: dict[str, list[str]] = {}
    for record in post_edited(data)[1]:
        if record["da"] < GARBLED_BELOW:
            bad.setdefault(record["lp"], []).append(record["text"])
    stitched = []
    for texts in bad.values():
        scores = scorer.score_sentences(texts)
        rng.shuffle(order := list(range(len(texts))))
        stitched += [scores[order[i : i + size]] for size in (5, 10, 20) for i in range(0, len(order) - size, size)]
    excess = np.array([[usual.excess(scores)] for scores in [*human, *stitched]])
    garbled = np.repeat([False, True], [len(human), len(stitched)])
    # Most documents that a filter meets are human; both kinds weigh as if they were these many to one.
    weight = np.where(garbled, len(human) / len(stitched) / _HUMAN_TO_GARBLED, 1.0)
    fitted = LogisticRegression(C=1e6).fit(excess, garbled, weight)
    return replace(usual, slope=float(fitted.coef_[0, 0]), offset=float(fitted.intercept_[0]))
