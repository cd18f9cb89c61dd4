"""Thresholds that keep a promise on a sample of good documents, and what the named thresholds cost there.

Documents are the unit: those of the sample and those to come must be exchangeable, such as random draws from one
corpus. Sentences within a document are not, so the loss of a document is the share of its sentences that are flagged,
or 0 or 1 where whole documents are flagged, and the mean loss is controlled. `docs/calibration.md` says more.

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
from garble.text.layout import KINDS, UNREAD

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Unit = Literal["document", "sentence"]
Guarantee = Literal["marginal", "high-probability"]
UNITS: tuple[Unit, ...] = get_args(Unit)
GUARANTEES: tuple[Guarantee, ...] = get_args(Guarantee)

FORMAT = "garble-calibration/1"
# Confidence of the intervals of rates.
CONFIDENCE = 0.95

# Limits of a file: bytes, and signals that are left out.
_LARGEST, _MOST_NAMES = 64 << 10, 1000
_WORD = re.compile(r"[A-Za-z0-9._+-]{0,100}")
_NOT_SCORED = frozenset(KINDS[kind] for kind in UNREAD)
# Thresholds have six decimal places, so that a score that differs in its last bits stays on its side.
_STEPS = 1e6
# Products such as .1 * 10 need not be 1.
_ROUNDING = 1e-9


class Conditions(NamedTuple):
    """What the scores depend on, besides the text: a threshold holds only where all of it is the same.

    garble: the version. model, digest: its name, and of its files. reader, markup, without: as in `garble.Scorer`.
    """

    garble: str
    model: str
    digest: str
    reader: str
    markup: str
    without: tuple[str, ...]

    def difference(self, other: Conditions) -> str:
        """The first condition, besides the version of garble, in which the other differs, in words; "" for none."""
        if self.digest != other.digest:
            ours, theirs = (f"{one.model} ({one.digest[:8]})" for one in (self, other))
            return f"calibrated for model {ours}, not {theirs}"
        for name in ("reader", "markup", "without"):
            own, asked = getattr(self, name), getattr(other, name)
            if own != asked:
                own, asked = (", ".join(x) or "nothing" if isinstance(x, tuple) else x for x in (own, asked))
                return f"calibrated with {name} {own}, not {asked}"
        return ""


@dataclass(frozen=True, slots=True)
class Calibration:
    """A threshold with its promise: of documents like those of the sample, so much is kept.

    threshold: the score, 0..1, from which something is flagged. unit: what the promise counts, whole documents or the
    sentences of each. keep_rate: the share of them, in the mean over documents, that is kept. guarantee: "marginal",
    in the mean over samples and new documents; "high-probability", for this sample with probability `confidence`.
    documents, sentences: the size of the sample. flagged: the share of it that the threshold flags, in the mean over
    documents. at_most: with probability `confidence` the threshold flags no larger share of all such documents.
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
        """The content of the file, as docs/wire-schema.md has it."""
        plain = {name: getattr(self, name) for name in self.__slots__}
        return json.dumps({"format": FORMAT, **plain, "conditions": self.conditions._asdict()}, indent=2) + "\n"


# All that a threshold may be given as: a name, a score, the file of a calibration, or what `load` read of one.
Threshold: TypeAlias = str | float | Path | Calibration


def load(path: Path) -> Calibration:
    """Read a calibration. Raises InputError, with the path and the field, when the file is none."""
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
        for name in ("garble", "model", "reader", "markup")
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
    """What was scored of documents that are held to be good.

    documents: (documents,) their scores. scores, document, kind: (sentences,) score, number of the document, and kind
    of what is scored in them. signals: by name the rows of the sentences that have a finding of it, rising. empty: how
    many documents are left out, as nothing in them is scored.
    """

    documents: Floats
    scores: Floats
    document: Ints
    kind: NDArray[np.str_]
    signals: dict[str, Ints]
    empty: int

    @classmethod
    def of(cls, reports: Iterable[Report]) -> Sample:
        """From reports, which list their findings from the lowest threshold on that is of interest."""
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
            {name: np.array(some) for name, some in sorted(signals.items())},
            empty,
        )


class Rate(NamedTuple):
    """A share and its interval, with confidence `CONFIDENCE`."""

    share: float
    low: float
    high: float


class Row(NamedTuple):
    """A line of the table of flag rates: what is counted, how many there are, and the rate at each threshold."""

    group: str
    name: str
    total: int
    rates: tuple[Rate, ...]


