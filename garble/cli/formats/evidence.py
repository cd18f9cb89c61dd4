"""The evidence against a sentence, by signal."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import NamedTuple

from garble.report.findings import Finding, ScoredSentence

# Maximum signals shown for a sentence; those with the largest contributions.
MAX_SIGNALS = 5


class Evidence(NamedTuple):
    """The findings of one signal in a sentence, with the reason of the strongest and the sum of the contributions."""

    signal: str
    findings: list[Finding]
    reason: str
    contribution: float


def evidence_of(sentence: ScoredSentence) -> Iterator[Evidence]:
    """The evidence of each signal, the largest contribution first."""
    for signal, run in groupby(sentence.findings, lambda finding: finding.signal):
        findings = list(run)
        strongest = max(findings, key=lambda finding: finding.contribution)
        total = sum(finding.contribution for finding in findings)
        yield Evidence(signal, findings, " ".join(strongest.reason.split()), total)
