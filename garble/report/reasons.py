"""The reason of a verdict, and the bins of score histograms."""

from __future__ import annotations

from collections.abc import Sequence

from garble.report.findings import ScoredSentence
from garble.signals import NETWORK_SIGNALS

# The reason if no signal stands out: weak evidence of many signals, or a document that is badly translated throughout.
OVERALL = "overall"
# Contribution, in log-odds, from which a signal can be the reason before those of the network.
_MIN_CONTRIBUTION = 1.0
_OF_NETWORK = frozenset(signal.name for signal in NETWORK_SIGNALS)
# Number of equal bins from 0 to 1.
BINS = 20


def reason(sentences: Sequence[ScoredSentence]) -> str:
    """The signal with the largest total contribution to the sentences; "overall" without findings.

    Signals of the network do not say what the defect is, so another signal with a sufficient contribution goes first.
    """
    contributions: dict[str, float] = {}
    for finding in (finding for sentence in sentences for finding in sentence.findings):
        contributions[finding.signal] = contributions.get(finding.signal, 0.0) + finding.contribution
    sufficient = {
        name: contribution
        for name, contribution in contributions.items()
        if name not in _OF_NETWORK and contribution >= _MIN_CONTRIBUTION
    }
    return max(sufficient or contributions, key=lambda signal: contributions[signal], default=OVERALL)
