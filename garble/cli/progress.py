"""What people see of a run of the pre-filter: a bar or lines while it lasts, and what it came to."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterable, Iterator
from datetime import timedelta
from itertools import chain
from time import monotonic
from typing import Any

from garble.cli.terminal import complain, console_of, is_unicode, many
from garble.filtering.outputs import Progress
from garble.filtering.plan import Plan
from garble.filtering.run import Step, run, size_of
from garble.report.reasons import BINS
from garble.scorer import Scorer

# Seconds between two lines in a log.
_LOGGED = 10.0
# Bad records that are complained of one by one.
_TOLD = 10
# Characters of the longest bar of the histogram.
_WIDTH = 40


def followed(plan: Plan, workers: int, resume: bool, overwrite: bool = False) -> Progress:
    """Run the plan and show how far it is, on a terminal in a bar, else now and then in a line.

    Raises what `garble.filtering.run.run` does, and KeyboardInterrupt also when the process is asked to end.
    """
    console = console_of(sys.stderr) if sys.stderr.isatty() else None
    steps = run(plan, workers, resume, overwrite)
    total = sum(map(size_of, plan.sources))
    # A result on the terminal and a bar must not mix.
    shows_result = plan.kept == "-" and sys.stdout is not None and sys.stdout.isatty()
    has_bar = console is not None and console.is_interactive and not shows_result
    progress = Progress()
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        for step in _complaining(_with_bar(steps, total) if has_bar else _with_lines(steps, total)):
            progress = step.progress
    except KeyboardInterrupt:
        goes_on = "; run the same command with --resume to continue" if plan.journal else ""
        complain(f"stopped after {many(progress.records, 'record')}{goes_on}")
        raise
    finally:
        signal.signal(signal.SIGTERM, before)
    return progress


def record(plan: Plan, progress: Progress) -> dict[str, Any]:
    """What a run came to, as docs/wire-schema.md has it."""
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
    """What a run came to, for people: counts, reasons, and documents by score."""
    counts = progress.statistics.counts
    would = "" if plan.form == "records" else "would be "
    cut = f", {counts['cut']:,} of them cut" if plan.unit != "document" else ""
    lines = [
        f"{many(counts['documents'], 'document')}, {many(counts['sentences'], 'sentence')}",
        f"{would}kept {counts['kept']:,}{cut}, {would}dropped {counts['dropped']:,}",
    ]
    reasons = {name.removeprefix("dropped_"): n for name, n in counts.items() if name.startswith("dropped_")}
    if reasons:
        lines.append(f"{many(sum(reasons.values()), plan.unit)} {would}dropped, by reason:")
        lines += _counted(reasons)
    named = {name.removeprefix("language_"): n for name, n in counts.items() if name.startswith("language_")}
    languages = {code: n for code, n in named.items() if not code.endswith("_dropped")}
    if len(languages) > 1:
        lines.append("documents by language:")
        lines += _counted({f"{code}, {named.get(f'{code}_dropped', 0):,} dropped": n for code, n in languages.items()})
    if progress.unread:
        lines.append(f"{many(progress.unread, 'input')} not read completely")
    if progress.problems:
        lines.append(f"{many(progress.problems.total(), 'bad record')}, by cause:")
        lines += _counted(progress.problems)
    lines += _scorer(plan).notes
    if counts["documents"]:
        lines += ["documents by score, 1 = garbled:", *_histogram(progress.statistics.histogram)]
    return "".join(f"{line}\n" for line in lines)


def _complaining(steps: Iterable[Step]) -> Iterator[Step]:
    told = 0
    for step in steps:
        for message in step.messages:
            told += 1
            if told <= _TOLD:
                complain(message)
            elif told == _TOLD + 1:
                complain("more bad records follow; use --errors FILE to get all of them")
        yield step


class _Pace:
    """How fast a run is from here on; one that was gone on with has much behind it already."""

    def __init__(self, progress: Progress) -> None:
        self._begun = monotonic()
        self._documents = progress.statistics.counts["documents"]
        self.read = progress.bytes_read

    def documents(self, progress: Progress) -> float:
        """Documents a second."""
        return (progress.statistics.counts["documents"] - self._documents) / max(monotonic() - self._begun, 0.001)

    def left(self, progress: Progress, total: int) -> timedelta | None:
        """The time that the rest will take; None where there is no telling."""
        if progress.bytes_read <= self.read or not total:
            return None
        seconds = (monotonic() - self._begun) * (total - progress.bytes_read) / (progress.bytes_read - self.read)
        return timedelta(seconds=round(seconds))


def _with_lines(steps: Iterator[Step], total: int) -> Iterator[Step]:
    """Say how far the run is every few seconds; a short run says nothing."""
    said = monotonic()
    pace = None
    for step in steps:
        pace = pace or _Pace(step.progress)
        if monotonic() - said > _LOGGED:
            said = monotonic()
            complain(_line(step.progress, total, pace))
        yield step


def _line(progress: Progress, total: int, pace: _Pace) -> str:
    counts = progress.statistics.counts
    left = pace.left(progress, total)
    parts = [
        f"{progress.bytes_read / total:.0%}" if total else "",
        many(counts["documents"], "document"),
        f"{pace.documents(progress):,.0f}/s",
        f"kept {counts['kept']:,}",
        f"dropped {counts['dropped']:,}",
        f"{left} left" if left is not None else "",
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
        TextColumn("{task.fields[told]}", table_column=Column(no_wrap=True)),
    )
    with Bar(*columns, console=console_of(sys.stderr), transient=True, redirect_stdout=False) as bar:
        first = next(steps)
        pace = _Pace(first.progress)
        task = bar.add_task("", total=total or None, completed=pace.read, told="")
        for step in chain([first], steps):
            rate, counts = pace.documents(step.progress), step.progress.statistics.counts
            told = f"{rate:,.0f} docs/s, kept {counts['kept']:,}, dropped {counts['dropped']:,}"
            bar.update(task, completed=step.progress.bytes_read, told=told)
            yield step


def _counted(counts: dict[str, int]) -> list[str]:
    return [f"{count:10,}  {name}" for name, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))]


def _histogram(histogram: list[int]) -> Iterator[str]:
    block = "█" if is_unicode(sys.stderr.encoding) else "#"
    for number, count in enumerate(histogram):
        if count:
            # Nobody's bar is empty: the rare high scores are what the histogram is looked at for.
            bar = block * max(1, round(_WIDTH * count / max(histogram)))
            yield f"  {number / BINS:.2f}-{(number + 1) / BINS:.2f} {count:10,}  {bar}"
