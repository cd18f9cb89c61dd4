"""CSV: one row per sentence or document."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from io import StringIO

from garble.cli.formats.places import sentences, worst
from garble.cli.formats.view import View
from garble.cli.tally import Scored
from garble.cli.terminal import visible
from garble.report.findings import ScoredSentence, signals_of

_SENTENCE_COLUMNS = ("file", "start", "end", "kind", "score", "garbled", "signals", "text")
_DOCUMENT_COLUMNS = (
    *("file", "score", "garbled", "verdict", "reason", "language"),
    *("sentences", "flagged", "passages", "characters", "looped"),
)


def table(scored: Iterator[Scored], view: View, to_terminal: bool) -> Iterator[str]:
    """A header and the rows. On a terminal, control characters are replaced by symbols."""
    shown = visible if to_terminal else str
    signals = _signal_names() if view.signal_columns else ()
    if view.rows == "documents":
        yield _line([*_DOCUMENT_COLUMNS, *signals])
        for item in scored:
            yield _line([*_document(item, shown), *_flagged_by(item, signals)])
    else:
        yield _line([*_SENTENCE_COLUMNS, *signals])
        for name, _, sentence in worst(sentences(scored, show_all=not view.quiet), view.top):
            yield _line([*_sentence(name, sentence, shown), *_contributions(sentence, signals)])


def _sentence(name: str, s: ScoredSentence, shown: Callable[[str], str]) -> Sequence[object]:
    return (shown(name), s.start, s.end, s.kind, s.score, s.garbled, ";".join(signals_of(s)), shown(s.text))


def _contributions(sentence: ScoredSentence, signals: Iterable[str]) -> list[float]:
    """The contribution of each signal to a sentence."""
    contributions: Counter[str] = Counter()
    for finding in sentence.findings:
        contributions[finding.signal] += finding.contribution  # type: ignore[assignment]
    return [contributions[signal] for signal in signals]


def _document(item: Scored, shown: Callable[[str], str]) -> Sequence[object]:
    from garble.report.reasons import reason

    name, text, report = item
    flagged = [sentence for sentence in report.sentences if sentence.garbled]
    why = "" if report.verdict == "clean" else reason(flagged)
    counts = len(report.sentences), len(flagged), len(report.passages), len(text)
    return (shown(name), report.score, report.garbled, report.verdict, why, report.language, *counts, report.looped)


def _flagged_by(item: Scored, signals: Iterable[str]) -> list[int]:
    """The number of flagged sentences with findings of each signal."""
    counts = Counter(name for sentence in item.report.sentences for name in signals_of(sentence))
    return [counts[signal] for signal in signals]


def _signal_names() -> tuple[str, ...]:
    from garble.signals import ALL_SIGNALS

    return tuple(signal.name for signal in ALL_SIGNALS)


def _line(row: Iterable[object]) -> str:
    line = StringIO()
    csv.writer(line, lineterminator="\n").writerow(row)
    return line.getvalue()
