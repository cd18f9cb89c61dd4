"""One decision per record, which can have several texts, such as the messages of a conversation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple

from garble.filtering.decisions import Cut, Decision, annotation
from garble.filtering.formats.fields import Part


class RecordDecision(NamedTuple):
    """The decision for a record, with its texts and the decision for each of them.

    A record is kept if all its texts are kept, in whole or in part.
    """

    parts: Sequence[Part]
    decisions: Sequence[Decision]

    @property
    def keep(self) -> bool:
        """Whether the record is kept."""
        return all(decision.keep for decision in self.decisions)

    @property
    def worst(self) -> Decision:
        """The decision that gives the reason: that of the worst text, one that is dropped before others."""
        return max(self.decisions, key=lambda decision: (not decision.keep, bool(decision.cuts), decision.score))

    @property
    def score(self) -> float:
        """The highest score of the texts."""
        return max(decision.score for decision in self.decisions)

    @property
    def language(self) -> str:
        """The language of the longest text."""
        longest = max(range(len(self.parts)), key=lambda i: len(self.parts[i].text))
        return self.decisions[longest].report.language

    @property
    def cuts(self) -> list[tuple[Part, Cut]]:
        """The cuts, each with its text. All texts of a dropped record are cut."""
        reason, keep = self.worst.reason, self.keep
        return [
            (part, cut)
            for part, decision in zip(self.parts, self.decisions, strict=True)
            for cut in (
                decision.cuts if keep or not decision.keep else [Cut(0, len(part.text), decision.score, reason)]
            )
        ]

    @property
    def reasons(self) -> list[str]:
        """The reasons to count: one for a dropped record, otherwise one per cut."""
        return [cut.reason for _, cut in self.cuts] if self.keep else [self.worst.reason]

    def kept(self) -> list[str]:
        """The texts without the cuts."""
        return [decision.kept(part.text) for part, decision in zip(self.parts, self.decisions, strict=True)]

    def annotation(self) -> dict[str, Any]:
        """The annotation of the record; with several texts, its passages name their text, and `texts` lists all."""
        annotations = [annotation(decision.report) for decision in self.decisions]
        if not self.parts[0].field:
            return annotations[0]
        worst = max(annotations, key=lambda found: (found["garbled"], found["score"]))
        named = list(zip(self.parts, annotations, strict=True))
        return {
            "score": self.score,
            "garbled": worst["garbled"],
            "reason": worst["reason"],
            "passages": [{"field": part.field, **cut} for part, found in named for cut in found["passages"]],
            "texts": [
                {"field": part.field, **{name: found[name] for name in ("score", "garbled", "reason")}}
                for part, found in named
            ],
        }


def by_record(texts: Iterable[Sequence[Part]], decisions: Iterator[Decision]) -> list[RecordDecision]:
    """The decisions for the texts of several records, in order, as one decision per record."""
    return [RecordDecision(parts, tuple(islice(decisions, len(parts)))) for parts in texts]
