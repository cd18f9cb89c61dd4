"""Output for people: tables, messages, colours, progress.

Control characters in a text must not affect the terminal. rich is slow to import and only needed for text output, so it
is imported inside the functions.
"""

from __future__ import annotations

import inspect
import json
import os
import re
import sys
from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import groupby
from operator import and_
from textwrap import shorten
from threading import Timer
from typing import TYPE_CHECKING, Literal, TextIO

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from garble.calibration import Calibration, Rate, Row
    from garble.cli.cost import Cost
    from garble.cli.tally import Scored, Tally
    from garble.signals.base import Signal
    from garble.text.periodic import Loop

Range = tuple[int, int]

# Control characters, direction marks, and surrogates, which cannot be encoded.
UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")

# A sentence longer than _LONG characters is shortened to _CONTEXT characters on both sides of each edge of its
# evidence, up to about _MAX_SHOWN characters.
_LONG, _CONTEXT, _MAX_SHOWN = 600, 80, 1200
# Minimum width of the table of flag rates: its figures must not be cut off.
_TABLE_WIDTH = 84
# Seconds until a progress bar is shown.
_SECONDS_BEFORE_BAR = 1.0


def visible(text: str) -> str:
    """The text with control characters replaced by symbols; the length stays the same."""
    return UNSAFE.sub(_symbol, text)


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
    return head + sections_markdown(signal)


def sections_markdown(signal: Signal) -> str:
    """The sections of the docstring of a signal, as a list in Markdown."""
    sections = signal.sections.items()
    return "".join(f"- **{name}:** {line}\n" for name, lines in sections for line in map(_escaped, lines))


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
    return printed(rows, console_of(stream))


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
    return printed(rows, console_of(stream))


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
    return printed(table, console)


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


def console_of(stream: TextIO, color: str = "auto") -> Console:
    """A console for a stream, without interpretation of markup in the text.

    color: always, never, or auto for colours on terminals, unless NO_COLOR or FORCE_COLOR is set.
    """
    from rich.console import Console

    if color == "auto" and os.environ.get("NO_COLOR"):
        color = "never"
    elif color == "auto" and os.environ.get("FORCE_COLOR"):
        color = "always"
    return Console(
        file=stream,
        color_system=_COLOR_SYSTEMS[color],
        force_terminal=True if color == "always" else None,
        no_color=False if color == "always" else None,
        markup=False,
        emoji=False,
        highlight=False,
    )


_COLOR_SYSTEMS: dict[str, Literal["auto", "standard"] | None] = {"auto": "auto", "always": "standard", "never": None}


def printed(renderable: Text | Table, console: Console, soft_wrap: bool = False) -> str:
    """What the console would print, as a string; only the commands write."""
    with console.capture() as capture:
        console.print(renderable, soft_wrap=soft_wrap)
    return capture.get()


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
