"""What garble says of a text: findings, scored sentences, passages, and the report that holds them.

All offsets are characters of the text that was given, `text[start:end]`. All scores lie in 0..1 and 1 means
garbled. `docs/wire-schema.md` describes `Report.to_dict()` field by field.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from garble.report.findings import Passage, ScoredSentence

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Report:
    """What was found in one text.

    score: the document's score, from its sentences by the rule of `garble.verdict.document_score`.
    language: ISO 639-1 code of the text ("und" when it has no words).
    threshold: the score from which a sentence, or the document, is called garbled.
    notes: what the reader of the report must know, such as signals that did not speak.
    signature: what made this report, for comparison: `garble|v:0.1.0|d:0058ce8d|m:en-2|t:balanced`.
    looped: the share of the text's characters that stand in loops beyond their first turn (`garble.loops`).
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

    @property
    def verdict(self) -> str:
        """What it comes to, in words: "garbled", "passages garbled" or "clean"."""
        return "garbled" if self.garbled else "passages garbled" if self.passages else "clean"

    def _repr_html_(self) -> str:
        # What shows a report stands above it, and only a notebook asks.
        from garble.report.page import fragment

        return fragment(self)

    def to_dict(self) -> dict[str, Any]:
        """Plain lists, strings and numbers, as docs/wire-schema.md has them."""
        plain = asdict(self)
        # asdict keeps tuples; JSON readers and equality after a round trip want lists.
        plain["sentences"] = [{**s, "findings": list(s["findings"])} for s in plain["sentences"]]
        plain["passages"] = list(plain["passages"])
        plain["notes"] = list(plain["notes"])
        return {"schema": SCHEMA, **plain}
