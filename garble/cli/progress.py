"""Progress and summary of a run of garble filter."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from itertools import chain
from time import monotonic
from typing import Any

from garble.cli.terminal import console_of, is_unicode, plural, print_message, visible
from garble.filtering.outputs import Progress
from garble.filtering.plan import Plan
from garble.filtering.run import Step, run, size_of
from garble.filtering.work import Example
from garble.report.reasons import BINS
from garble.scorer import Scorer

# Characters of a sentence in an example.
_EXCERPT = 160
# Seconds between two progress lines, if standard error is not a terminal.
_SECONDS_BETWEEN_LINES = 10.0
# Bad records that are reported one by one.
_MAX_REPORTED = 10
# Width of the longest bar of the histogram, in characters.
_BAR_WIDTH = 40


def run_with_progress(
    plan: Plan, workers: int, resume: bool, overwrite: bool = False
) -> tuple[Progress, list[Example]]:
    """Run the plan and show its progress: a bar on a terminal, otherwise a line every few seconds.

    Returns the progress at the end, and for a dry run examples of dropped records.

    Raises the errors of `garble.filtering.run.run`, and KeyboardInterrupt also on SIGTERM.
    """
    console = console_of(sys.stderr) if sys.stderr.isatty() else None
    steps = run(plan, workers, resume, overwrite)
    total = sum(map(size_of, plan.sources))
    # Do not mix a progress bar with results on the same terminal.
    shows_result = plan.kept == "-" and sys.stdout is not None and sys.stdout.isatty()
    has_bar = console is not None and console.is_interactive and not shows_result
    progress, examples = Progress(), list[Example]()
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        for step in _reporting(_with_bar(steps, total) if has_bar else _with_lines(steps, total)):
            progress = step.progress
            examples += step.examples
    except KeyboardInterrupt:
        hint = "; run the same command with --resume to continue" if plan.journal else ""
        print_message(f"stopped after {plural(progress.records, 'record')}{hint}")
        raise
    finally:
        signal.signal(signal.SIGTERM, before)
    return progress, examples


def record(plan: Plan, progress: Progress) -> dict[str, Any]:
    """The report of a run for JSON; docs/wire-schema.md describes the fields."""
    return {
        "schema": 1,
        "signature": _scorer(plan).signature,
        "unit": plan.unit,
        "inputs": [source.path for source in plan.sources],
        "unread": progress.unread,
        "bad_records": progress.problems.total(),
        **{f"bad_{kind.replace(' ', '_')}": count for kind, count in sorted(progress.problems.items())},
        **progress.statistics.to_dict(),
    }


def _scorer(plan: Plan) -> Scorer:
    return Scorer(**plan.settings)


def summary(plan: Plan, progress: Progress) -> str:
    """The summary of a run for people: counts, reasons, and documents by score."""
    counts = progress.statistics.counts
    would = "" if plan.form == "records" and not plan.dry_run else "would be "
    cut = f", {counts['cut']:,} of them cut" if plan.unit != "document" else ""
    lines = [
        f"{plural(counts['documents'], 'document')}, {plural(counts['sentences'], 'sentence')}",
        f"{would}kept {counts['kept']:,}{cut}, {would}dropped {counts['dropped']:,}",
    ]
    reasons = {name.removeprefix("dropped_"): n for name, n in counts.items() if name.startswith("dropped_")}
    if reasons:
        lines.append(f"{plural(sum(reasons.values()), plan.unit)} {would}dropped, by reason:")
        lines += _count_lines(reasons)
    language_counts = {name.removeprefix("language_"): n for name, n in counts.items() if name.startswith("language_")}
    languages = {code: n for code, n in language_counts.items() if not code.endswith("_dropped")}
    if len(languages) > 1:
        lines.append("documents by language:")
        lines += _count_lines(
            {f"{code}, {language_counts.get(f'{code}_dropped', 0):,} dropped": n for code, n in languages.items()}
        )
    if progress.unread:
        lines.append(f"{plural(progress.unread, 'input')} not read completely")
    if progress.problems:
        lines.append(f"{plural(progress.problems.total(), 'bad record')}, by cause:")
        lines += _count_lines(progress.problems)
    lines += _scorer(plan).notes
    if counts["documents"]:
        lines += ["documents by score, 1 = garbled:", *_histogram(progress.statistics.histogram)]
    return "".join(f"{line}\n" for line in lines)


def example_lines(examples: Sequence[Example]) -> str:
    """Dropped records for people, with their most garbled sentence and the evidence."""
    lines = ["examples:"] if examples else []
    for found in examples:
        place = f"{found.file}:{found.line}:" + (f" {found.field}:" if found.field else "")
        lines += [
            f"{place} {found.score:.2f} {found.reason}",
            f"    {_excerpt(found.sentence)}",
        ]
        lines += [f"    {reason}" for reason in found.evidence]
    return "".join(f"{visible(line)}\n" for line in lines)


def _excerpt(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _EXCERPT else f"{line[:_EXCERPT]} …"


def _reporting(steps: Iterable[Step]) -> Iterator[Step]:
    reported = 0
    for step in steps:
        for message in step.messages:
            reported += 1
            if reported <= _MAX_REPORTED:
                print_message(message)
            elif reported == _MAX_REPORTED + 1:
                print_message("more bad records follow; use --errors FILE to get all of them")
        yield step


class _Speed:
    """The speed since the start or the resumption of a run."""

    def __init__(self, progress: Progress) -> None:
        self._started = monotonic()
        self._documents = progress.statistics.counts["documents"]
        self.bytes_read = progress.bytes_read

    def documents(self, progress: Progress) -> float:
        """Documents per second."""
        return (progress.statistics.counts["documents"] - self._documents) / max(monotonic() - self._started, 0.001)

    def remaining(self, progress: Progress, total: int) -> timedelta | None:
        """The estimated remaining time; None if unknown."""
        if progress.bytes_read <= self.bytes_read or not total:
            return None
        bytes_left, bytes_done = total - progress.bytes_read, progress.bytes_read - self.bytes_read
        return timedelta(seconds=round((monotonic() - self._started) * bytes_left / bytes_done))


def _with_lines(steps: Iterator[Step], total: int) -> Iterator[Step]:
    """Print a progress line every few seconds; none for a short run."""
    last_line = monotonic()
    speed = None
    for step in steps:
        speed = speed or _Speed(step.progress)
        if monotonic() - last_line > _SECONDS_BETWEEN_LINES:
            last_line = monotonic()
            print_message(_line(step.progress, total, speed))
        yield step


def _line(progress: Progress, total: int, speed: _Speed) -> str:
    counts = progress.statistics.counts
    remaining = speed.remaining(progress, total)
    parts = [
        f"{progress.bytes_read / total:.0%}" if total else "",
        plural(counts["documents"], "document"),
        f"{speed.documents(progress):,.0f}/s",
        f"kept {counts['kept']:,}",
        f"dropped {counts['dropped']:,}",
        f"{remaining} left" if remaining is not None else "",
    ]
    return ", ".join(part for part in parts if part)


def _with_bar(steps: Iterator[Step], total: int) -> Iterator[Step]:
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        SpinnerColumn,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.progress import Progress as Bar
    from rich.table import Column

    columns = (
        SpinnerColumn(),
        BarColumn(),
        DownloadColumn(table_column=Column(no_wrap=True)),
        TimeRemainingColumn(),
        TextColumn("{task.fields[counts]}", table_column=Column(no_wrap=True)),
    )
    with Bar(*columns, console=console_of(sys.stderr), transient=True, redirect_stdout=False) as bar:
        first = next(steps)
        speed = _Speed(first.progress)
        task = bar.add_task("", total=total or None, completed=speed.bytes_read, counts="")
        for step in chain([first], steps):
            rate, counts = speed.documents(step.progress), step.progress.statistics.counts
            line = f"{rate:,.0f} docs/s, kept {counts['kept']:,}, dropped {counts['dropped']:,}"
            bar.update(task, completed=step.progress.bytes_read, counts=line)
            yield step


def _count_lines(counts: dict[str, int]) -> list[str]:
    return [f"{count:10,}  {name}" for name, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))]


def _histogram(histogram: list[int]) -> Iterator[str]:
    block = "█" if is_unicode(sys.stderr.encoding) else "#"
    for number, count in enumerate(histogram):
        if count:
            # At least one character: the rare high scores are of interest.
            bar = block * max(1, round(_BAR_WIDTH * count / max(histogram)))
            yield f"  {number / BINS:.2f}-{(number + 1) / BINS:.2f} {count:10,}  {bar}"
