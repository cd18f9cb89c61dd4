"""Which signals a verdict comes from, and the bins that scores are counted in."""

from __future__ import annotations

from collections.abc import Sequence

from garble.report.findings import ScoredSentence
from garble.signals import NETWORK_SIGNALS

# The reason where no signal stands out: a little of everything, or a document translated badly throughout.
OVERALL = "overall"
# From here on, in log-odds, a signal is a cause.
_CAUSE = 1.0
_OF_NETWORK = frozenset(signal.name for signal in NETWORK_SIGNALS)
# Scores are counted in this many equal steps from 0 to 1.
BINS = 20


def reason(sentences: Sequence[ScoredSentence]) -> str:
    """The signal that adds most to the garbled ones of the sentences; "overall" where none has a finding.

    What a network doubts has no cause of its own: another signal that adds enough goes first.
    """
    told: dict[str, float] = {}
    for finding in (finding for sentence in sentences for finding in sentence.findings):
        told[finding.signal] = told.get(finding.signal, 0.0) + finding.contribution
    causes = {name: added for name, added in told.items() if name not in _OF_NETWORK and added >= _CAUSE}
    return max(causes or told, key=lambda signal: told[signal], default=OVERALL)
