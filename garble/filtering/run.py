"""Run the pre-filter on files, in parallel, with support for resuming.

One process reads blocks of records and writes the outcomes in order; workers parse, score and compress. A stopped run
never leaves an output that looks complete. A resumed run gives the same bytes as an uninterrupted one: it truncates the
outputs to the sizes of the last journal entry and continues reading from there.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import asdict
from itertools import accumulate
from typing import Any, NamedTuple

from garble.errors import InputError
from garble.filtering.decisions import Prefilter
from garble.filtering.formats.base import Block, Layout, Rows
from garble.filtering.outputs import Journal, Progress, Writer
from garble.filtering.plan import Plan, Source, check, check_free, check_inputs
from garble.filtering.streams import is_stream
from garble.filtering.work import Task, outcomes
from garble.io import STDIN, name_of, problem_of


class Step(NamedTuple):
    """The progress of a run, and the errors since the last step."""

    progress: Progress
    messages: list[str]


def run(plan: Plan, workers: int = 1, resume: bool = False, overwrite: bool = False) -> Iterator[Step]:
    """Execute the plan and yield its progress; the last step has the totals.

    resume: continue a stopped run of the same plan, if there is one. Otherwise, start a new run.
    overwrite: replace existing outputs, complete or from a stopped run.
    Raises InputError for a plan that cannot be executed, before anything is written; for the first bad record if the
    plan has `fail_fast`; and for an output that cannot be written (OSError if that is standard output). Raises
    ValueError for an unknown threshold, unit, model or markup.
    """
    prefilter = Prefilter(unit=plan.unit, other_languages=plan.other_languages, **plan.settings)
    settings = {"signature": prefilter.scorer.signature}
    check(plan)
    if not overwrite:
        check_free(plan, resume)
    return _steps(plan, workers, settings | _settings(plan), resume)


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
    for task in _tasks(plan, 0, 0, 1):
        name = name_of(plan.sources[task.input].path)
        yield name, task.block if isinstance(task.block, InputError) else plan.format(task.input).parse(task.block)


def _steps(plan: Plan, workers: int, settings: dict[str, Any], resume: bool) -> Iterator[Step]:
    sizes_before = [0, *accumulate(size_of(source) for source in plan.sources)]
    try:
        with closing(Journal(plan.journal, settings)) as journal:
            progress = journal.read() if resume else None
            if progress is None:
                progress = Progress()
                journal.clear()
            with closing(Writer(plan, journal, progress)) as writer:
                writer.begin()
                yield Step(progress, [])
                tasks = _tasks(plan, progress.input, progress.position, progress.line)
                with closing(outcomes(plan, tasks, workers, settings["signature"])) as results:
                    for task, outcome in results:
                        if plan.fail_fast and outcome.messages:
                            raise InputError(outcome.messages[0])
                        writer.write(task, outcome)
                        progress.bytes_read = sizes_before[task.input] + (
                            task.block.bytes_read if isinstance(task.block, Block) else 0
                        )
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


def _tasks(plan: Plan, first: int, position: int, line: int) -> Iterator[Task]:
    """The blocks of all inputs from a position on. An input that cannot be read further ends with an InputError."""
    for number in range(first, len(plan.sources)):
        try:
            if position >= 0:
                blocks = plan.format(number).blocks(
                    plan.sources[number].path, position, line, plan.shares_outputs(number)
                )
                yield from (Task(number, block) for block in blocks)
        except InputError as error:
            yield Task(number, error)
        position, line = 0, 1


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
    return 0 if is_stream(source.path) else os.path.getsize(source.path)


def _modified(source: Source) -> int:
    return 0 if is_stream(source.path) else os.stat(source.path).st_mtime_ns
