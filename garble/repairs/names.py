"""Repair of names: one spelling per document."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from difflib import get_close_matches
from itertools import islice

from garble.repairs.base import Change, Site
from garble.report.findings import Finding

_NAME = re.compile(r"\b[A-Z]\w{4,29}\b")
# Minimum ratio of difflib: two letters of seven may differ.
_MIN_SIMILARITY = 0.7
# Of the names with the same first letter, only this many of the most frequent are compared.
_MAX_NAMES = 100


def most_frequent_spelling(site: Site, finding: Finding) -> Iterator[Change]:
    """The most frequent spelling of a name, if it occurs at least twice as often as any similar one."""
    name = site.text[finding.start : finding.end]
    counts = site.cached_for_text(_names).get(name[:1], {})
    if name not in counts:
        return
    near = get_close_matches(
        name, [other for other in islice(counts, _MAX_NAMES) if other != name], n=5, cutoff=_MIN_SIMILARITY
    )
    best, *others = sorted(near, key=lambda other: -counts[other]) or [name]
    # "LaserDiscs" is another form of "LaserDisc", and no other spelling.
    is_form = name.startswith(best) or best.startswith(name)
    if not is_form and counts[best] >= 2 * max(counts[other] for other in [name, *others]):
        yield Change(finding.start, finding.end, best)


def _names(text: str) -> dict[str, dict[str, int]]:
    """The names of the text with their counts, by first letter."""
    counts = defaultdict[str, dict[str, int]](dict)
    for name, count in Counter(_NAME.findall(text)).most_common():
        counts[name[0]][name] = count
    return dict(counts)
