"""What people and programs see of a result: text for eyes, JSON and CSV.

Nothing that a text holds may steer the terminal it is shown on. rich is slow to import and only the text form
needs it, so it is imported inside the functions.
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

# Characters that steer a terminal or turn the direction of writing, and surrogates, which no encoding takes.
_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_ASCII = str.maketrans({"✗": "x", "✓": "+", "·": "-", "…": "...", "«": "<<", "»": ">>", "“": '"', "”": '"'})
_VERDICTS = {"garbled": ("✗", "bold red"), "passages garbled": ("~", "yellow"), "clean": ("✓", "green")}

# A sentence longer than _LONG is shown by _AROUND characters on both sides of each edge of its evidence.
_LONG, _AROUND, _ENOUGH = 600, 80, 1200
_INDENT = 4
# Of the signals of one sentence this many are told of, those that added most.
_TOLD = 5
# Columns of the table of flag rates.
_TABLE_WIDTH = 84
# Work that takes longer than this many seconds gets a progress bar.
_MOMENT = 1.0


class Scored(NamedTuple):
    """An input with what was found in it."""

    name: str
    text: str
    report: Report


@dataclass
class Tally:
    """What a run has come to so far, for its summary and its exit code."""

    verdicts: Counter[str] = field(default_factory=Counter)
    signals: Counter[str] = field(default_factory=Counter)
    sentences: int = 0
    flagged: int = 0
    unread: int = 0

    @property
    def inputs(self) -> int:
        """Inputs seen, read or not."""
        return self.verdicts.total() + self.unread

    @property
    def is_clean(self) -> bool:
        """Whether no document and no passage was flagged."""
        return self.verdicts["clean"] == self.verdicts.total()

    def add(self, report: Report) -> None:
        """Count one document in."""
        flagged = [sentence for sentence in report.sentences if sentence.garbled]
        self.verdicts[report.verdict] += 1
        self.sentences += len(report.sentences)
        self.flagged += len(flagged)
        for sentence in flagged:
            self.signals.update(signals_of(sentence))


def visible(text: str) -> str:
    """The text with a picture for every character that a terminal would act on; as long as before."""
    return _UNSAFE.sub(_picture, text)


def segments(text: str, spans: Sequence[Range]) -> Iterator[tuple[str, bool]]:
    """The text cut where evidence begins and ends: (piece, whether it is evidence).

    Of a long text only the surroundings of the spans come, those of the first span before all others,
    and "…" for what is left out.
    """
    shown, evidence = _surroundings(len(text), spans), bytearray(len(text))
    for start, end in spans:
        evidence[start:end] = b"\1" * (end - start)
    place = 0
    for (here, marked), run in groupby(zip(shown, map(and_, shown, evidence), strict=True)):
        end = place + sum(1 for _ in run)
        yield (text[place:end], bool(marked)) if here else ("…", False)
        place = end


def formatted(
    scored: Iterator[Scored], form: str, stream: TextIO, tally: Tally, stats: bool, every: bool
) -> Iterator[str]:
    """The results in one of the forms text, json, jsonl, csv and html, piece by piece as they come, html at once.

    stream: where it will be written, for its width, colours and encoding.
    """
    if form == "html":
        return _html(scored, stream)
    if form == "text":
        return _text(scored, console_of(stream), tally, stats, every)
    if form == "csv":
        return _csv(scored, stream.isatty())
    objects = (_json_object(one, stats, not is_unicode(stream.encoding)) for one in scored)
    return _json_array(objects) if form == "json" else (f"{line}\n" for line in objects)


def _html(scored: Iterator[Scored], stream: TextIO) -> Iterator[str]:
    from garble.report.page import render

    every = list(scored)
    page = render([one.report for one in every], [one.name for one in every], [one.text for one in every])
    # The page calls itself UTF-8; what is all ASCII is that in every encoding.
    is_utf8 = (stream.encoding or "").lower().replace("-", "") == "utf8"
    yield page if is_utf8 else page.encode("ascii", "xmlcharrefreplace").decode()


def _json_object(one: Scored, stats: bool, ascii_only: bool) -> str:
    record = {"file": one.name, **one.report.to_dict()}
    if stats:
        record["stats"] = _readability(one.text)
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


def _text(scored: Iterator[Scored], console: Console, tally: Tally, stats: bool, every: bool) -> Iterator[str]:
    from rich.text import Text

    fallback = {} if is_unicode(console.encoding) else _ASCII
    gap = ""
    for one in scored:
        lines = Text("\n").join(_document(one, console, stats, every))
        # Wrapped already, but for file names, which stay whole.
        shown = _printed(lines, console, soft_wrap=True)
        gap = "" if shown.endswith("\n\n") else "\n"
        yield shown.translate(fallback)
    if tally.inputs > 1:
        yield gap + "\n".join(_summary(tally)) + "\n"


def _document(one: Scored, console: Console, stats: bool, every: bool) -> Iterator[Text]:
    """The lines that tell of one document."""
    from rich.text import Text

    name, text, report = one
    words = report.verdict
    symbol, style = _VERDICTS[words]
    flagged = sum(sentence.garbled for sentence in report.sentences)
    facts = (
        f" · score {report.score:.2f}"
        f" · {flagged} of {many(len(report.sentences), 'sentence')} flagged"
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
        if every or sentence.garbled:
            line = bisect_right(lines, sentence.start)
            place = f"{visible(name)}:{line}:{sentence.start - lines[line - 1] + 1}"
            flag = " flagged" if every and sentence.garbled else ""
            yield Text.assemble("\n", (place, "bold"), f": {sentence.score:.2f}{flag}")
            yield from _sentence(sentence, console)
    if every or flagged:
        yield Text()


def _sentence(sentence: ScoredSentence, console: Console) -> Iterator[Text]:
    """The lines that show a sentence, and those that say what was found in it."""
    from rich.text import Text

    shown = Text()
    names = signals_of(sentence)
    told = [finding for finding in sentence.findings if finding.signal in names[:_TOLD]]
    for piece, evidence in segments(sentence.text, _places(sentence, told)):
        words = visible(re.sub(r"\s+", " ", piece))
        if not evidence:
            shown.append(words)
        elif console.color_system:
            shown.append(words, "bold red underline")
        else:
            shown.append(f"«{words}»")
    yield from _indented(shown, console)
    for signal, run in groupby(told, lambda finding: finding.signal):
        findings = list(run)
        reason = visible(" ".join(max(findings, key=_weight).reason.split()))
        others = f", and {len(findings) - 1} more" if len(findings) > 1 else ""
        total = f"({sum(map(_weight, findings)):+.2f})"
        line = Text.assemble((signal, "cyan"), f": {reason}{others} ", (total, "dim"))
        yield from _indented(line, console, hanging=2)
    if len(names) > _TOLD:
        yield from _indented(Text(f"and {many(len(names) - _TOLD, 'weaker signal')}", "dim"), console)


def _places(sentence: ScoredSentence, findings: Iterable[Finding]) -> list[Range]:
    """Where the evidence stands in a sentence's own text, the weightiest first."""
    findings = sorted(findings, key=_weight, reverse=True)
    places = [(f.start - sentence.start, f.end - sentence.start) for f in findings if f.contribution > 0]
    # Evidence that is the whole sentence shows nothing where there is any that is a part of it.
    return [place for place in places if place != (0, len(sentence.text))] or places


