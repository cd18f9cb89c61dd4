"""A corpus through the pre-filter: files in, files out, on all cores, and on where a run was stopped.

One process reads blocks of records and writes what becomes of them, in order; workers parse, score and compress. A run
that is stopped, however roughly, leaves no output that looks whole. Gone on with, it comes to the same bytes as an
unbroken one: what was written after the last entry in the journal is cut off, and reading goes on from there.
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
    """How far a run is, and what there was to complain of since the last step."""

    progress: Progress
    complaints: list[str]


def run(plan: Plan, workers: int = 1, resume: bool = False, overwrite: bool = False) -> Iterator[Step]:
    """Filter what the plan says, step by step; the last step has the whole.

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
    """The documents of a corpus without filtering it: the name of each input with its rows, a block at a time.

    An input that cannot be read further ends with an InputError. Raises InputError at once for inputs that cannot go
    well, as `run` does.
    """
    plan = Plan(tuple(sources), STDIN, layout=layout, whole=whole)
    check_inputs(plan)
    return _documents(plan)


def _documents(plan: Plan) -> Iterator[tuple[str, Rows | InputError]]:
    for task in _tasks(plan, 0, 0, 1):
        name = name_of(plan.sources[task.input].path)
        yield name, task.block if isinstance(task.block, InputError) else plan.format(task.input).parse(task.block)


def _steps(plan: Plan, workers: int, settings: dict[str, Any], resume: bool) -> Iterator[Step]:
    before = [0, *accumulate(size_of(source) for source in plan.sources)]
    try:
        with closing(Journal(plan.journal, settings)) as journal:
            progress = journal.read() if resume else None
            if progress is None:
                progress = Progress()
                journal.clear()
            with closing(Writer(plan, journal, progress)) as writer:
                writer.begin()
                yield Step(progress, [])
                tasks = _tasks(plan, progress.input, progress.place, progress.line)
                with closing(outcomes(plan, tasks, workers, settings["signature"])) as found:
                    for task, outcome in found:
                        if plan.fail_fast and outcome.complaints:
                            raise InputError(outcome.complaints[0])
                        writer.write(task, outcome)
                        progress.read = before[task.input] + (task.block.read if isinstance(task.block, Block) else 0)
                        yield Step(progress, outcome.complaints)
                writer.finish()
            progress.read = before[-1]
            yield Step(progress, [])
    except MemoryError as error:
        raise InputError("out of memory; use fewer --workers") from error
    except OSError as error:
        if error.filename == STDIN:
            raise
        raise InputError(str(error.filename or plan.kept), problem_of(error)) from error


def _tasks(plan: Plan, first: int, place: int, line: int) -> Iterator[Task]:
    """The blocks of all inputs from a place on; an input that cannot be read further is left where it ends."""
    for number in range(first, len(plan.sources)):
        try:
            if place >= 0:
                blocks = plan.format(number).blocks(plan.sources[number].path, place, line, plan.follows(number))
                yield from (Task(number, block) for block in blocks)
        except InputError as error:
            yield Task(number, error)
        place, line = 0, 1


def _settings(plan: Plan) -> dict[str, Any]:
    """What must be the same for two runs to come to the same bytes, and what they were named by."""
    inputs = [(*source, size_of(source), _changed(source)) for source in plan.sources]
    named = {name: value for name, value in asdict(plan).items() if name not in ("sources", "report", "fail_fast")}
    # Of many inputs the list is long, and it is written every second.
    digest = hashlib.sha256(json.dumps(inputs).encode()).hexdigest()
    return json.loads(json.dumps({"inputs": digest, **named}, default=str))  # type: ignore[no-any-return]


def size_of(source: Source) -> int:
    """Bytes of an input as it lies on the disk; 0 of a stream."""
    return 0 if is_stream(source.path) else os.path.getsize(source.path)


def _changed(source: Source) -> int:
    return 0 if is_stream(source.path) else os.stat(source.path).st_mtime_ns
