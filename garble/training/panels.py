"""Thresholds: read off human text of many kinds, by the share of its sentences that each may flag."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from garble.columns.arrays import Floats
from garble.models.scorecard import Pairs, Scorecard, logit
from garble.report import Report
from garble.scorer import Scorer
from garble.text.layout import is_prose
from garble.training.data import Record, read_records
from garble.verdict import SEVERAL

# Share of the sentences of each kind of human text that a network may flag beyond the scorecard, at the least.
_COST_OF_READING = 0.002

# Kinds that may cost twice as much: they break the rules of English on purpose, or for want of practice.
LICENSED = ("poetry", "dialect fiction", "learner sentence")

# Shares of human sentences, and of human documents, that each threshold may flag.
COSTS = {"strict": 0.001, "balanced": 0.01, "loose": 0.05}
COSTS_OF_DOCUMENTS = {"strict": 0.0005, "balanced": 0.003, "loose": 0.015}
# Sentences that a threshold may flag of a kind from which on its share is measured.
_FEWEST_FLAGGED = 3
# What is garbled by rule, at every threshold.
BY_RULE = ("repetition.looped",)
# A document with a larger share in loops is garbled by rule.
_LOOPED = 0.1
# Words in a row that tell texts apart: a text of which more than half of these came before is a near copy.
_SHINGLE = 5
# Least distance of two points on the scale of documents, in log-odds.
_APART = 0.01


def aligned(card: Scorecard, alone: Mapping[str, Floats], together: Mapping[str, Floats]) -> Scorecard:
    """The card with the intercept of sentences that are read set so that the network costs what it may.

    In every kind of human text it flags, with the scorecard, what the balanced threshold may flag; and where the
    scorecard leaves less, `_COST_OF_READING` of the sentences beyond those that the scorecard flags. alone, together:
    by kind the scores of the panel's sentences, by the scorecard and by both.
    """
    assert card.network is not None
    balanced = card.thresholds["balanced"]
    highest = -np.inf
    for kind, scores in together.items():
        flagged = float((alone[kind] >= balanced).mean())
        share = max(COSTS["balanced"] * _allowance(kind) - flagged, _COST_OF_READING * _allowance(kind))
        more = np.where(alone[kind] < balanced, logit(np.clip(scores, 1e-9, 1 - 1e-9)), -np.inf)
        highest = max(highest, float(np.sort(more)[::-1][int(share * len(more))]))
    shift = float(logit(np.array(balanced))) - highest - 1e-4
    return replace(card, network=replace(card.network, intercept=card.network.intercept + shift))


def thresholds_of(panel: Mapping[str, Floats]) -> dict[str, float]:
    """For each named threshold the lowest score that no kind of human text reaches more often than it may.

    panel: for each kind the scores of its sentences. Those of `LICENSED` may cost twice as much as the others. Kinds
    with too few sentences to measure the share are measured together with all others only.
    """
    groups = {**panel, "": np.concatenate(list(panel.values()))}
    shares = {name: {kind: share * _allowance(kind) for kind in groups} for name, share in COSTS.items()}
    return {
        name: max(
            _reached_by(scores, share[kind])
            for kind, scores in groups.items()
            if not kind or share[kind] * len(scores) >= _FEWEST_FLAGGED
        )
        for name, share in shares.items()
    }


def _allowance(kind: str) -> int:
    return 2 if kind in LICENSED else 1


def document_scale(panel: Mapping[str, Floats], thresholds: Mapping[str, float]) -> Pairs:
    """`Scorecard.documents`: at each threshold no more human documents are garbled than `COSTS_OF_DOCUMENTS` says.

    panel: for each kind the scores of its documents on no scale. The share is kept for all of them together, and for
    each kind that has a document to spare at that share.
    """
    groups = [np.concatenate(list(panel.values())), *panel.values()]
    pairs: list[tuple[float, float]] = []
    for name, share in sorted(COSTS_OF_DOCUMENTS.items(), key=lambda item: -item[1]):
        reached = [_reached_by(scores, share) for scores in groups if share * len(scores) >= 1]
        raw, shown = logit(np.array([max([thresholds[name], *reached]), thresholds[name]])).round(4).tolist()
        pairs.append((max([raw, *(before + _APART for before, _ in pairs[-1:])]), shown))
    return tuple(pairs)


def _reached_by(scores: Floats, share: float) -> float:
    """The lowest score, to four places, that at most `share` of `scores` reach."""
    beyond = np.sort(scores)[::-1][int(share * len(scores))]
    return float(np.floor(beyond * 1e4) + 1) / 1e4


def cross_fitted(panels: list[dict[str, Floats]], kind: str) -> dict[str, float]:
    """By threshold the share of a kind's sentences that reach it, each of two panels at the other's thresholds."""
    one, other = (
        {name: float((reported[kind] >= at).mean()) for name, at in thresholds_of(read_off).items()}
        for read_off, reported in (panels, panels[::-1])
    )
    return {name: (one[name] + other[name]) / 2 for name in one}


def panel_of(data: Path, characters: float = np.inf) -> list[Record]:
    """Human English that thresholds are read off, of each kind as many characters at most, and nothing twice.

    Near copies of one poem would count as many false alarms.
    """
    records: list[Record] = []
    size: dict[str, int] = {}
    seen: dict[str, set[tuple[str, ...]]] = {}
    for name in ("human", "panel2"):
        for record in read_records(data / "dev" / f"{name}.jsonl.xz"):
            kind = record["kind"]
            if record.get("lang", "en") != "en" or size.get(kind, 0) >= characters:
                continue
            words, known = record["text"].split(), seen.setdefault(kind, set())
            shingles = {tuple(words[i : i + _SHINGLE]) for i in range(max(1, len(words) - _SHINGLE + 1))}
            if 2 * len(shingles & known) <= len(shingles):
                size[kind] = size.get(kind, 0) + len(record["text"])
                records.append(record)
            known |= shingles
    return records


def document_scores(scorer: Scorer, records: list[Record]) -> dict[str, Floats]:
    """For each kind of text the scores of the documents that `document_score` scales, but for those full of loops."""

    def scores(report: Report) -> list[float]:
        prose = [sentence for sentence in report.sentences if is_prose(sentence.kind, sentence.text)]
        return [report.score] if report.looped < _LOOPED and len(prose) >= SEVERAL else []

    return _by_kind(scorer, records, scores)


def panel_scores(scorer: Scorer, records: list[Record]) -> dict[str, Floats]:
    """For each kind of text the scores of all its sentences, as a user of the model sees them."""
    return _by_kind(scorer, records, lambda report: [sentence.score for sentence in report.sentences])


def _by_kind(scorer: Scorer, records: list[Record], scores_of: Callable[[Report], list[float]]) -> dict[str, Floats]:
    """For each kind of text the scores that its reports give; kinds without any are missing."""
    scores: dict[str, list[float]] = {}
    reports = scorer.score_many(record["text"] for record in records)
    for record, report in zip(records, reports, strict=True):
        if found := scores_of(report):
            scores.setdefault(record["kind"], []).extend(found)
    return {kind: np.array(values) for kind, values in sorted(scores.items())}