def _weight(finding: Finding) -> float:
    return finding.contribution


def _indented(text: Text, console: Console, hanging: int = 0) -> Iterator[Text]:
    """The text's lines at the console's width."""
    from rich.text import Text

    width = max(console.width - _INDENT - hanging, 20)
    for number, line in enumerate(text.wrap(console, width)):
        line.rstrip()
        yield Text(" " * (_INDENT + (hanging if number else 0))) + line


def _summary(tally: Tally) -> Iterator[str]:
    found = tally.verdicts
    yield (
        f"{many(found.total(), 'document')}: {found['garbled']} garbled, "
        f"{found['passages garbled']} with garbled passages, {found['clean']} clean"
    )
    yield f"{tally.flagged} of {many(tally.sentences, 'sentence')} flagged"
    if tally.unread:
        yield f"{many(tally.unread, 'file')} could not be read"
    if tally.signals:
        yield "flagged sentences by signal:"
        yield from (f"{count:8}  {name}" for name, count in tally.signals.most_common())


def nature(signal: Signal, previews: Collection[str]) -> str:
    """What a signal returns, what it needs, and "preview" for one of `previews`."""
    return f"{signal.output} {signal.unit}; {signal.needed}{'; preview' if signal.name in previews else ''}"


def gallery(signals: Iterable[Signal], previews: Collection[str]) -> str:
    """The signals with their docstrings' sections, in Markdown, a page per family; docs/signals/ has these pages."""
    pages = []
    for family, members in groupby(signals, lambda signal: signal.family):
        listed = list(members)
        about = inspect.getdoc(sys.modules[listed[0].function.__module__]) or ""
        head = f"# Signals: {family}\n\n{about}\n\n"
        note = f"<!-- Generated from the docstrings by `garble signals {family} --format markdown`; do not edit. -->\n"
        pages.append(head + note + "".join(_described(signal, previews) for signal in listed))
    return "\n".join(pages)