def flag_rates(sample: Sample, thresholds: Iterable[float]) -> Iterator[Row]:
    """How often each threshold flags documents, sentences, sentences of each kind, and by which signals.

    A signal's rate is the share of all sentences that are flagged and have a finding of it; the signals that take part
    most come first.
    """
    limits = list(thresholds)
    count = len(sample.documents)
    every = np.ones(len(sample.scores), bool)

    def row(group: str, name: str, counted: NDArray[np.bool_], some: NDArray[np.bool_]) -> Row:
        totals = np.bincount(sample.document[counted], minlength=count)
        flagged = [
            np.bincount(sample.document[counted & some & (sample.scores >= limit)], minlength=count) for limit in limits
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
    """The share that is flagged, of counts by document.

    The interval is that of Clopper and Pearson, for the size of a simple sample with the variance that the share has
    between documents (Korn and Graubard 1998); without any variance, as when nothing is flagged, that size is the
    number of documents.
    """
    # Slow to import, and few ask.
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
    """The lowest threshold that keeps the promise, see `Calibration`.

    conditions: those under which the sample was scored. Raises UsageError, in one line, for a sample that is too small,
    with the size that is needed, and for one of which no threshold keeps so much.
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
    """The fewest documents with which a threshold can keep the promise: all of them lie below it then."""
    flagged = 1 - keep_rate
    if guarantee == "marginal":
        return math.ceil(1 / flagged - _ROUNDING) - 1
    return math.ceil(math.log(1 - confidence) / math.log(keep_rate) - _ROUNDING)


def lowest_threshold(
    scores: Floats, document: Ints, keep_rate: float, guarantee: Guarantee, confidence: float
) -> float:
    """The lowest threshold that keeps the promise; above 1 where none does.

    scores, document: (items,) the score of each and the number of its document, from 0 on without a gap. A document's
    loss is the share of its items that reach the threshold. There must be as many documents as are `needed`.
    """
    order = np.argsort(-scores)
    values, weights = scores[order], _weights(document)
    count, flagged = int(document.max()) + 1, 1 - keep_rate
    # What documents lose together at a threshold just above each value: all that lies higher.
    first = np.flatnonzero(np.diff(values, prepend=np.inf))
    losses = np.concatenate([[0.0], np.cumsum(weights[order])])[first]
    if guarantee == "marginal":
        keeps = losses + 1 <= flagged * (count + 1) + _ROUNDING
    else:
        keeps = _p_value(losses, count, flagged, _is_binary(weights)) <= 1 - confidence + _ROUNDING
    value = values[first[np.flatnonzero(keeps)[-1]]]
    return (math.floor(value * _STEPS) + 1) / _STEPS if value < 1 else math.inf


def _weights(document: Ints) -> Floats:
    """(items,) what each adds to the loss of its document."""
    return np.asarray(1 / np.bincount(document)[document])


def _is_binary(weights: Floats) -> bool:
    return bool((weights == 1).all())


def _p_value(losses: Floats, count: int, flagged: float, is_binary: bool) -> Floats:
    """How likely losses are so small together in `count` documents that lose `flagged` or more in the mean.

    Exact by the binomial distribution where losses are 0 or 1; else by the inequality of Hoeffding and Bentkus.
    """
    from scipy.special import bdtr, rel_entr

    if is_binary:
        return np.asarray(bdtr(np.floor(losses + _ROUNDING), count, flagged))
    mean = np.minimum(losses / count, flagged)
    hoeffding = np.exp(-count * (rel_entr(mean, flagged) + rel_entr(1 - mean, 1 - flagged)))
    bentkus = math.e * bdtr(np.ceil(losses - _ROUNDING), count, flagged)
    return np.asarray(np.minimum(hoeffding, bentkus))


def _upper(losses: float, count: int, is_binary: bool, confidence: float) -> float:
    """The largest mean loss with which losses so small together are not too unlikely."""
    low, high = max(losses, 0.0) / count, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        is_likely = _p_value(np.array([losses]), count, middle, is_binary)[0] > 1 - confidence
        low, high = (middle, high) if is_likely else (low, middle)
    return high


def resolved(threshold: object, named: Mapping[str, float]) -> float | Calibration | None:
    """The score, or the calibration, that a threshold stands for; None where there is no such threshold.

    named: the thresholds of the model. A string that is neither a name nor a number is the path of a calibration where
    it ends in .json or a file lies there. Raises InputError for a file that is no calibration.
    """
    if isinstance(threshold, Calibration):
        return threshold
    if isinstance(threshold, Path):
        return load(threshold)
    value = score_of(threshold, named)
    is_path = isinstance(threshold, str) and (threshold.lower().endswith(".json") or os.path.isfile(threshold))
    return load(Path(str(threshold))) if value is None and is_path else value
