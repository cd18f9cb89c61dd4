"""Text for people, with colours on a terminal.

rich is slow to import and only needed here, so it is imported inside the functions.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, TextIO

from garble.cli.formats.evidence import MAX_SIGNALS, Evidence, evidence_of
from garble.cli.formats.places import Located, sentences, worst
from garble.cli.formats.view import View
from garble.cli.readability import readability
from garble.cli.tally import Scored, Tally
from garble.cli.terminal import Range, console_of, is_unicode, plural, printed, segments, visible
from garble.report.findings import ScoredSentence

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

_ASCII = str.maketrans({"✗": "x", "✓": "+", "·": "-", "…": "...", "«": "<<", "»": ">>", "“": '"', "”": '"'})
_VERDICTS = {"garbled": ("✗", "bold red"), "passages garbled": ("~", "yellow"), "clean": ("✓", "green")}
_INDENT = 4


def lines(scored: Iterator[Scored], stream: TextIO, tally: Tally, view: View) -> Iterator[str]:
    """The documents with their sentences, or the worst sentences of all documents; and a summary."""
    console = console_of(stream, view.color)
    fallback = {} if is_unicode(console.encoding) else _ASCII
    chunks = _worst(scored, console, view) if view.top else _documents(scored, console, tally, view)
    return (chunk.translate(fallback) for chunk in chunks)


def _worst(scored: Iterator[Scored], console: Console, view: View) -> Iterator[str]:
    gap = ""
    for place in worst(sentences(scored, view.show_all), view.top):
        yield gap + _shown(_located_lines(place, console, view), console)
        gap = "\n"


def _documents(scored: Iterator[Scored], console: Console, tally: Tally, view: View) -> Iterator[str]:
    gap = ""
    for item in scored:
        shown = _shown(_document_lines(item, console, view), console)
        gap = "" if shown.endswith("\n\n") else "\n"
        yield shown
    if view.summary and not (view.quiet and tally.is_clean):
        yield gap + _summary_table(tally, console)
    elif tally.inputs > 1 and not view.quiet:
        yield gap + "".join(f"{line}\n" for line in _summary_lines(tally))


def _shown(document_lines: Iterable[Text], console: Console) -> str:
    from rich.text import Text

    # Already wrapped, except file names, which are not wrapped.
    return printed(Text("\n").join(document_lines), console, soft_wrap=True)


def _document_lines(item: Scored, console: Console, view: View) -> Iterator[Text]:
    """The lines about one document."""
    from rich.text import Text

    name, text, report = item
    words = report.verdict
    symbol, style = _VERDICTS[words]
    flagged = sum(sentence.garbled for sentence in report.sentences)
    facts = (
        f" · score {report.score:.2f}"
        f" · {flagged} of {plural(len(report.sentences), 'sentence')} flagged"
        f" · language {report.language}"
    )
    yield Text.assemble((f"{symbol} ", style), (visible(name), "bold"), ": ", (words, style), facts)
    for note in report.notes:
        yield from _indented(Text(f"note: {visible(note)}"), console)
    if view.stats:
        figures = ", ".join(f"{key} {round(value, 1):.12g}" for key, value in readability(text).items())
        yield from _indented(Text(f"readability: {figures or 'not available for this script'}"), console)
    if view.summary:
        return
    for place in sentences([item], view.show_all):
        yield Text()
        yield from _located_lines(place, console, view)
    if view.show_all or flagged:
        yield Text()


def _located_lines(place: Located, console: Console, view: View) -> Iterator[Text]:
    """The position and score of a sentence, and the lines about it."""
    from rich.text import Text

    sentence = place.sentence
    line, column = place.lines.position(sentence.start)
    flag = " flagged" if view.show_all and sentence.garbled else ""
    yield Text.assemble((f"{visible(place.name)}:{line}:{column}", "bold"), f": {sentence.score:.2f}{flag}")
    yield from _sentence_lines(sentence, console)


def _sentence_lines(sentence: ScoredSentence, console: Console) -> Iterator[Text]:
    """The lines with a sentence and its findings."""
    from rich.text import Text

    shown = Text()
    evidence = list(evidence_of(sentence))
    strongest = evidence[:MAX_SIGNALS]
    for piece, is_evidence in segments(sentence.text, _evidence_spans(sentence, strongest)):
        words = visible(re.sub(r"\s+", " ", piece))
        if not is_evidence:
            shown.append(words)
        elif console.color_system:
            shown.append(words, "bold red underline")
        else:
            shown.append(f"«{words}»")
    yield from _indented(shown, console)
    for signal, findings, reason, contribution in strongest:
        others = f", and {len(findings) - 1} more" if len(findings) > 1 else ""
        line = Text.assemble((signal, "cyan"), f": {visible(reason)}{others} ", (f"({contribution:+.2f})", "dim"))
        yield from _indented(line, console, hanging=2)
    if weaker := len(evidence) - len(strongest):
        yield from _indented(Text(f"and {plural(weaker, 'weaker signal')}", "dim"), console)


def _evidence_spans(sentence: ScoredSentence, evidence: Iterable[Evidence]) -> list[Range]:
    """The evidence spans in the text of the sentence, the strongest first."""
    findings = [finding for part in evidence for finding in part.findings if finding.contribution > 0]
    findings.sort(key=lambda finding: finding.contribution, reverse=True)
    spans = [(finding.start - sentence.start, finding.end - sentence.start) for finding in findings]
    # Spans of the whole sentence are shown only if there are no others.
    return [span for span in spans if span != (0, len(sentence.text))] or spans


def _indented(text: Text, console: Console, hanging: int = 0) -> Iterator[Text]:
    """The text wrapped to the width of the console and indented."""
    from rich.text import Text

    width = max(console.width - _INDENT - hanging, 20)
    for number, line in enumerate(text.wrap(console, width)):
        line.rstrip()
        yield Text(" " * (_INDENT + (hanging if number else 0))) + line


def _summary_lines(tally: Tally) -> Iterator[str]:
    verdicts = tally.verdicts
    yield (
        f"{plural(verdicts.total(), 'document')}: {verdicts['garbled']} garbled, "
        f"{verdicts['passages garbled']} with garbled passages, {verdicts['clean']} clean"
    )
    yield f"{tally.flagged.total()} of {plural(tally.sentences.total(), 'sentence')} flagged"
    if tally.known:
        yield f"{plural(tally.known, 'flagged sentence')} in the baseline"
    if tally.ignored:
        yield f"{plural(tally.ignored, 'sentence')} ignored by comments"
    if tally.unread:
        yield f"{plural(tally.unread, 'file')} could not be read"
    if tally.signals:
        yield "flagged sentences by signal:"
        yield from (f"{count:8}  {name}" for name, count in tally.signals.most_common())


def _summary_table(tally: Tally, console: Console) -> str:
    """Documents and sentences by verdict, and flagged sentences by signal."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    table.add_column("")
    for heading in ("documents", "sentences", "flagged"):
        table.add_column(heading, justify="right", no_wrap=True)
    columns = tally.verdicts, tally.sentences, tally.flagged
    for verdict in _VERDICTS:
        table.add_row(verdict, *(f"{column[verdict]:,}" for column in columns))
    table.add_row("total", *(f"{column.total():,}" for column in columns))
    if tally.known:
        table.add_row("in the baseline", "", f"{tally.known:,}", "")
    if tally.ignored:
        table.add_row("ignored by comments", "", f"{tally.ignored:,}", "")
    if tally.unread:
        table.add_row("not read", f"{tally.unread:,}", "", "")
    if tally.signals:
        table.add_row()
        table.add_row("by signal")
        for name, count in tally.signals.most_common():
            table.add_row(name, "", "", f"{count:,}")
    return printed(table, console)