def _described(signal: Signal, previews: Collection[str]) -> str:
    head = f"\n## {signal.name}\n\n{signal.summary} ({nature(signal, previews)})\n\n"
    sections = signal.sections.items()
    return head + "".join(f"- **{name}:** {line}\n" for name, lines in sections for line in map(_escaped, lines))


def _escaped(line: str) -> str:
    return visible(re.sub(r"([<>*_@`\[\]])", r"\\\1", line))


def table(signals: Iterable[Signal], previews: Collection[str], stream: TextIO) -> str:
    """The signals and what they look for, at the width of the stream."""
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
    """What each signal costs, and its share of the whole."""
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
    """How often each threshold flags what, in percent, with intervals."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 1))
    table.add_column("flagged, %", no_wrap=True)
    for name, threshold in thresholds.items():
        table.add_column(f"{name} ({threshold:.3f})", justify="right", no_wrap=True)
    headings = {"kind": "sentences by kind", "signal": "by signal that takes part"}
    for group, some in groupby(rows, lambda row: row.group):
        if group in headings:
            table.add_row()
            table.add_row(headings[group])
        for row in some:
            size = "" if group == "signal" else f" ({row.total:,})"
            table.add_row(row.name + size, *(_interval(rate) for rate in row.rates))
    console = console_of(stream)
    # Figures that are cut off are none.
    console.width = max(console.width, _TABLE_WIDTH)
    return _printed(table, console)


def _interval(rate: Rate) -> str:
    share, low, high = (f"{100 * x:.2f}" if x < 0.1 else f"{100 * x:.1f}" for x in rate)
    return f"{share} ({low}-{high})"


def promise(made: Calibration) -> str:
    """A calibrated threshold, what it flags of the sample, and what it guarantees."""
    what = "documents" if made.unit == "document" else "the sentences of a document"
    sure = f"with {_percent(made.confidence)} confidence at least"
    kept = f"of {what} are kept"
    if made.guarantee == "marginal":
        kept = f"on average at least {_percent(made.keep_rate)} {kept}; {sure} {_percent(1 - made.at_most)}"
    else:
        kept = f"{sure} {_percent(made.keep_rate)} {kept}"
    return (
        f"\ncalibrated on {many(made.documents, 'document')}: threshold {made.threshold:.6g}\n"
        f"flagged in the sample: {_percent(made.flagged)} of {what}\n"
        f"{made.guarantee} guarantee: {kept}\n"
    )


def _percent(share: float) -> str:
    return f"{100 * share:.4g} %"


def with_bar(scored: Iterator[Scored], tally: Tally, total: int, stream: TextIO) -> Iterator[Scored]:
    """The same, with a progress bar on standard error when that is a terminal and the work takes its time."""
    console = console_of(sys.stderr) if sys.stderr.isatty() else None
    if console is None or not console.is_interactive:
        yield from scored
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TimeElapsedColumn

    columns = SpinnerColumn(), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    bar = Progress(*columns, console=console, transient=True, redirect_stdout=False)
    task = bar.add_task("", total=total)
    timer = Timer(_MOMENT, bar.start)
    timer.daemon = True

    def stop() -> None:
        timer.cancel()
        timer.join()
        bar.stop()

    timer.start()
    try:
        for one in scored:
            bar.update(task, completed=tally.inputs)
            # On a terminal the results show the progress themselves, and the two must not mix.
            if stream.isatty():
                stop()
            yield one
    finally:
        stop()


def complain(problem: object) -> None:
    """One line on standard error."""
    print(f"garble: {visible(' '.join(str(problem).split()))}", file=sys.stderr)


def console_of(stream: TextIO) -> Console:
    """What writes to a stream as it is: its width, its colours, nothing of the text taken for markup."""
    from rich.console import Console

    has_color = not os.environ.get("NO_COLOR")
    return Console(
        file=stream,
        color_system="auto" if has_color else None,
        markup=False,
        emoji=False,
        highlight=False,
    )


def _printed(what: Text | Table, console: Console, soft_wrap: bool = False) -> str:
    """What the console would print, as a string: writing it is done in one place."""
    with console.capture() as capture:
        console.print(what, soft_wrap=soft_wrap)
    return capture.get()


def _readability(text: str) -> dict[str, float]:
    from garble.cli.readability import readability

    return readability(text)


def _surroundings(length: int, spans: Sequence[Range]) -> bytearray:
    """A flag a character: whether it is shown."""
    if length <= _LONG:
        return bytearray(b"\1") * length
    shown = bytearray(length)
    for edges in spans or [(0, _AROUND)]:
        for edge in edges:
            first, last = max(edge - _AROUND, 0), min(edge + _AROUND, length)
            shown[first:last] = b"\1" * (last - first)
        if shown.count(1) > _ENOUGH:
            break
    return shown


def _picture(match: re.Match[str]) -> str:
    code = ord(match[0])
    return chr(0x2400 + code) if code < 0x20 else "\u2421" if code == 0x7F else "\ufffd"


def is_unicode(encoding: str | None) -> bool:
    """Whether an encoding has room for every character."""
    return (encoding or "utf-8").lower().startswith("utf")


def many(count: int, noun: str) -> str:
    """A count and a noun in the right number."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def looped_lines(name: str, text: str, loops: Sequence[Loop]) -> str:
    """For each loop a line: where it begins, how often it comes, and its first turn."""
    breaks = [match.end() for match in re.finditer("\n", text)] if loops else []
    lines = []
    for loop in loops:
        line = bisect_right(breaks, loop.start)
        column = loop.start - (breaks[line - 1] if line else 0)
        turn = shorten(visible(text[loop.start : min(loop.first_end, loop.start + _TURN)]), _TURN, placeholder=" …")
        size = many(loop.end - loop.start, "character")
        lines.append(f"{visible(name)}:{line + 1}:{column + 1}: {loop.copies:g} times in {size}: “{turn}”\n")
    return "".join(lines)


# Characters of a turn that are shown.
_TURN = 72


def looped_object(name: str, share: float, loops: Sequence[Loop]) -> str:
    """The loops of a file, and the share of it that they make, as one line of JSON."""
    return json.dumps({"file": name, "looped": share, "loops": [asdict(loop) for loop in loops]}) + "\n"
