"""Names, mended: one spelling in one document."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from difflib import get_close_matches

from garble.mending.base import Change
from garble.report import Finding, ScoredSentence

_NAME = re.compile(r"\b[A-Z]\w{4,}")
# Two letters of seven may differ.
_ALIKE = 0.7


def respell(text: str, sentence: ScoredSentence, finding: Finding) -> Iterator[Change]:
    """The name as the document mostly spells it, where one spelling stands twice as often as any other like it."""
    counts = Counter(_NAME.findall(text))
    name = text[finding.start : finding.end]
    near = get_close_matches(name, [other for other in counts if other != name], n=5, cutoff=_ALIKE)
    best, *others = sorted(near, key=lambda other: -counts[other]) or [name]
    if counts[best] >= 2 * max(counts[other] for other in [name, *others]):
        yield Change(finding.start, finding.end, best)
