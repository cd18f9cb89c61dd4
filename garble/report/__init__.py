"""The result of scoring a text: a report with scored sentences, findings and passages.

All offsets are characters of the original text, `text[start:end]`. All scores are from 0 to 1, and 1 means garbled.
`docs/wire-schema.md` describes the fields of `Report.to_dict()`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from garble.errors import UsageError, quoted
from garble.report.findings import Passage, ScoredSentence, passages_of, score_of, signature_at

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Report:
    """The result of scoring one text.

    score: the score of the document, by the rule of `garble.verdict.document_score`.
    language: ISO 639-1 code ("und" for a text without words). language_certainty: from 0 to 1.
    threshold: sentences and documents with this score or more are garbled.
    notes: remarks on the report, such as disabled signals.
    signature: versions and settings, for comparison: `garble|v:0.1.0|d:0058ce8d|m:en-2|t:balanced`.
    looped: share of the characters that are in loops beyond the first copy (`garble.loops`).
    thresholds: the named thresholds of the model. text: the scored text; not part of `to_dict`.
    """

    score: float
    garbled: bool
    language: str
    threshold: float
    sentences: tuple[ScoredSentence, ...]
    passages: tuple[Passage, ...]
    notes: tuple[str, ...]
    signature: str
    looped: float = 0.0
    language_certainty: float = 1.0
    thresholds: Mapping[str, float] = field(default_factory=dict)
    text: str = ""

    @property
    def verdict(self) -> str:
        """One of "garbled", "passages garbled" and "clean"."""
        return "garbled" if self.garbled else "passages garbled" if self.passages else "clean"

    def rethreshold(self, threshold: str | float) -> Report:
        """The report at another threshold, without scoring the text again.

        threshold: a name in `thresholds`, or a score between 0 and 1. Only sentences that the original threshold flags
        have findings; sentences that only a lower threshold flags have none. With `reader="unsure"`, the reader has
        read the sentences that the original threshold selected.
        Raises UsageError for an unknown threshold.
        """
        new_threshold = score_of(threshold, self.thresholds)
        if new_threshold is None:
            names = ", ".join(self.thresholds)
            raise UsageError(f"unknown threshold {quoted(threshold)}; supported: {names}, or a score between 0 and 1")
        sentences = tuple(replace(sentence, garbled=sentence.score >= new_threshold) for sentence in self.sentences)
        return replace(
            self,
            garbled=self.score >= new_threshold,
            threshold=new_threshold,
            sentences=sentences,
            passages=passages_of(self.text, sentences),
            signature=signature_at(self.signature, threshold),
        )

    def __repr__(self) -> str:
        flagged = sum(sentence.garbled for sentence in self.sentences)
        counts = f"{flagged} of {len(self.sentences)} sentences flagged"
        return f"<Report {self.verdict!r} score={self.score:.2f} threshold={self.threshold:.2f}, {counts}>"

    def _repr_html_(self) -> str:
        # Imported here, because only notebooks need it.
        from garble.report.page import fragment

        return fragment(self)

    def to_dict(self) -> dict[str, Any]:
        """Lists, strings and numbers for JSON; docs/wire-schema.md describes the fields."""
        plain = asdict(self)
        del plain["text"]
        plain["thresholds"] = dict(self.thresholds)
        # asdict keeps tuples; lists compare equal after a round trip through JSON.
        plain["sentences"] = [{**s, "findings": list(s["findings"])} for s in plain["sentences"]]
        plain["passages"] = list(plain["passages"])
        plain["notes"] = list(plain["notes"])
        return {"schema": SCHEMA, **plain}
