"""Output of results as text, JSON and CSV.

Control characters in a text must not affect the terminal. rich is slow to import and only needed for text output, so it
is imported inside the functions.
"""

from __future__ import annotations

import csv
import inspect
import json
import os
import re
import sys
from bisect import bisect_right
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from io import StringIO
from itertools import groupby
from operator import and_
from textwrap import shorten
from threading import Timer
from typing import TYPE_CHECKING, NamedTuple, TextIO

from garble.report.findings import signals_of

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from garble.calibration import Calibration, Rate, Row
    from garble.cli.cost import Cost
    from garble.report import Report
    from garble.report.findings import Finding, ScoredSentence
    from garble.signals.base import Signal
    from garble.text.periodic import Loop

Range = tuple[int, int]

# Control characters, direction marks, and surrogates, which cannot be encoded.
_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_ASCII = str.maketrans({"✗": "x", "✓": "+", "·": "-", "…": "...", "«": "<<", "»": ">>", "“": '"', "”": '"'})
_VERDICTS = {"garbled": ("✗", "bold red"), "passages garbled": ("~", "yellow"), "clean": ("✓", "green")}

# A sentence longer than _LONG characters is shortened to _CONTEXT characters on both sides of each edge of its
# evidence, up to about _MAX_SHOWN characters.
_LONG, _CONTEXT, _MAX_SHOWN = 600, 80, 1200
_INDENT = 4
# Maximum signals shown for a sentence; those with the largest contributions.
_MAX_SIGNALS = 5
# Minimum width of the table of flag rates: its figures must not be cut off.
_TABLE_WIDTH = 84
# Seconds until a progress bar is shown.
_SECONDS_BEFORE_BAR = 1.0


class Scored(NamedTuple):
    """An input with its report."""

    name: str
    text: str
    report: Report


@dataclass
class Tally:
    """Counts for the summary and the exit code of a run."""

    verdicts: Counter[str] = field(default_factory=Counter)
    signals: Counter[str] = field(default_factory=Counter)
    sentences: int = 0
    flagged: int = 0
    ignored: int = 0
    known: int = 0
    unread: int = 0

    @property
    def inputs(self) -> int:
        """Number of inputs, including unreadable ones."""
        return self.verdicts.total() + self.unread

    @property
    def is_clean(self) -> bool:
        """Whether no document and no passage is flagged."""
        return self.verdicts["clean"] == self.verdicts.total()

    def add(self, report: Report) -> None:
        """Count one document."""
        flagged = [sentence for sentence in report.sentences if sentence.garbled]
        self.verdicts[report.verdict] += 1
        self.sentences += len(report.sentences)
        self.flagged += len(flagged)
        self.ignored += sum(sentence.kind == "ignored" for sentence in report.sentences)
        for sentence in flagged:
            self.signals.update(signals_of(sentence))


def visible(text: str) -> str:
    """The text with control characters replaced by symbols; the length stays the same."""
    return _UNSAFE.sub(_symbol, text)


def segments(text: str, spans: Sequence[Range]) -> Iterator[tuple[str, bool]]:
    """The text split at the edges of evidence: (piece, whether it is evidence).

    A long text is shortened to the surroundings of the spans, with priority for the first ones, and "…" for omitted
    text.
    """
    shown, evidence = _surroundings(len(text), spans), bytearray(len(text))
    for start, end in spans:
        evidence[start:end] = b"\1" * (end - start)
    position = 0
    for (is_shown, is_evidence), run in groupby(zip(shown, map(and_, shown, evidence), strict=True)):
        end = position + sum(1 for _ in run)
        yield (text[position:end], bool(is_evidence)) if is_shown else ("…", False)
        position = end


def formatted(
    scored: Iterator[Scored], form: str, stream: TextIO, tally: Tally, stats: bool, show_all: bool
) -> Iterator[str]:
    """The results in the format text, json, jsonl, csv or html, as an iterator of chunks; html is one chunk.

    stream: the output stream, for its width, colours and encoding.
    """
    if form == "html":
        return _html(scored, stream)
    if form == "text":
        return _text(scored, console_of(stream), tally, stats, show_all)
    if form == "csv":
        return _csv(scored, stream.isatty())
    objects = (_json_object(item, stats, not is_unicode(stream.encoding)) for item in scored)
    return _json_array(objects) if form == "json" else (f"{line}\n" for line in objects)


def _html(scored: Iterator[Scored], stream: TextIO) -> Iterator[str]:
    from garble.report.page import render

    items = list(scored)
    page = render([item.report for item in items], [item.name for item in items], [item.text for item in items])
    # The page declares UTF-8; ASCII is valid in any encoding, too.
    is_utf8 = (stream.encoding or "").lower().replace("-", "") == "utf8"
    yield page if is_utf8 else page.encode("ascii", "xmlcharrefreplace").decode()


