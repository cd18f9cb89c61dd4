"""What garble says of a text: findings, scored sentences, passages, and the report that holds them.

All offsets are characters of the text that was given, `text[start:end]`. All scores lie in 0..1 and 1 means
garbled. `docs/wire-schema.md` describes `Report.to_dict()` field by field.
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
    """What was found in one text.

    score: the document's score, from its sentences by the rule of `garble.verdict.document_score`.
    language: ISO 639-1 code of the text ("und" when it has no words); language_certainty: how certain that is, 0 to 1.
    threshold: the score from which a sentence, or the document, is called garbled.
    notes: what the reader of the report must know, such as signals that did not speak.
    signature: what made this report, for comparison: `garble|v:0.1.0|d:0058ce8d|m:en-2|t:balanced`.
    looped: the share of the text's characters that stand in loops beyond their first turn (`garble.loops`).
    thresholds: the named thresholds of the model. text: the text that was scored; not part of `to_dict`.
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
        """What it comes to, in words: "garbled", "passages garbled" or "clean"."""
        return "garbled" if self.garbled else "passages garbled" if self.passages else "clean"

    def rethreshold(self, threshold: str | float) -> Report:
        """The report at another threshold, without scoring the text again.

        threshold: one of the names in `thresholds`, or a score between 0 and 1. Sentences have findings where the first
        threshold, or a lower one that was asked for before, flagged them; at a lower threshold others are flagged
        without. With `reader="unsure"` the sentences that were read stay those of the first threshold.
        Raises UsageError for a threshold that does not exist.
        """
        at = score_of(threshold, self.thresholds)
        if at is None:
            names = ", ".join(self.thresholds)
            raise UsageError(f"unknown threshold {quoted(threshold)}; supported: {names}, or a score between 0 and 1")
        sentences = tuple(replace(sentence, garbled=sentence.score >= at) for sentence in self.sentences)
        return replace(
            self,
            garbled=self.score >= at,
            threshold=at,
            sentences=sentences,
            passages=passages_of(self.text, sentences),
            signature=signature_at(self.signature, threshold),
        )

    def __repr__(self) -> str:
        flagged = sum(sentence.garbled for sentence in self.sentences)
        counts = f"{flagged} of {len(self.sentences)} sentences flagged"
        return f"<Report {self.verdict!r} score={self.score:.2f} threshold={self.threshold:.2f}, {counts}>"

    def _repr_html_(self) -> str:
        # What shows a report stands above it, and only a notebook asks.
        from garble.report.page import fragment

        return fragment(self)

    def to_dict(self) -> dict[str, Any]:
        """Plain lists, strings and numbers, as docs/wire-schema.md has them."""
        plain = asdict(self)
        del plain["text"]
        plain["thresholds"] = dict(self.thresholds)
        # asdict keeps tuples; JSON readers and equality after a round trip want lists.
        plain["sentences"] = [{**s, "findings": list(s["findings"])} for s in plain["sentences"]]
        plain["passages"] = list(plain["passages"])
        plain["notes"] = list(plain["notes"])
        return {"schema": SCHEMA, **plain}
