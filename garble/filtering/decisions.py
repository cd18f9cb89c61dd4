"""One decision per document: what to keep, and why; and counts of the decisions.

>>> decision = Prefilter().decide(["I want to to to to to to to go home."])[0]
>>> decision.keep, decision.reason
(False, 'repetition.loop')
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Unpack, get_args

from garble.errors import UsageError
from garble.languages import UNDETERMINED
from garble.report import Report
from garble.report.findings import ScoredSentence
from garble.report.reasons import BINS, reason
from garble.scorer import Scorer, Settings, scorer_of
from garble.text.layout import KINDS, PROSE

Unit = Literal["document", "passage", "sentence"]
UNITS: tuple[Unit, ...] = get_args(Unit)
# How to treat documents in other languages than the model's.
OtherLanguages = Literal["score", "keep", "drop"]
OTHER_LANGUAGES: tuple[OtherLanguages, ...] = get_args(OtherLanguages)
# The reason of documents that are dropped for their language.
_LANGUAGE = "language"


class Cut(NamedTuple):
    """A span that is removed, or would be: start, end, highest score of its sentences, and the reason."""

    start: int
    end: int
    score: float
    reason: str


@dataclass(frozen=True, slots=True)
class Decision:
    """The result of the pre-filter for one document.

    keep: whether the document is kept, in whole or in part.
    reason: the signal that contributes most to the cuts, such as "repetition.loop", or "overall" if none stands out;
    "" without cuts. The names are those of `garble signals`.
    score: the score of the document, 0..1, 1 = garbled.
    cuts: the removed spans, in order; if `keep` is false, one from the first sentence to the last.
    report: the report of the document.
    """

    keep: bool
    reason: str
    score: float
    cuts: tuple[Cut, ...]
    report: Report

    def kept(self, text: str) -> str:
        """The `text` of the document without the cuts and the whitespace around them."""
        if not self.cuts:
            return text
        bounds = [0, *(bound for cut in self.cuts for bound in (cut.start, cut.end)), len(text)]
        return _joined([text[start:end] for start, end in zip(bounds[::2], bounds[1::2], strict=True)])


@dataclass
class Statistics:
    """Counts of a run, which can be merged.

    counts: documents, sentences, characters, kept, dropped, cut (kept in part), and dropped_<reason>, which counts
    documents, passages or sentences, by unit. language_<code>: documents in a language; language_<code>_dropped: those
    that were dropped.
    histogram: documents by score, in equal bins from 0 to 1.
    """

    counts: Counter[str] = field(default_factory=Counter)
    histogram: list[int] = field(default_factory=lambda: [0] * BINS)

    def add(self, decision: Decision, characters: int) -> None:
        """Count one document."""
        report, reasons = decision.report, [cut.reason for cut in decision.cuts]
        self.count(decision.keep, decision.score, reasons, report.language, len(report.sentences), characters)

    def count(
        self, keep: bool, score: float, reasons: Sequence[str], language: str, sentences: int, characters: int
    ) -> None:
        """Count one document. reasons: one per cut."""
        self.counts["documents"] += 1
        self.counts["sentences"] += sentences
        self.counts["characters"] += characters
        self.counts["kept" if keep else "dropped"] += 1
        self.counts["cut"] += keep and bool(reasons)
        self.counts.update(f"dropped_{reason}" for reason in reasons)
        self.counts.update(
            [f"language_{language}"] if keep else [f"language_{language}", f"language_{language}_dropped"]
        )
        self.histogram[min(int(score * BINS), BINS - 1)] += 1

    def merge(self, other: Statistics) -> None:
        """Add the counts of another part of the run."""
        self.counts.update(other.counts)
        self.histogram = [a + b for a, b in zip(self.histogram, other.histogram, strict=True)]

    def to_dict(self) -> dict[str, Any]:
        """Numbers for JSON; the main counts are always present."""
        always = dict.fromkeys(("documents", "sentences", "characters", "kept", "dropped", "cut"), 0)
        return {**always, **dict(sorted(self.counts.items())), "histogram": list(self.histogram)}

    @classmethod
    def of_dict(cls, record: dict[str, Any]) -> Statistics:
        """The inverse of `to_dict`."""
        counts = Counter({name: count for name, count in record.items() if name != "histogram"})
        return cls(counts, list(record["histogram"]))


class Prefilter:
    """Decides what to keep of each document.

    unit: what to remove. "document" drops documents whose score reaches the threshold. "passage" and "sentence" cut
    garbled passages or sentences and keep the rest, or drop the document if no prose would remain. Both remove the same
    text, but count and list it differently: a passage is a run of garbled sentences.
    other_languages: how to treat documents in other languages than the model's. "score" decides by the signals that are
    available in their language; "keep" keeps all of them; "drop" drops all of them, with the reason "language".
    scorer: the Scorer to use; default: one with `settings`, which are those of `garble.Scorer`, and `reader` "unsure".
    Raises ValueError for an unknown unit, threshold, model, signal or choice, and for a threshold that was calibrated
    for another unit.
    """

    def __init__(
        self,
        *,
        unit: Unit = "document",
        other_languages: OtherLanguages = "score",
        scorer: Scorer | None = None,
        **settings: Unpack[Settings],
    ) -> None:
        if unit not in UNITS:
            raise UsageError(f"unknown unit {unit!r}; supported: {', '.join(UNITS)}")
        if other_languages not in OTHER_LANGUAGES:
            raise UsageError(f"unknown other_languages {other_languages!r}; supported: {', '.join(OTHER_LANGUAGES)}")
        self.scorer = scorer_of(scorer, settings, reader="unsure")
        calibration = self.scorer.calibration
        if calibration and (calibration.unit == "document") != (unit == "document"):
            raise UsageError(f"threshold: calibrated for the unit {calibration.unit}, not {unit}")
        self.unit = unit
        self.other_languages = other_languages

    def __repr__(self) -> str:
        return f"<Prefilter unit={self.unit!r} {self.scorer.signature}>"

    def decide(self, texts: Iterable[str], markups: Iterable[str | None] | None = None) -> list[Decision]:
        """One decision per text, in order. markups: as in `garble.Scorer.score_many`."""
        return list(self.decisions(texts, markups))

    def decisions(self, texts: Iterable[str], markups: Iterable[str | None] | None = None) -> Iterator[Decision]:
        """As `decide`, lazily, for more texts than fit in memory."""
        return map(self._decision, self.scorer.score_many(texts, markups))

    def _decision(self, report: Report) -> Decision:
        own_languages = {self.scorer.card.language, UNDETERMINED}
        if self.other_languages == "score" or report.language in own_languages:
            return decision(report, self.unit)
        if self.other_languages == "keep":
            return Decision(True, "", report.score, (), report)
        return _dropped(report, _LANGUAGE)


def decision(report: Report, unit: Unit = "document") -> Decision:
    """The decision for a document with this report."""
    cuts: tuple[Cut, ...] = ()
    prose = [sentence.garbled for sentence in report.sentences if sentence.kind == KINDS[PROSE]]
    drop = report.garbled if unit == "document" else bool(prose) and all(prose)
    if drop:
        return _dropped(report, reason(report.sentences))
    if unit == "passage":
        cuts = passages(report)
    elif unit == "sentence":
        cuts = tuple(Cut(s.start, s.end, s.score, reason([s])) for s in report.sentences if s.garbled)
    worst = max(cuts, key=lambda cut: cut.score, default=None)
    return Decision(True, worst.reason if worst else "", report.score, cuts, report)


def _dropped(report: Report, reason_dropped: str) -> Decision:
    bounds = [bound for s in report.sentences for bound in (s.start, s.end)] or [0]
    return Decision(
        False, reason_dropped, report.score, (Cut(bounds[0], bounds[-1], report.score, reason_dropped),), report
    )


def passages(report: Report) -> tuple[Cut, ...]:
    """The garbled passages of a report, with reasons."""
    # Sentences and passages are in order, so each passage is a slice.
    starts = [sentence.start for sentence in report.sentences] if report.passages else []

    def sentences_in(start: int, end: int) -> tuple[ScoredSentence, ...]:
        return report.sentences[bisect_left(starts, start) : bisect_left(starts, end)]

    return tuple(Cut(p.start, p.end, p.score, reason(sentences_in(p.start, p.end))) for p in report.passages)


def annotation(report: Report) -> dict[str, Any]:
    """The annotation of a document: score, garbled, reason and garbled passages.

    reason: that of the document, "" if it is not garbled. docs/wire-schema.md describes the fields.
    """
    return {
        "score": report.score,
        "garbled": report.garbled,
        "reason": reason(report.sentences) if report.garbled else "",
        "passages": [cut._asdict() for cut in passages(report)],
    }


def _joined(parts: Sequence[str]) -> str:
    """The parts, joined by the longer break around each cut, so that paragraphs stay apart."""
    kept: list[str] = []
    gap = ""
    for part in parts:
        body = part.strip()
        gap = max(gap, part[: len(part) - len(part.lstrip())], key=_break_length)
        if body:
            kept += [gap if kept else parts[0][: len(parts[0]) - len(parts[0].lstrip())], body]
            gap = part[len(part.rstrip()) :]
    return "".join([*kept, parts[-1][len(parts[-1].rstrip()) :]])


def _break_length(gap: str) -> tuple[int, int]:
    return gap.count("\n"), len(gap)