def _json_object(item: Scored, stats: bool, ascii_only: bool) -> str:
    record = {"file": item.name, **item.report.to_dict()}
    if stats:
        record["stats"] = _readability(item.text)
    line = json.dumps(record, ensure_ascii=ascii_only)
    return _UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", line)


def _json_array(objects: Iterator[str]) -> Iterator[str]:
    before = "["
    for line in objects:
        yield f"{before}\n{line}"
        before = ","
    yield "[]\n" if before == "[" else "\n]\n"


def _csv(scored: Iterator[Scored], to_terminal: bool) -> Iterator[str]:
    shown = visible if to_terminal else str
    yield _csv_lines([("file", "start", "end", "kind", "score", "garbled", "signals", "text")])
    for name, _, report in scored:
        yield _csv_lines(
            (shown(name), s.start, s.end, s.kind, s.score, s.garbled, ";".join(signals_of(s)), shown(s.text))
            for s in report.sentences
        )


def _csv_lines(rows: Iterable[Sequence[object]]) -> str:
    lines = StringIO()
    csv.writer(lines, lineterminator="\n").writerows(rows)
    return lines.getvalue()


def _text(scored: Iterator[Scored], console: Console, tally: Tally, stats: bool, show_all: bool) -> Iterator[str]:
    from rich.text import Text

    fallback = {} if is_unicode(console.encoding) else _ASCII
    gap = ""
    for item in scored:
        lines = Text("\n").join(_document_lines(item, console, stats, show_all))
        # Already wrapped, except file names, which are not wrapped.
        shown = _printed(lines, console, soft_wrap=True)
        gap = "" if shown.endswith("\n\n") else "\n"
        yield shown.translate(fallback)
    if tally.inputs > 1:
        yield gap + "\n".join(_summary_lines(tally)) + "\n"


def _document_lines(item: Scored, console: Console, stats: bool, show_all: bool) -> Iterator[Text]:
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
    if stats:
        figures = ", ".join(f"{key} {round(value, 1):.12g}" for key, value in _readability(text).items())
        yield from _indented(Text(f"readability: {figures or 'not available for this script'}"), console)
    lines = [0, *(match.end() for match in re.finditer("\n", text))]
    for sentence in report.sentences:
        if show_all or sentence.garbled:
            line = bisect_right(lines, sentence.start)
            position = f"{visible(name)}:{line}:{sentence.start - lines[line - 1] + 1}"
            flag = " flagged" if show_all and sentence.garbled else ""
            yield Text.assemble("\n", (position, "bold"), f": {sentence.score:.2f}{flag}")
            yield from _sentence_lines(sentence, console)
    if show_all or flagged:
        yield Text()


def _sentence_lines(sentence: ScoredSentence, console: Console) -> Iterator[Text]:
    """The lines with a sentence and its findings."""
    from rich.text import Text

    shown = Text()
    names = signals_of(sentence)
    findings_shown = [finding for finding in sentence.findings if finding.signal in names[:_MAX_SIGNALS]]
    for piece, evidence in segments(sentence.text, _evidence_spans(sentence, findings_shown)):
        words = visible(re.sub(r"\s+", " ", piece))
        if not evidence:
            shown.append(words)
        elif console.color_system:
            shown.append(words, "bold red underline")
        else:
            shown.append(f"«{words}»")
    yield from _indented(shown, console)
    for signal, run in groupby(findings_shown, lambda finding: finding.signal):
        findings = list(run)
        reason = visible(" ".join(max(findings, key=_weight).reason.split()))
        others = f", and {len(findings) - 1} more" if len(findings) > 1 else ""
        total = f"({sum(map(_weight, findings)):+.2f})"
        line = Text.assemble((signal, "cyan"), f": {reason}{others} ", (total, "dim"))
        yield from _indented(line, console, hanging=2)
    if len(names) > _MAX_SIGNALS:
        yield from _indented(Text(f"and {plural(len(names) - _MAX_SIGNALS, 'weaker signal')}", "dim"), console)


def _evidence_spans(sentence: ScoredSentence, findings: Iterable[Finding]) -> list[Range]:
    """The evidence spans in the text of the sentence, the strongest first."""
    findings = sorted(findings, key=_weight, reverse=True)
    spans = [(f.start - sentence.start, f.end - sentence.start) for f in findings if f.contribution > 0]
    # Spans of the whole sentence are shown only if there are no others.
    return [span for span in spans if span != (0, len(sentence.text))] or spans


