"""What a mender is: a pure function from a finding to the changes that might answer it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from garble.report import Finding, ScoredSentence


class Change(NamedTuple):
    """What might take the place of `text[start:end]`."""

    start: int
    end: int
    after: str


# (text, sentence, finding) -> changes, the likeliest first. Whether any is made is for the score to say.
Mender = Callable[[str, ScoredSentence, Finding], Iterator[Change]]


def in_place(mend: Callable[[str], Iterable[str]]) -> Mender:
    """A mender that looks at nothing but the finding's own characters: `mend` says what they might become."""

    def mender(text: str, _: ScoredSentence, finding: Finding) -> Iterator[Change]:
        span = text[finding.start : finding.end]
        return (Change(finding.start, finding.end, after) for after in mend(span))

    return mender
