"""Run the pre-filter on files, in parallel, with support for resuming.

One process reads blocks of records and writes the outcomes in order; workers parse, score and compress. A stopped run
never leaves an output that looks complete. A resumed run gives the same bytes as an uninterrupted one: it truncates the
outputs to the sizes of the last journal entry and continues reading from there.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, replace
from itertools import accumulate
from typing import Any, NamedTuple

from garble.errors import InputError
from garble.filtering.decisions import Prefilter
from garble.filtering.formats.base import Block, ConversionError, Format, Layout, Rows, Values
from garble.filtering.outputs import Journal, Progress, Writer
from garble.filtering.plan import Plan, Source, check, check_free, check_inputs
from garble.filtering.remote import is_remote, version_of
from garble.filtering.streams import is_stream, size_on_disk
from garble.filtering.work import MAX_EXAMPLES, Example, Task, outcomes
from garble.io import STDIN, name_of, problem_of

_LOG = logging.getLogger(__name__)


class Step(NamedTuple):
    """The progress of a run, and the errors since the last step; for a dry run also examples of dropped records."""

    progress: Progress
    messages: list[str]
    examples: Sequence[Example] = ()


Steps = Generator[Step, None, None]


def run(plan: Plan, workers: int = 1, resume: bool = False, overwrite: bool = False) -> Steps:
    """Execute the plan and yield its progress; the last step has the totals.

    Bad records and the totals are logged, too.

    resume: continue a stopped run of the same plan, if there is one. Otherwise, start a new run.
    overwrite: replace existing outputs, complete or from a stopped run.
    Raises InputError for a plan that cannot be executed, before anything is written; for the first bad record if the
    plan has `fail_fast`; and for an output that cannot be written (OSError if that is standard output). Raises
    ValueError for an unknown threshold, unit, model or markup.
    """
    prefilter = Prefilter(unit=plan.unit, other_languages=plan.other_languages, **plan.settings)
    settings = {"signature": prefilter.scorer.signature}
    check(plan)
    if resume and (url := next(filter(is_remote, plan.places), None)):
        raise InputError(url, "--resume is not supported for remote outputs; use --overwrite to start again")
    if not overwrite and not plan.dry_run:
        check_free(plan, resume)
    plan = replace(plan, columns={role: _columns(plan, role) for role in ("kept", "rejected")})
    if plan.dry_run:
        return _logged(plan, _dry_steps(plan, workers, settings["signature"]))
    return _logged(plan, _steps(plan, workers, settings | _settings(plan), resume))


def filter_files(
    plan: Plan,
    workers: int = 1,
    resume: bool = False,
    overwrite: bool = False,
    on_progress: Callable[[Progress], None] | None = None,
) -> Progress:
    """Execute the plan to its end, as `run`, and return the totals.

    on_progress: is called with the progress after each block of records. The object is the same in all calls. An
    exception from it stops the run, which can then be resumed.
    """
    progress = Progress()
    with closing(run(plan, workers, resume, overwrite)) as steps:
        for step in steps:
            progress = step.progress
            if on_progress:
                on_progress(progress)
    return progress


def _logged(plan: Plan, steps: Steps) -> Steps:
    """The steps, with log records of the start, the bad records and the end."""
    with closing(steps):
        for number, step in enumerate(steps):
            if number == 0:
                _LOG.info(
                    "filtering %d inputs into %s, from record %d on",
                    len(plan.sources),
                    plan.kept,
                    step.progress.records,
                )
            for message in step.messages:
                _LOG.warning("%s", " ".join(message.split()))
            yield step
    counts = step.progress.statistics.counts
    _LOG.info(
        "finished: %d documents, %d kept, %d dropped, %d bad records",
        *(counts[name] for name in ("documents", "kept", "dropped")),
        step.progress.problems.total(),
    )


def documents(
    sources: Sequence[Source], layout: Layout, whole: bool = False
) -> Iterator[tuple[str, Rows | InputError]]:
    """Read the documents of a corpus without filtering: the name of each input with its rows, block by block.

    An input that cannot be read further ends with an InputError. Raises InputError as `run` does for inputs.
    """
    plan = Plan(tuple(sources), STDIN, layout=layout, whole=whole)
    check_inputs(plan)
    return _documents(plan)


def _documents(plan: Plan) -> Iterator[tuple[str, Rows | InputError]]:
    for task in _tasks(plan, Progress()):
        name = name_of(plan.sources[task.input].path)
        yield name, task.block if isinstance(task.block, InputError) else plan.format(task.input).parse(task.block)


def _dry_steps(plan: Plan, workers: int, signature: str) -> Steps:
    """The steps of a run that writes nothing."""
    sizes_before = _sizes_before(plan)
    progress, shown = Progress(), 0
    yield Step(progress, [])
    with closing(outcomes(plan, _tasks(plan, progress), workers, signature)) as results:
        for task, outcome in results:
            if plan.fail_fast and outcome.messages:
                raise InputError(outcome.messages[0])
            progress.statistics.merge(outcome.statistics)
            progress.problems.update(outcome.problems)
            progress.unread += isinstance(task.block, InputError)
            progress.bytes_read = _bytes_read(sizes_before, task)
            examples = outcome.examples[: MAX_EXAMPLES - shown]
            shown += len(examples)
            yield Step(progress, outcome.messages, examples)


def _sizes_before(plan: Plan) -> list[int]:
    """The total size of the inputs before each input, and of all of them."""
    return [0, *accumulate(size_of(source) for source in plan.sources)]


def _bytes_read(sizes_before: list[int], task: Task) -> int:
    return sizes_before[task.input] + (task.block.bytes_read if isinstance(task.block, Block) else 0)


def _steps(plan: Plan, workers: int, settings: dict[str, Any], resume: bool) -> Steps:
    sizes_before = _sizes_before(plan)
    try:
        with closing(Journal(plan.journal, settings)) as journal:
            progress = journal.read() if resume else None
            if progress is None:
                progress = Progress()
                journal.clear()
            with closing(Writer(plan, journal, progress)) as writer:
                writer.begin()
                yield Step(progress, [])
                tasks = _tasks(plan, progress)
                with closing(outcomes(plan, tasks, workers, settings["signature"])) as results:
                    for task, outcome in results:
                        if plan.fail_fast and outcome.messages:
                            raise InputError(outcome.messages[0])
                        writer.write(task, outcome)
                        progress.bytes_read = _bytes_read(sizes_before, task)
                        yield Step(progress, outcome.messages)
                writer.finish()
            progress.bytes_read = sizes_before[-1]
            yield Step(progress, [])
    except MemoryError as error:
        raise InputError("out of memory; use fewer --workers") from error
    except OSError as error:
        if error.filename == STDIN:
            raise
        raise InputError(str(error.filename or plan.kept), problem_of(error)) from error


def _tasks(plan: Plan, progress: Progress) -> Iterator[Task]:
    """The blocks of all inputs from the progress on, up to the limit of records.

    An input that cannot be read further ends with an InputError.
    """
    position, line, taken = progress.position, progress.line, progress.taken
    for number in range(progress.input, len(plan.sources)):
        if plan.limit is not None and taken >= plan.limit:
            return
        form = plan.format(number)
        try:
            if position >= 0:
                for block in form.blocks(plan.sources[number].path, position, line, plan.shares_outputs(number)):
                    if plan.limit is None:
                        yield Task(number, block)
                        continue
                    first_records, count = form.first_records(block, plan.limit - taken)
                    taken += count
                    yield Task(number, first_records, taken)
                    if taken >= plan.limit:
                        return
        except InputError as error:
            yield Task(number, error, taken)
        position, line = 0, 1


def _columns(plan: Plan, role: str) -> bytes:
    """The columns of an output that is converted; b"" for another. Records without fixed columns are all read."""
    converters = {n: converter for n in range(len(plan.sources)) if (converter := plan.converter(role, n))}
    if not converters:
        return b""
    columns = {n: plan.format(n).columns(plan.sources[n].path) for n in converters}
    names = dict.fromkeys(name for found in columns.values() for name in found or ())
    is_open = None in columns.values()
    annotated = plan.form == "annotated" or role == "rejected"
    writer = converters[min(converters)].writer
    try:
        return writer.columns_of([*names], _values(plan) if is_open else iter(()), annotated)
    except ValueError as error:
        raise InputError(plan.outputs(min(converters))[role], str(error)) from error


def _values(plan: Plan) -> Iterator[list[Values]]:
    """The records of the inputs, block by block; without those that cannot be read or converted."""
    for task in _tasks(plan, Progress()):
        if isinstance(task.block, Block):
            form = plan.format(task.input)
            yield _convertible(form, form.parse(task.block))


def _convertible(form: Format, rows: Rows) -> list[Values]:
    """The rows as JSON values."""
    chosen = range(len(rows.lines))
    try:
        return form.values(rows, chosen, {})
    except ConversionError:
        if len(chosen) == 1:
            return []
        return [values for i in chosen for values in _convertible(form, form.select(rows, [i]))]


def _settings(plan: Plan) -> dict[str, Any]:
    """The settings that must be the same to resume a run: those that change its outputs."""
    inputs = [(*source, size_of(source), _modified(source)) for source in plan.sources]
    plan_settings = {
        name: value for name, value in asdict(plan).items() if name not in ("sources", "report", "fail_fast")
    }
    # The list of inputs can be long, and the journal is written every second.
    digest = hashlib.sha256(json.dumps(inputs).encode()).hexdigest()
    return json.loads(json.dumps({"inputs": digest, **plan_settings}, default=str))  # type: ignore[no-any-return]


def size_of(source: Source) -> int:
    """The size of an input file in bytes, before decompression; 0 for a stream."""
    return size_on_disk(source.path)


def _modified(source: Source) -> int | str:
    if is_remote(source.path):
        return version_of(source.path)
    return 0 if is_stream(source.path) else os.stat(source.path).st_mtime_ns