def _weight(finding: Finding) -> float:
    return finding.contribution


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
    yield f"{tally.flagged} of {plural(tally.sentences, 'sentence')} flagged"
    if tally.known:
        yield f"{plural(tally.known, 'flagged sentence')} in the baseline"
    if tally.ignored:
        yield f"{plural(tally.ignored, 'sentence')} ignored by comments"
    if tally.unread:
        yield f"{plural(tally.unread, 'file')} could not be read"
    if tally.signals:
        yield "flagged sentences by signal:"
        yield from (f"{count:8}  {name}" for name, count in tally.signals.most_common())


def signal_kind(signal: Signal, previews: Collection[str]) -> str:
    """The output, unit and needs of a signal, and "preview" for one of `previews`."""
    return f"{signal.output} {signal.unit}; {signal.needed}{'; preview' if signal.name in previews else ''}"


def signals_markdown(signals: Iterable[Signal], previews: Collection[str]) -> str:
    """The documentation of the signals in Markdown, one page per family, as in docs/signals/."""
    pages = []
    for family, members in groupby(signals, lambda signal: signal.family):
        members_list = list(members)
        description = inspect.getdoc(sys.modules[members_list[0].function.__module__]) or ""
        head = f"# Signals: {family}\n\n{description}\n\n"
        note = f"<!-- Generated from the docstrings by `garble signals {family} --format markdown`; do not edit. -->\n"
        pages.append(head + note + "".join(_described(signal, previews) for signal in members_list))
    return "\n".join(pages)


def _described(signal: Signal, previews: Collection[str]) -> str:
    head = f"\n## {signal.name}\n\n{signal.summary} ({signal_kind(signal, previews)})\n\n"
    sections = signal.sections.items()
    return head + "".join(f"- **{name}:** {line}\n" for name, lines in sections for line in map(_escaped, lines))


def _escaped(line: str) -> str:
    return visible(re.sub(r"([<>*_@`\[\]])", r"\\\1", line))


def signals_table(signals: Iterable[Signal], previews: Collection[str], stream: TextIO) -> str:
    """A table of the signals with descriptions, at the width of the stream."""
    from rich.table import Table

    rows = Table(box=None, pad_edge=False)
    for heading in ("signal", "kind"):
        rows.add_column(heading, no_wrap=True)
    rows.add_column("needs")
    rows.add_column("description")
    for signal in signals:
        mark = "preview: " if signal.name in previews else ""
        rows.add_row(signal.name, signal.output, ", ".join(signal.needs), mark + signal.summary)
    return _printed(rows, console_of(stream))


def costs_table(costs: Sequence[Cost], stream: TextIO) -> str:
    """A table of the cost of each signal, and its share of the total."""
    from rich.table import Table

    total = sum(cost.microseconds for cost in costs)
    rows = Table(box=None, pad_edge=False, show_footer=True)
    rows.add_column("signal", footer="together", no_wrap=True)
    rows.add_column("microseconds per sentence", footer=f"{total:.2f}", justify="right")
    rows.add_column("share", footer="100.0 %", justify="right")
    for cost in costs:
        rows.add_row(cost.name, f"{cost.microseconds:.2f}", f"{cost.microseconds / total:.1%}".replace("%", " %"))
    return _printed(rows, console_of(stream))


