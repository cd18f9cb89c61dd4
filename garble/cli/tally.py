"""The results of a run of `garble score`, and their counts."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from garble.report.findings import signals_of

if TYPE_CHECKING:
    from garble.report import Report


class Scored(NamedTuple):
    """An input with its report."""

    name: str
    text: str
    report: Report


@dataclass
class Tally:
    """Counts for the summary and the exit code of a run.

    verdicts, sentences, flagged: documents, sentences and flagged sentences by the verdict of the document.
    signals: flagged sentences by signal. ignored: sentences excluded by comments. known: flagged sentences in the
    baseline, which do not count as flagged. unread: inputs that could not be read.
    """

    verdicts: Counter[str] = field(default_factory=Counter)
    sentences: Counter[str] = field(default_factory=Counter)
    flagged: Counter[str] = field(default_factory=Counter)
    signals: Counter[str] = field(default_factory=Counter)
    ignored: int = 0
    known: int = 0
    unread: int = 0

    @property
    def inputs(self) -> int:
        """Number of inputs, including unreadable ones."""
        return self.verdicts.total() + self.unread

    @property
    def is_clean(self) -> bool:
        """Whether no document and no passage is flagged."""
        return self.verdicts["clean"] == self.verdicts.total()

    def add(self, report: Report) -> None:
        """Count one document."""
        flagged = [sentence for sentence in report.sentences if sentence.garbled]
        self.verdicts[report.verdict] += 1
        self.sentences[report.verdict] += len(report.sentences)
        self.flagged[report.verdict] += len(flagged)
        self.ignored += sum(sentence.kind == "ignored" for sentence in report.sentences)
        for sentence in flagged:
            self.signals.update(signals_of(sentence))
