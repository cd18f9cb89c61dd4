"""What to keep of a corpus: one decision a document, with the reason, and counts of it all.

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
# What becomes of documents in other languages than the model's.
OtherLanguages = Literal["score", "keep", "drop"]
OTHER_LANGUAGES: tuple[OtherLanguages, ...] = get_args(OtherLanguages)
# The reason of what is dropped for its language.
_LANGUAGE = "language"


class Cut(NamedTuple):
    """A stretch of a text that goes, or would: where, the score of its worst sentence, and the reason."""

    start: int
    end: int
    score: float
    reason: str


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of one document.

    keep: whether anything of it stays.
    reason: the signal that speaks loudest against what goes, such as "repetition.loop", or "overall" where none
    stands out; "" where nothing goes. The names are those of `garble signals`, to count by.
    score: the document's score, 0..1, 1 = garbled.
    cuts: what goes, in order; one from the first sentence to the last where `keep` is false.
    report: all that was found.
    """

    keep: bool
    reason: str
    score: float
    cuts: tuple[Cut, ...]
    report: Report

    def kept(self, text: str) -> str:
        """The document's `text` without what goes. Nothing but cuts and the white space around them is left out."""
        if not self.cuts:
            return text
        edges = [0, *(edge for cut in self.cuts for edge in (cut.start, cut.end)), len(text)]
        return _joined([text[start:end] for start, end in zip(edges[::2], edges[1::2], strict=True)])


@dataclass
class Statistics:
    """What a run has come to, to be added up and counted by.

    counts: documents, sentences, characters, kept, dropped, cut (kept, but not whole), and dropped_<reason>, which
    counts whatever was decided on: documents, passages or sentences. language_<code>: documents in a language, and
    language_<code>_dropped those of them that were dropped.
    histogram: documents by score, in equal steps from 0 to 1.
    """

    counts: Counter[str] = field(default_factory=Counter)
    histogram: list[int] = field(default_factory=lambda: [0] * BINS)

    def add(self, decision: Decision, characters: int) -> None:
        """Count one document in."""
        self.counts["documents"] += 1
        self.counts["sentences"] += len(decision.report.sentences)
        self.counts["characters"] += characters
        self.counts["kept" if decision.keep else "dropped"] += 1
        self.counts["cut"] += decision.keep and bool(decision.cuts)
        self.counts.update(f"dropped_{cut.reason}" for cut in decision.cuts)
        language = f"language_{decision.report.language}"
        self.counts.update([language] if decision.keep else [language, f"{language}_dropped"])
        self.histogram[min(int(decision.score * BINS), BINS - 1)] += 1

    def merge(self, other: Statistics) -> None:
        """Add what another part of the run came to."""
        self.counts.update(other.counts)
        self.histogram = [a + b for a, b in zip(self.histogram, other.histogram, strict=True)]

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, every count that may be asked for among them."""
        always = dict.fromkeys(("documents", "sentences", "characters", "kept", "dropped", "cut"), 0)
        return {**always, **dict(sorted(self.counts.items())), "histogram": list(self.histogram)}

    @classmethod
    def of_dict(cls, record: dict[str, Any]) -> Statistics:
        """The statistics that `to_dict` wrote."""
        counts = Counter({name: count for name, count in record.items() if name != "histogram"})
        return cls(counts, list(record["histogram"]))


class Prefilter:
    """Decides what of each document stays.

    unit: what is removed when it is garbled. "document" drops whole documents, those whose score reaches the threshold;
    "passage" and "sentence" cut the garbled ones out and keep the rest, or drop the document when no sentence of prose
    would be left. The two cut alike, but count and list differently: a passage is a run of garbled sentences.
    other_languages: what becomes of documents in other languages than the model's. "score" treats them as all others,
    scored by the signals that are on in their language; "keep" keeps them all, and "drop" drops them all, for the
    reason "language".
    scorer: the Scorer to use; else the settings are those of `garble.Scorer`, with `reader` "unsure" by default. Raises
    ValueError, in one line, for a unit, threshold, model, signal or choice that does not exist, and for a threshold
    that was calibrated for whole documents where parts are cut, or the other way round.
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
        calibrated = self.scorer.calibration
        if calibrated and (calibrated.unit == "document") != (unit == "document"):
            raise UsageError(f"threshold: calibrated for the unit {calibrated.unit}, not {unit}")
        self.unit = unit
        self.other_languages = other_languages

    def __repr__(self) -> str:
        return f"<Prefilter unit={self.unit!r} {self.scorer.signature}>"

    def decide(self, texts: Iterable[str], markups: Iterable[str | None] | None = None) -> list[Decision]:
        """One decision a text, in order. markups: as in `garble.Scorer.score_many`."""
        return list(self.decisions(texts, markups))

    def decisions(self, texts: Iterable[str], markups: Iterable[str | None] | None = None) -> Iterator[Decision]:
        """The same one by one, for more texts than fit in memory."""
        return map(self._decision, self.scorer.score_many(texts, markups))

    def _decision(self, report: Report) -> Decision:
        own = {self.scorer.card.language, UNDETERMINED}
        if self.other_languages == "score" or report.language in own:
            return decision(report, self.unit)
        if self.other_languages == "keep":
            return Decision(True, "", report.score, (), report)
        return _dropped(report, _LANGUAGE)


def decision(report: Report, unit: Unit = "document") -> Decision:
    """What becomes of the document that a report is about."""
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


def _dropped(report: Report, why: str) -> Decision:
    edges = [edge for s in report.sentences for edge in (s.start, s.end)] or [0]
    return Decision(False, why, report.score, (Cut(edges[0], edges[-1], report.score, why),), report)


def passages(report: Report) -> tuple[Cut, ...]:
    """The garbled passages of a report, each with its reason."""
    # Sentences and passages are in order, so each passage is a slice.
    starts = [sentence.start for sentence in report.sentences] if report.passages else []

    def within(start: int, end: int) -> tuple[ScoredSentence, ...]:
        return report.sentences[bisect_left(starts, start) : bisect_left(starts, end)]

    return tuple(Cut(p.start, p.end, p.score, reason(within(p.start, p.end))) for p in report.passages)


def annotation(report: Report) -> dict[str, Any]:
    """What is said of a document that is kept as it is: score, verdict, reason and garbled passages.

    The reason is the document's, "" where it is not garbled. docs/wire-schema.md has the fields.
    """
    return {
        "score": report.score,
        "garbled": report.garbled,
        "reason": reason(report.sentences) if report.garbled else "",
        "passages": [cut._asdict() for cut in passages(report)],
    }


def _joined(parts: Sequence[str]) -> str:
    """The parts, with the longer break where two meet, so that a paragraph's end stays one; the ends as they were."""
    kept: list[str] = []
    gap = ""
    for part in parts:
        body = part.strip()
        gap = max(gap, part[: len(part) - len(part.lstrip())], key=_length_of_break)
        if body:
            kept += [gap if kept else parts[0][: len(parts[0]) - len(parts[0].lstrip())], body]
            gap = part[len(part.rstrip()) :]
    return "".join([*kept, parts[-1][len(parts[-1].rstrip()) :]])


def _length_of_break(gap: str) -> tuple[int, int]:
    return gap.count("\n"), len(gap)
