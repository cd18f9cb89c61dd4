"""The reason of a verdict, and the bins of score histograms."""

from __future__ import annotations

from collections.abc import Sequence

from garble.report.findings import ScoredSentence
from garble.signals import EXACT_SIGNALS, NETWORK_SIGNALS

# The reason if no signal stands out: weak evidence of many signals, or a document that is badly translated throughout.
OVERALL = "overall"
# Contribution, in log-odds, from which a signal can be the reason before those of the network.
_MIN_CONTRIBUTION = 1.0
_OF_NETWORK = frozenset(signal.name for signal in NETWORK_SIGNALS)
_EXACT = frozenset(signal.name for signal in EXACT_SIGNALS)
# Number of equal bins from 0 to 1.
BINS = 20


def reason(sentences: Sequence[ScoredSentence]) -> str:
    """The signal with the largest total contribution to the sentences; "overall" without findings.

    Exact evidence names the defect: the other signals of its family count for it. Signals of the network do not say
    what the defect is, so another signal with a sufficient contribution goes first.
    """
    contributions: dict[str, float] = {}
    for finding in (finding for sentence in sentences for finding in sentence.findings):
        contributions[finding.signal] = contributions.get(finding.signal, 0.0) + finding.contribution
    sufficient = [name for name, x in contributions.items() if name not in _OF_NETWORK and x >= _MIN_CONTRIBUTION]

    def weight(name: str) -> float:
        if name not in _EXACT:
            return contributions[name]
        return sum(x for other, x in contributions.items() if other == name or _is_symptom(other, name))

    return max(sufficient or contributions, key=weight, default=OVERALL)


def _is_symptom(name: str, exact: str) -> bool:
    """Whether a signal only measures what an exact signal of its family finds."""
    return name not in _EXACT and name.split(".")[0] == exact.split(".")[0]
