"""Thresholds: read off human text of many kinds, by the share of its sentences that each may flag."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np

from garble.columns.arrays import Floats
from garble.models.scorecard import Pairs, Pooling, clipped_logit, logit, unscaled
from garble.report import Report
from garble.scorer import Scorer
from garble.text.layout import KINDS, PROSE, is_prose
from garble.training.data import Record, read_records
from garble.verdict import SEVERAL, is_mostly_verse, worst_score

# What a network may flag beyond exact evidence, at the least, as a share of what a threshold may flag.
_COST_OF_READING = 0.2

# Kinds that may cost the scorecard twice as much: they break the rules of English on purpose, or for want of practice.
LICENSED = ("poetry", "dialect fiction", "learner sentence")
# Scale of joint log-odds while their thresholds are read off: below those of sentences that the scorecard flags.
SQUEEZED: Pairs = ((-50.0, -12.0), (50.0, -2.0))

# The score of each threshold, in every model, and the shares of human sentences and documents that it may flag.
LEVELS = {"strict": 0.95, "balanced": 0.8, "loose": 0.5}
COSTS = {"strict": 0.001, "balanced": 0.01, "loose": 0.05}
COSTS_OF_DOCUMENTS = {"strict": 0.0005, "balanced": 0.003, "loose": 0.015}
# Sentences that a threshold may flag of a kind from which on its share is measured.
_FEWEST_FLAGGED = 3
# A document with a larger share in loops is garbled by rule.
_LOOPED = 0.1
# Words in a row that tell texts apart: a text of which more than half of these came before is a near copy.
_SHINGLE = 5
# Least distance of two points on the scale of documents, in log-odds.
_APART = 0.01


def sentence_scale(alone: Mapping[str, Floats], together: Mapping[str, Floats]) -> Pairs:
    """`NetworkSettings.sentences`: so that each threshold flags what it may of every kind.

    Where exact evidence leaves less, `_COST_OF_READING` of that beyond what it flags. A typical sentence keeps its
    joint log-odds. alone, together: by kind the scores of the panel's sentences, by the scorecard and by a model with
    the scale `SQUEEZED`; a sentence that is not read has the same score in both.
    """
    joint: dict[str, Floats] = {}
    plain: dict[str, Floats] = {}
    typical = []
    for kind, scores in together.items():
        odds, before = clipped_logit(scores), clipped_logit(alone[kind])
        # Sums of the same contributions can differ in the last digits.
        is_joint = (odds <= SQUEEZED[-1][1]) & (np.abs(odds - before) > 1e-6)
        joint[kind] = np.where(is_joint, unscaled(odds, SQUEEZED), -np.inf)
        plain[kind] = np.where(is_joint, 0.0, scores)
        typical.append(joint[kind][is_joint])
    highest_of = {}
    joint, plain = ({**panel, "": np.concatenate(list(panel.values()))} for panel in (joint, plain))
    for name, cost in COSTS.items():
        highest = -np.inf
        for kind, odds in joint.items():
            if not kind or cost * len(odds) >= _FEWEST_FLAGGED:
                share = max(cost - float((plain[kind] >= LEVELS[name]).mean()), cost * _COST_OF_READING)
                highest = max(highest, float(np.sort(odds)[::-1][int(share * len(odds))]))
        highest_of[name] = highest + 1e-4
    return scale_of(float(np.median(np.concatenate(typical))), highest_of)


def scale_of(typical: float, raw: Mapping[str, float]) -> Pairs:
    """A scale that shows each threshold at its score of `LEVELS`, and a typical sentence as it is.

    typical: log-odds of a typical sentence. raw: log-odds at each threshold. Both columns of the scale rise.
    """
    pairs = [(typical, typical)]
    for name in sorted(LEVELS, key=lambda name: LEVELS[name]):
        shown_at = float(logit(np.array(LEVELS[name])))
        pairs.append((max(raw[name], pairs[-1][0] + _APART), max(shown_at, pairs[-1][1] + _APART)))
    return tuple((round(x, 4), round(y, 4)) for x, y in pairs)


def thresholds_of(panel: Mapping[str, Floats]) -> dict[str, float]:
    """For each named threshold the lowest score that no kind of human text reaches more often than it may.

    panel: for each kind the scores of its sentences. Those of `LICENSED` may cost twice as much as the others. Kinds
    with too few sentences to measure the share are measured together with all others only.
    """
    groups = {**panel, "": np.concatenate(list(panel.values()))}
    shares = {name: {kind: share * (2 if kind in LICENSED else 1) for kind in groups} for name, share in COSTS.items()}
    return {
        name: max(
            _reached_by(scores, int(share[kind] * len(scores)))
            for kind, scores in groups.items()
            if not kind or share[kind] * len(scores) >= _FEWEST_FLAGGED
        )
        for name, share in shares.items()
    }


def document_scales(
    worst: Mapping[str, Floats], pooled: Mapping[str, Floats], thresholds: Mapping[str, float], for_worst: float
) -> tuple[Pairs, Pairs]:
    """`Scorecard.documents` and `Pooling.scale`: how many human documents reach a threshold is `COSTS_OF_DOCUMENTS`.

    worst, pooled: for each kind the scores of its documents on no scale, by their worst sentences and by all of them.
    The share is kept for all kinds together, and for each that has a document to spare at that share. for_worst: the
    part of it for worst sentences, which are never scaled up; pooling gets what they leave.
    """
    groups = [(np.concatenate(list(worst.values())), np.concatenate(list(pooled.values())))]
    groups += [(worst[kind], pooled[kind]) for kind in worst]
    raw: list[tuple[float, float]] = []
    names = sorted(COSTS_OF_DOCUMENTS, key=lambda name: thresholds[name])
    for name in names:
        spare = [(*group, int(COSTS_OF_DOCUMENTS[name] * len(group[0]))) for group in groups]
        spare = [(by_worst, by_all, count) for by_worst, by_all, count in spare if count]
        limits = [_reached_by(by_worst, ceil(for_worst * count)) for by_worst, _, count in spare]
        lowest = max([thresholds[name], *limits])
        left = [
            (by_all[by_worst < lowest], count - int((by_worst >= lowest).sum())) for by_worst, by_all, count in spare
        ]
        raw.append((lowest, max([0.0, *(_reached_by(by_all, count) for by_all, count in left)])))
    shown = clipped_logit(np.array([thresholds[name] for name in names]))
    # Both columns rise strictly.
    odds = np.maximum.accumulate(clipped_logit(np.array(raw))) + _APART * np.arange(len(names))[:, None]
    documents, scale = (tuple(zip(column.round(4).tolist(), shown.round(4).tolist(), strict=True)) for column in odds.T)
    return documents, scale


def _reached_by(scores: Floats, count: int) -> float:
    """The lowest score, to four places, that at most `count` of `scores` reach."""
    beyond = np.sort(scores)[::-1][count]
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

    Without the learners' sentences that were collected because they need rewriting.
    """
    records: list[Record] = []
    size: dict[str, int] = {}
    english = (
        record
        for name in ("human", "panel2")
        for record in read_records(data / "dev" / f"{name}.jsonl.xz")
        if record.get("lang", "en") == "en" and not needs_rewriting(record)
    )
    for record in without_copies(english):
        kind = record["kind"]
        if size.get(kind, 0) < characters:
            size[kind] = size.get(kind, 0) + len(record["text"])
            records.append(record)
    return records


