"""Findings, scored sentences and passages. All offsets are those of the original text."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

_THRESHOLD = re.compile(r"(?<=\|t:)[^|]*")


@dataclass(frozen=True, slots=True)
class Finding:
    """One piece of evidence: signal, evidence span, value, contribution and reason.

    value: the value of the signal for the sentence (a share of tokens, bits, ...).
    contribution: what the span adds to the log-odds that the sentence is garbled.
    """

    signal: str
    start: int
    end: int
    value: float
    contribution: float
    reason: str


@dataclass(frozen=True, slots=True)
class ScoredSentence:
    """A sentence with its score; `kind` is one of `garble.text.layout.KINDS`."""

    start: int
    end: int
    text: str
    score: float
    garbled: bool
    kind: str
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class Passage:
    """A run of neighbouring garbled sentences; its score is the highest of them."""

    start: int
    end: int
    text: str
    score: float


def signals_of(sentence: ScoredSentence) -> list[str]:
    """The names of the signals with findings in a sentence, without duplicates."""
    return list(dict.fromkeys(finding.signal for finding in sentence.findings))


def passages_of(text: str, sentences: Sequence[ScoredSentence]) -> tuple[Passage, ...]:
    """Runs of garbled sentences without a clean one between them."""
    runs: list[list[ScoredSentence]] = []
    for before, sentence in pairwise([None, *sentences]):
        if sentence is not None and sentence.garbled:
            if before is None or not before.garbled:
                runs.append([])
            runs[-1].append(sentence)
    return tuple(
        Passage(run[0].start, run[-1].end, text[run[0].start : run[-1].end], max(s.score for s in run)) for run in runs
    )


def score_of(threshold: object, named: Mapping[str, float]) -> float | None:
    """The score of a threshold, which is a name or a number in 0..1; None if it is neither."""
    if isinstance(threshold, str) and threshold in named:
        return named[threshold]
    try:
        value = float(threshold)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return None
    return value if 0 <= value <= 1 else None


def signature_at(signature: str, threshold: str | float) -> str:
    """The signature of a report, or of a scorer, at another threshold."""
    return _THRESHOLD.sub(str(threshold), signature, count=1)