def rates_table(rows: Iterable[Row], thresholds: Mapping[str, float], stream: TextIO) -> str:
    """A table of flag rates of each threshold, in percent, with intervals."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 1))
    table.add_column("flagged, %", no_wrap=True)
    for name, threshold in thresholds.items():
        table.add_column(f"{name} ({threshold:.3f})", justify="right", no_wrap=True)
    headings = {"kind": "sentences by kind", "signal": "by signal that takes part"}
    for group, group_rows in groupby(rows, lambda row: row.group):
        if group in headings:
            table.add_row()
            table.add_row(headings[group])
        for row in group_rows:
            size = "" if group == "signal" else f" ({row.total:,})"
            table.add_row(row.name + size, *(_interval(rate) for rate in row.rates))
    console = console_of(stream)
    console.width = max(console.width, _TABLE_WIDTH)
    return _printed(table, console)


# Rates below this have two decimals instead of one.
_SMALL_RATE = 0.1


def _interval(rate: Rate) -> str:
    share, low, high = (f"{100 * x:.2f}" if x < _SMALL_RATE else f"{100 * x:.1f}" for x in rate)
    return f"{share} ({low}-{high})"


def calibration_lines(calibration: Calibration) -> str:
    """A calibrated threshold, the share of the sample that it flags, and its guarantee."""
    noun = "documents" if calibration.unit == "document" else "the sentences of a document"
    confidence = f"with {_percent(calibration.confidence)} confidence at least"
    kept = f"of {noun} are kept"
    if calibration.guarantee == "marginal":
        lower_bound = _percent(1 - calibration.at_most)
        kept = f"on average at least {_percent(calibration.keep_rate)} {kept}; {confidence} {lower_bound}"
    else:
        kept = f"{confidence} {_percent(calibration.keep_rate)} {kept}"
    return (
        f"\ncalibrated on {plural(calibration.documents, 'document')}: threshold {calibration.threshold:.6g}\n"
        f"flagged in the sample: {_percent(calibration.flagged)} of {noun}\n"
        f"{calibration.guarantee} guarantee: {kept}\n"
    )


def _percent(share: float) -> str:
    return f"{100 * share:.4g} %"


def with_bar(scored: Iterator[Scored], tally: Tally, total: int, stream: TextIO) -> Iterator[Scored]:
    """Pass on the items, with a progress bar on standard error if that is a terminal and the work is slow."""
    console = console_of(sys.stderr) if sys.stderr.isatty() else None
    if console is None or not console.is_interactive:
        yield from scored
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TimeElapsedColumn

    columns = SpinnerColumn(), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    bar = Progress(*columns, console=console, transient=True, redirect_stdout=False)
    task = bar.add_task("", total=total)
    timer = Timer(_SECONDS_BEFORE_BAR, bar.start)
    timer.daemon = True

    def stop() -> None:
        timer.cancel()
        timer.join()
        bar.stop()

    timer.start()
    try:
        for item in scored:
            bar.update(task, completed=tally.inputs)
            # Results on a terminal show the progress, and must not mix with the bar.
            if stream.isatty():
                stop()
            yield item
    finally:
        stop()


def print_message(problem: object) -> None:
    """Print one line on standard error."""
    print(f"garble: {visible(' '.join(str(problem).split()))}", file=sys.stderr)


def console_of(stream: TextIO) -> Console:
    """A console for a stream, without interpretation of markup in the text."""
    from rich.console import Console

    has_color = not os.environ.get("NO_COLOR")
    return Console(
        file=stream,
        color_system="auto" if has_color else None,
        markup=False,
        emoji=False,
        highlight=False,
    )


def _printed(renderable: Text | Table, console: Console, soft_wrap: bool = False) -> str:
    """What the console would print, as a string; only the commands write."""
    with console.capture() as capture:
        console.print(renderable, soft_wrap=soft_wrap)
    return capture.get()


def _readability(text: str) -> dict[str, float]:
    from garble.cli.readability import readability

    return readability(text)


def _surroundings(length: int, spans: Sequence[Range]) -> bytearray:
    """One flag per character: whether it is shown."""
    if length <= _LONG:
        return bytearray(b"\1") * length
    shown = bytearray(length)
    for edges in spans or [(0, _CONTEXT)]:
        for edge in edges:
            first, last = max(edge - _CONTEXT, 0), min(edge + _CONTEXT, length)
            shown[first:last] = b"\1" * (last - first)
        if shown.count(1) > _MAX_SHOWN:
            break
    return shown


def _symbol(match: re.Match[str]) -> str:
    code = ord(match[0])
    # Symbols for control characters: U+2400 to U+241F for C0, U+2421 for DEL, else the replacement character.
    return chr(0x2400 + code) if code < 0x20 else "\u2421" if code == 0x7F else "\ufffd"


def is_unicode(encoding: str | None) -> bool:
    """Whether an encoding can represent every character."""
    return (encoding or "utf-8").lower().startswith("utf")


def plural(count: int, noun: str) -> str:
    """A count with a noun in singular or plural."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def loop_lines(name: str, text: str, loops: Sequence[Loop]) -> str:
    """One line per loop: position, number of copies, number of characters, and first copy."""
    breaks = [match.end() for match in re.finditer("\n", text)] if loops else []
    lines = []
    for loop in loops:
        line = bisect_right(breaks, loop.start)
        column = loop.start - (breaks[line - 1] if line else 0)
        first_copy = shorten(
            visible(text[loop.start : min(loop.first_end, loop.start + _COPY_LENGTH)]), _COPY_LENGTH, placeholder=" …"
        )
        size = plural(loop.end - loop.start, "character")
        lines.append(f"{visible(name)}:{line + 1}:{column + 1}: {loop.copies:g} times in {size}: “{first_copy}”\n")
    return "".join(lines)


# Maximum characters of a copy that are shown.
_COPY_LENGTH = 72


def loops_json(name: str, share: float, loops: Sequence[Loop]) -> str:
    """The loops of a file, and the share of text in loops, as one line of JSON."""
    return json.dumps({"file": name, "looped": share, "loops": [asdict(loop) for loop in loops]}) + "\n"
