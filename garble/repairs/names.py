"""Names, mended: one spelling in one document."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from difflib import get_close_matches
from itertools import islice

from garble.repairs.base import Change, Site
from garble.report.findings import Finding

_NAME = re.compile(r"\b[A-Z]\w{4,29}\b")
# Two letters of seven may differ.
_ALIKE = 0.7
# Of so many names that begin alike the commonest are looked at.
_COMMONEST = 100


def respell(site: Site, finding: Finding) -> Iterator[Change]:
    """The name as the document mostly spells it, where one spelling stands twice as often as any other like it."""
    name = site.text[finding.start : finding.end]
    counts = site.once_a_text(_names).get(name[:1], {})
    if name not in counts:
        return
    near = get_close_matches(name, [other for other in islice(counts, _COMMONEST) if other != name], n=5, cutoff=_ALIKE)
    best, *others = sorted(near, key=lambda other: -counts[other]) or [name]
    if counts[best] >= 2 * max(counts[other] for other in [name, *others]):
        yield Change(finding.start, finding.end, best)


def _names(text: str) -> dict[str, dict[str, int]]:
    """By first letter the names of the text, and how often each stands there."""
    counts = defaultdict[str, dict[str, int]](dict)
    for name, count in Counter(_NAME.findall(text)).most_common():
        counts[name[0]][name] = count
    return dict(counts)
