"""Calibration of thresholds on a sample of good documents, and flag rates of thresholds on it.

The sample and future documents must be exchangeable, such as random draws from one corpus. Sentences of a document are
not, so the loss of a document is the share of its sentences that are flagged (0 or 1 for whole documents), and the mean
loss is controlled. See `docs/calibration.md`.

marginal: split conformal prediction (Vovk, Gammerman and Shafer 2005; Angelopoulos and Bates 2021), which for shares of
sentences is conformal risk control (Angelopoulos et al. 2022). high-probability: the upper bounds of Learn then Test
(Angelopoulos et al. 2021), for whole documents the one of Clopper and Pearson.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from garble.errors import InputError, UsageError
from garble.models import fields
from garble.report import Report
from garble.report.findings import score_of
from garble.text.layout import KINDS, UNSCORED

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Unit = Literal["document", "sentence"]
Guarantee = Literal["marginal", "high-probability"]
UNITS: tuple[Unit, ...] = get_args(Unit)
GUARANTEES: tuple[Guarantee, ...] = get_args(Guarantee)

FORMAT = "garble-calibration/1"
# Confidence of the intervals of rates.
CONFIDENCE = 0.95

# Limits of a file: bytes, and names in `without`.
_LARGEST, _MOST_NAMES = 64 << 10, 1000
_WORD = re.compile(r"[A-Za-z0-9._+-]{0,100}")
_NOT_SCORED = frozenset(KINDS[kind] for kind in UNSCORED)
# Thresholds are rounded up to six decimal places, so that rounding errors of scores do not matter.
_STEPS = 1e6
# Tolerance for rounding errors.
_ROUNDING = 1e-9
# Steps of a bisection of [0, 1]; more than a double can distinguish.
_BISECTIONS = 60


class Conditions(NamedTuple):
    """Settings that scores depend on. A calibration is only valid for equal settings.

    garble: version. model, digest: name of the model, and digest of its files. reader, markup, language, without: see
    `Scorer`.
    """

    garble: str
    model: str
    digest: str
    reader: str
    markup: str
    language: str
    without: tuple[str, ...]

    def difference(self, other: Conditions) -> str:
        """A message with the first difference, ignoring the version of garble; "" without any."""
        if self.digest != other.digest:
            ours, theirs = (f"{c.model} ({c.digest[:8]})" for c in (self, other))
            return f"calibrated for model {ours}, not {theirs}"
        for name in ("reader", "markup", "language", "without"):
            own, asked = getattr(self, name), getattr(other, name)
            if own != asked:
                own, asked = (", ".join(x) or "nothing" if isinstance(x, tuple) else x for x in (own, asked))
                return f"calibrated with {name} {own}, not {asked}"
        return ""


@dataclass(frozen=True, slots=True)
class Calibration:
    """A threshold with a guarantee for documents like those of the sample.

    threshold: score, 0..1, from which a unit is flagged. unit: "document" or "sentence". keep_rate: share of units that
    is not flagged, as mean over documents. guarantee: "marginal" holds in expectation over samples and new documents;
    "high-probability" holds for this sample with probability `confidence`. documents, sentences: size of the sample.
    flagged: share of the sample that is flagged, as mean over documents. at_most: upper bound, with probability
    `confidence`, of the share that is flagged among all such documents.
    """

    threshold: float
    unit: Unit
    keep_rate: float
    guarantee: Guarantee
    confidence: float
    documents: int
    sentences: int
    flagged: float
    at_most: float
    conditions: Conditions

    def save(self, path: Path) -> None:
        """Write the file that `load` reads."""
        path.write_text(self.to_json(), encoding="utf-8")

    def to_json(self) -> str:
        """The content of the file; see docs/wire-schema.md."""
        plain = {name: getattr(self, name) for name in self.__slots__}
        return json.dumps({"format": FORMAT, **plain, "conditions": self.conditions._asdict()}, indent=2) + "\n"


# A named threshold, a score, the path of a calibration file, or a loaded calibration.
Threshold: TypeAlias = str | float | Path | Calibration


def load(path: Path) -> Calibration:
    """Read a calibration. Raises InputError, with the path and the field, for an invalid file."""
    try:
        return _calibration(fields.json_object(path, _LARGEST))
    except FileNotFoundError as error:
        raise InputError(str(path), "no such file") from error
    except fields.ERRORS as error:
        raise InputError(str(path), f"not a calibration ({fields.problem(error)})") from error


def _calibration(record: dict[str, Any]) -> Calibration:
    if record["format"] != FORMAT:
        raise ValueError(f"unsupported format {fields.shown(record['format'])}; expected {FORMAT}")
    if not isinstance(conditions := record["conditions"], dict):
        raise ValueError(f"conditions: {fields.shown(conditions)} is not an object")
    names = fields.listed(conditions["without"], "conditions.without", _MOST_NAMES, least=0)
    words = {
        name: fields.matching(conditions[name], _WORD, f"conditions.{name}")
        for name in ("garble", "model", "reader", "markup", "language")
    }
    return Calibration(
        threshold=fields.number(record["threshold"], "threshold", 0, 1),
        keep_rate=fields.number(record["keep_rate"], "keep_rate", 0, 1),
        confidence=fields.number(record["confidence"], "confidence", 0, 1),
        flagged=fields.number(record["flagged"], "flagged", 0, 1),
        at_most=fields.number(record["at_most"], "at_most", 0, 1),
        documents=_count(record["documents"], "documents"),
        sentences=_count(record["sentences"], "sentences"),
        unit=UNITS[_place(record["unit"], UNITS, "unit")],
        guarantee=GUARANTEES[_place(record["guarantee"], GUARANTEES, "guarantee")],
        conditions=Conditions(
            **words,
            digest=fields.matching(conditions["digest"], fields.SHA256, "conditions.digest"),
            without=tuple(fields.matching(name, _WORD, "conditions.without") for name in names),
        ),
    )


def _count(value: Any, what: str) -> int:
    if not isinstance(value, int):
        raise ValueError(f"{what}: {fields.shown(value)} is not a whole number")
    return int(fields.number(value, what, 1))


def _place(value: Any, values: tuple[str, ...], what: str) -> int:
    if value not in values:
        raise ValueError(f"{what}: {fields.shown(value)} is not one of {', '.join(values)}")
    return values.index(value)


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """Scores of documents that are assumed to be good.

    documents: (documents,) scores. scores, document, kind: (sentences,) score, index of the document, kind of block.
    signals: by name the sorted indices of sentences with a finding. empty: number of documents without scored
    sentences, which are not included.
    """

    documents: Floats
    scores: Floats
    document: Ints
    kind: NDArray[np.str_]
    signals: dict[str, Ints]
    empty: int

    @classmethod
    def of(cls, reports: Iterable[Report]) -> Sample:
        """From reports, whose findings must include those at the lowest threshold of interest."""
        documents: list[float] = []
        rows: list[tuple[float, int, str]] = []
        signals: dict[str, list[int]] = {}
        empty = 0
        for report in reports:
            scored = [sentence for sentence in report.sentences if sentence.kind not in _NOT_SCORED]
            if not scored:
                empty += 1
                continue
            for row, sentence in enumerate(scored, start=len(rows)):
                for name in {finding.signal for finding in sentence.findings}:
                    signals.setdefault(name, []).append(row)
            rows += [(sentence.score, len(documents), sentence.kind) for sentence in scored]
            documents.append(report.score)
        scores, document, kind = zip(*rows, strict=True) if rows else ((), (), ())
        return cls(
            np.array(documents, float),
            np.array(scores, float),
            np.array(document, np.int64),
            np.array(kind, str),
            {name: np.array(indices) for name, indices in sorted(signals.items())},
            empty,
        )


class Rate(NamedTuple):
    """A share with its confidence interval, at level `CONFIDENCE`."""

    share: float
    low: float
    high: float


class Row(NamedTuple):
    """A row of the table of flag rates: what is counted, the total, and the rate at each threshold."""

    group: str
    name: str
    total: int
    rates: tuple[Rate, ...]


def flag_rates(sample: Sample, thresholds: Iterable[float]) -> Iterator[Row]:
    """Flag rates of documents, sentences, sentences of each kind, and signals, at each threshold.

    The rate of a signal is the share of all sentences that are flagged and have a finding of it. Signals with the most
    findings come first.
    """
    limits = list(thresholds)
    count = len(sample.documents)
    every = np.ones(len(sample.scores), bool)

    def row(group: str, name: str, counted: NDArray[np.bool_], flaggable: NDArray[np.bool_]) -> Row:
        totals = np.bincount(sample.document[counted], minlength=count)
        flagged = [
            np.bincount(sample.document[counted & flaggable & (sample.scores >= limit)], minlength=count)
            for limit in limits
        ]
        return Row(group, name, int(totals.sum()), tuple(rate(flags, totals) for flags in flagged))

    whole = np.ones(count, np.int64)
    by_document = tuple(rate((sample.documents >= limit).astype(np.int64), whole) for limit in limits)
    yield Row("documents", "documents", count, by_document)
    yield row("sentences", "sentences", every, every)
    for kind in KINDS:
        if (of_kind := sample.kind == kind).any():
            yield row("kind", kind, of_kind, every)
    for name, rows in sorted(sample.signals.items(), key=lambda item: -len(item[1])):
        takes_part = np.zeros(len(every), bool)
        takes_part[rows] = True
        yield row("signal", name, every, takes_part)


def rate(flagged: Ints, total: Ints) -> Rate:
    """The share that is flagged. flagged, total: (documents,) counts.

    The interval is that of Clopper and Pearson with the effective sample size (Korn and Graubard 1998), from the
    variance between documents. Without variance, as when nothing is flagged, it is the number of documents.
    """
    # Imported here because scipy is slow to import.
    from scipy.special import betaincinv

    documents, items = int((total > 0).sum()), int(total.sum())
    if not items:
        return Rate(0.0, 0.0, 1.0)
    share = float(flagged.sum() / items)
    size = float(documents)
    if documents > 1 and items > documents:
        variance = documents / (documents - 1) * float(((flagged - share * total) ** 2).sum()) / items**2
        size = min(share * (1 - share) / variance, items) if variance > _ROUNDING / items else size
    hits, tail = share * size, (1 - CONFIDENCE) / 2
    low = float(betaincinv(hits, size - hits + 1, tail)) if hits > 0 else 0.0
    high = float(betaincinv(hits + 1, size - hits, 1 - tail)) if share < 1 else 1.0
    return Rate(share, low, high)


def calibrate(
    sample: Sample,
    conditions: Conditions,
    keep_rate: float = 0.99,
    unit: Unit = "document",
    guarantee: Guarantee = "marginal",
    confidence: float = CONFIDENCE,
) -> Calibration:
    """The lowest threshold with the guarantee; see `Calibration`.

    conditions: settings with which the sample was scored. Raises UsageError, in one line, if the sample is too small,
    with the necessary size, or if no threshold has the guarantee.
    """
    documents = len(sample.documents)
    least = needed(keep_rate, guarantee, confidence)
    if documents < least:
        asked = f"a keep rate of {keep_rate:g} with a {guarantee} guarantee"
        raise UsageError(f"{asked} requires at least {least:,} documents; the sample has {documents:,}")
    is_whole = unit == "document"
    scores = sample.documents if is_whole else sample.scores
    document = np.arange(documents) if is_whole else sample.document
    threshold = lowest_threshold(scores, document, keep_rate, guarantee, confidence)
    if threshold > 1:
        raise UsageError(f"no threshold keeps {keep_rate:g} of the sample: too many {unit}s have score 1")
    weights = _weights(document)
    most = (1 - keep_rate) * (documents + 1) - 1
    return Calibration(
        threshold=threshold,
        unit=unit,
        keep_rate=keep_rate,
        guarantee=guarantee,
        confidence=confidence,
        documents=documents,
        sentences=len(sample.scores),
        flagged=float(weights[scores >= threshold].sum() / documents),
        at_most=1 - keep_rate if guarantee != "marginal" else _upper(most, documents, _is_binary(weights), confidence),
        conditions=conditions,
    )


def needed(keep_rate: float, guarantee: Guarantee, confidence: float) -> int:
    """Least size of a sample for the guarantee, in documents, if the threshold flags none of them."""
    flagged = 1 - keep_rate
    if guarantee == "marginal":
        return math.ceil(1 / flagged - _ROUNDING) - 1
    return math.ceil(math.log(1 - confidence) / math.log(keep_rate) - _ROUNDING)


def lowest_threshold(
    scores: Floats, document: Ints, keep_rate: float, guarantee: Guarantee, confidence: float
) -> float:
    """The lowest threshold with the guarantee; infinite if there is none.

    scores, document: (items,) score, and index of the document; indices are consecutive from 0. The loss of a document
    is the share of its items that reach the threshold. At least `needed` documents are required.
    """
    order = np.argsort(-scores)
    values, weights = scores[order], _weights(document)
    count, flagged = int(document.max()) + 1, 1 - keep_rate
    # Total loss at a threshold just above each distinct value: all items with higher scores.
    first = np.flatnonzero(np.diff(values, prepend=np.inf))
    losses = np.concatenate([[0.0], np.cumsum(weights[order])])[first]
    if guarantee == "marginal":
        keeps = losses + 1 <= flagged * (count + 1) + _ROUNDING
    else:
        keeps = _p_value(losses, count, flagged, _is_binary(weights)) <= 1 - confidence + _ROUNDING
    value = values[first[np.flatnonzero(keeps)[-1]]]
    return (math.floor(value * _STEPS) + 1) / _STEPS if value < 1 else math.inf


def _weights(document: Ints) -> Floats:
    """(items,) contribution of each to the loss of its document."""
    return np.asarray(1 / np.bincount(document)[document])


def _is_binary(weights: Floats) -> bool:
    return bool((weights == 1).all())


def _p_value(losses: Floats, count: int, flagged: float, is_binary: bool) -> Floats:
    """Probability that the total loss of `count` documents is at most `losses` if the mean loss is at least `flagged`.

    Exact, from the binomial distribution, if losses are 0 or 1; else the bound of Hoeffding and Bentkus.
    """
    from scipy.special import bdtr, rel_entr

    if is_binary:
        return np.asarray(bdtr(np.floor(losses + _ROUNDING), count, flagged))
    mean = np.minimum(losses / count, flagged)
    hoeffding = np.exp(-count * (rel_entr(mean, flagged) + rel_entr(1 - mean, 1 - flagged)))
    bentkus = math.e * bdtr(np.ceil(losses - _ROUNDING), count, flagged)
    return np.asarray(np.minimum(hoeffding, bentkus))


def _upper(losses: float, count: int, is_binary: bool, confidence: float) -> float:
    """Upper confidence bound of the mean loss, by bisection."""
    low, high = max(losses, 0.0) / count, 1.0
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        is_likely = _p_value(np.array([losses]), count, middle, is_binary)[0] > 1 - confidence
        low, high = (middle, high) if is_likely else (low, middle)
    return high


def resolved(threshold: object, named: Mapping[str, float]) -> float | Calibration | None:
    """Resolve a threshold to a score or a calibration; None if it is unknown.

    named: thresholds of the model. A string that is neither a name nor a number is a path if it ends in .json or the
    file exists. Raises InputError for an invalid calibration file.
    """
    if isinstance(threshold, Calibration):
        return threshold
    if isinstance(threshold, Path):
        return load(threshold)
    value = score_of(threshold, named)
    is_path = isinstance(threshold, str) and (threshold.lower().endswith(".json") or os.path.isfile(threshold))
    return load(Path(str(threshold))) if value is None and is_path else value