def needs_rewriting(record: Record) -> bool:
    """Whether a learner's sentence was collected because it needs rewriting (JFLEG): many have lost their sense."""
    return str(record.get("source", "")).startswith("jfleg.")


def without_copies(records: Iterable[Record]) -> Iterator[Record]:
    """The records without near copies of others of their kind: those of one poem would count as many false alarms."""
    seen: dict[str, set[tuple[str, ...]]] = {}
    for record in records:
        words, known = record["text"].split(), seen.setdefault(record["kind"], set())
        shingles = {tuple(words[i : i + _SHINGLE]) for i in range(max(1, len(words) - _SHINGLE + 1))}
        if 2 * len(shingles & known) <= len(shingles):
            yield record
        known |= shingles


def document_scores(
    scorer: Scorer, pooling: Pooling, records: list[Record]
) -> tuple[dict[str, Floats], dict[str, Floats]]:
    """For each kind the scores of its documents that `document_scales` scales, but for those full of loops.

    scorer: without pooling, flagging from the loose threshold, so that its reports give all that is needed.
    """

    def scores(report: Report) -> list[tuple[float, float]]:
        prose = [sentence for sentence in report.sentences if is_prose(sentence.kind, sentence.text)]
        pooled = np.array([sentence.score for sentence in prose if sentence.kind == KINDS[PROSE]])
        if report.looped >= _LOOPED or len(prose) < SEVERAL or not len(pooled):
            return []
        worst = worst_score(prose, np.array([sentence.score for sentence in prose]), scorer.threshold)
        by_all = 0.0 if is_mostly_verse(report.sentences) else replace(pooling, scale=()).score(pooled)
        return [(worst, by_all)]

    found = _by_kind(scorer, records, scores)
    worst, pooled = ({kind: pairs[:, side] for kind, pairs in found.items()} for side in (0, 1))
    return worst, pooled


def panel_scores(scorer: Scorer, records: list[Record]) -> dict[str, Floats]:
    """For each kind of text the scores of all its sentences, as a user of the model sees them."""
    return _by_kind(scorer, records, lambda report: [sentence.score for sentence in report.sentences])


def _by_kind(scorer: Scorer, records: list[Record], scores_of: Callable[[Report], list[Any]]) -> dict[str, Floats]:
    """For each kind of text the scores that its reports give; kinds without any are missing."""
    scores: dict[str, list[Any]] = {}
    reports = scorer.score_many(record["text"] for record in records)
    for record, report in zip(records, reports, strict=True):
        if found := scores_of(report):
            scores.setdefault(record["kind"], []).extend(found)
    return {kind: np.array(values) for kind, values in sorted(scores.items())}
