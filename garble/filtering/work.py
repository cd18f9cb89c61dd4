"""Score blocks of records in worker processes."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import signal
import sys
from collections import Counter, deque
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager, suppress
from itertools import chain, islice
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from textwrap import shorten
from threading import Thread, current_thread, main_thread
from typing import Any, NamedTuple

from garble.errors import GarbleError, InputError, ModelError
from garble.filtering.decisions import Prefilter, Statistics
from garble.filtering.formats.base import Block, CutRecord, Format, OutputFormat, Problem, Rows, dumped
from garble.filtering.formats.convert import Converter
from garble.filtering.plan import Plan
from garble.filtering.records import RecordDecision, by_record
from garble.filtering.streams import compressed, name_parts
from garble.io import name_of
from garble.text.markups import markup_of

# Errors of one block that are reported, more than the terminal shows; --errors has all of them.
_MAX_MESSAGES = 20
# Examples of dropped records in a dry run.
MAX_EXAMPLES = 5


class Task(NamedTuple):
    """A block of an input, by the number of the input in the plan; or the error that stopped reading.

    taken: records read up to the end of the block, only with a limit.
    """

    input: int
    block: Block | InputError
    taken: int = 0


class Example(NamedTuple):
    """A record that is dropped or cut: its most garbled sentence, and the evidence."""

    file: str
    line: int
    field: str
    score: float
    reason: str
    sentence: str
    evidence: list[str]


class Outcome(NamedTuple):
    """The result of a block: bytes for each output, statistics, errors, and for a dry run some examples."""

    outputs: dict[str, bytes]
    statistics: Statistics
    problems: Counter[str]
    messages: list[str]
    examples: list[Example]


def outcomes(
    plan: Plan, tasks: Iterator[Task], workers: int, signature: str
) -> Generator[tuple[Task, Outcome], None, None]:
    """The outcomes of the tasks, in order; the number of blocks in memory is limited.

    signature: the expected signature of the scorer in each worker. One worker or one block needs no extra process.
    Closing the generator early terminates the workers. Raises InputError if a worker dies, and ModelError if the model
    changes during the run.
    """
    first_tasks = list(islice(tasks, 2))
    tasks = chain(first_tasks, tasks)
    if workers == 1 or len(first_tasks) < 2:
        prefilter = _prefilter(plan, signature)
        yield from ((task, outcome(plan, task, prefilter)) for task in tasks)
        return
    idle: list[Connection] = []
    # Each task has a list for its outcome, which its worker fills.
    waiting: deque[tuple[Task, list[Outcome]]] = deque()
    busy: dict[Connection, list[Outcome]] = {}

    def received() -> Iterator[tuple[Task, Outcome]]:
        for pipe in wait(busy):
            assert isinstance(pipe, Connection)
            with _worker_errors():
                result = pipe.recv()
            if isinstance(result, GarbleError):
                raise result
            busy.pop(pipe).append(result)
            idle.append(pipe)
        while waiting and waiting[0][1]:
            task, finished_outcome = waiting.popleft()
            yield task, finished_outcome[0]

    with ExitStack() as stack:
        for number, task in enumerate(tasks):
            if number < workers:
                idle.append(stack.enter_context(_worker(plan, signature)))
            while not idle or len(waiting) > 2 * workers:
                yield from received()
            pipe = idle.pop()
            busy[pipe] = []
            waiting.append((task, busy[pipe]))
            with _worker_errors():
                pipe.send(task)
        while waiting:
            yield from received()


def outcome(plan: Plan, task: Task, prefilter: Prefilter) -> Outcome:
    """The outcome of a block. A record that cannot be scored or written, for any reason, is a bad record."""
    name, form = name_of(plan.sources[task.input].path), plan.format(task.input)
    if isinstance(task.block, InputError):
        rows = Rows([], [], [], None, [Problem(0, "unreadable", task.block.args[-1], b"")])
        return _finished(plan, task.input, name, {}, Statistics(), rows.problems)
    rows = _sampled(plan, form, form.parse(task.block))
    for role in ("kept", "rejected"):
        rows = _representable(plan.converter(role, task.input), form, rows)
    try:
        return _outcome(plan, task.input, form, name, rows, prefilter)
    except _FATAL:
        raise
    except BaseException:
        return _outcome_by_record(plan, task.input, form, name, rows, prefilter)


# Exceptions that end the run. Any other, including a panic of a library, makes the record a bad record.
_FATAL = (KeyboardInterrupt, SystemExit, GeneratorExit)


def _sampled(plan: Plan, form: Format, rows: Rows) -> Rows:
    """The records and problems that belong to the sample of the plan."""
    if plan.sample == 1:
        return rows
    chosen = [
        i
        for i, (name, parts) in enumerate(zip(rows.ids, rows.texts, strict=True))
        if _is_sampled(plan, [name, *(part.text for part in parts)])
    ]
    problems = [p for p in rows.problems if _is_sampled(plan, [p.raw.decode("utf-8", "surrogateescape")])]
    return form.select(rows, chosen)._replace(problems=problems)


def _representable(converter: Converter | None, form: Format, rows: Rows) -> Rows:
    """The rows that the converter can write; the others become problems."""
    if converter is None or not (found := converter.problems(rows)):
        return rows
    problems = [Problem(rows.lines[i], "not converted", problem, form.raw(rows, i)) for i, problem in found.items()]
    problems = sorted([*rows.problems, *problems], key=lambda problem: problem.line)
    return form.select(rows, [i for i in range(len(rows.lines)) if i not in found])._replace(problems=problems)


def _is_sampled(plan: Plan, texts: list[str]) -> bool:
    """Whether a record is in the sample, which depends only on its id and texts, and on the seed."""
    key = json.dumps([plan.seed, *texts]).encode()
    return int.from_bytes(hashlib.blake2b(key, digest_size=8).digest()) < plan.sample * 2**64


def _outcome(plan: Plan, number: int, form: Format, name: str, rows: Rows, prefilter: Prefilter) -> Outcome:
    markup = markup_of(name) if plan.whole else None
    parts = [part for parts in rows.texts for part in parts]
    markups = [(part.markup or markup) if plan.markup == "auto" else None for part in parts]
    decisions = by_record(rows.texts, iter(prefilter.decide([part.text for part in parts], markups)))
    statistics = Statistics()
    for decision in decisions:
        sentences = sum(len(found.report.sentences) for found in decision.decisions)
        characters = sum(len(part.text) for part in decision.parts)
        statistics.count(decision.keep, decision.score, decision.reasons, decision.language, sentences, characters)
    contents = {
        "kept": _kept(plan, plan.output_format("kept", number), name, rows, decisions, prefilter),
        "rejected": _rejected(plan, plan.output_format("rejected", number), name, rows, decisions)
        if plan.rejected
        else b"",
    }
    finished = _finished(plan, number, name, contents, statistics, rows.problems)
    return finished._replace(examples=_examples(name, rows, decisions) if plan.dry_run else [])


def _outcome_by_record(plan: Plan, number: int, form: Format, name: str, rows: Rows, prefilter: Prefilter) -> Outcome:
    """As `_outcome`, record by record, for a block in which at least one fails."""
    # An output can have content without records, such as the names of its columns.
    parts = [_outcome(plan, number, form, name, form.select(rows, []), prefilter)]
    problems = list(rows.problems)
    for i, line in enumerate(rows.lines):
        try:
            parts.append(_outcome(plan, number, form, name, form.select(rows, [i]), prefilter))
        except _FATAL:
            raise
        except BaseException as error:
            problems.append(Problem(line, "not scored", _message(error), form.raw(rows, i)))
    problems.sort(key=lambda problem: problem.line)
    finished = _finished(plan, number, name, {}, Statistics(), problems)
    for part in parts:
        finished.statistics.merge(part.statistics)
    # Compressed members can be concatenated, and so can Arrow streams.
    outputs = {
        role: b"".join([*(part.outputs[role] for part in parts if role != "errors"), raw])
        for role, raw in finished.outputs.items()
    }
    return finished._replace(outputs=outputs, examples=[found for part in parts for found in part.examples])


def _finished(
    plan: Plan, number: int, name: str, contents: dict[str, bytes], statistics: Statistics, problems: list[Problem]
) -> Outcome:
    """The outcome with compressed outputs and the errors of bad records."""
    outputs = {}
    for role, path in {} if plan.dry_run else plan.outputs(number).items():
        raw = _errors(name, problems) if role == "errors" else contents.get(role, b"")
        outputs[role] = raw and compressed(raw, name_parts(path)[1])
    messages = [f"{name}:{p.line}: {p.detail}" if p.line else f"{name}: {p.detail}" for p in problems]
    return Outcome(outputs, statistics, Counter(p.kind for p in problems if p.line), messages[:_MAX_MESSAGES], [])


def _examples(name: str, rows: Rows, decisions: list[RecordDecision]) -> list[Example]:
    """The first records that are dropped or cut."""
    numbers = (i for i, decision in enumerate(decisions) if decision.cuts)
    return [_example(name, rows.lines[i], decisions[i]) for i in islice(numbers, MAX_EXAMPLES)]


def _example(name: str, line: int, decision: RecordDecision) -> Example:
    worst = decision.worst
    field = decision.parts[decision.decisions.index(worst)].field
    sentence = max(worst.report.sentences, key=lambda sentence: sentence.score, default=None)
    evidence = (
        [f"{found.signal}: {found.reason} ({found.contribution:+.2f})" for found in sentence.findings]
        if sentence
        else []
    )
    return Example(name, line, field, worst.score, worst.reason, sentence.text if sentence else "", evidence)


def _message(error: BaseException) -> str:
    """The error message in one line."""
    message = " ".join(str(error).split())
    return message if isinstance(error, GarbleError) else f"{type(error).__name__}: {shorten(message, 200)}"


def _kept(
    plan: Plan, form: OutputFormat, name: str, rows: Rows, decisions: list[RecordDecision], prefilter: Prefilter
) -> bytes:
    if plan.form == "dolma":
        model = prefilter.scorer.card.name
        return b"".join(dumped(_attributes(rows, i, name, model, decisions[i])) + b"\n" for i in range(len(decisions)))
    if plan.form == "annotated":
        return form.write(rows, range(len(decisions)), {}, {i: d.annotation() for i, d in enumerate(decisions)})
    kept = [i for i, decision in enumerate(decisions) if decision.keep]
    return form.write(rows, kept, {i: decisions[i].kept() for i in kept if decisions[i].cuts}, None)


def _rejected(plan: Plan, form: OutputFormat, name: str, rows: Rows, decisions: list[RecordDecision]) -> bytes:
    if plan.lists_rejected:
        annotations = [_annotation(decision) for decision in decisions if not decision.keep]
        return b"".join(dumped({"file": name, **fields}) + b"\n" for fields in annotations)
    if plan.unit == "document":
        dropped = [i for i, decision in enumerate(decisions) if not decision.keep]
        return form.write(rows, dropped, {}, {i: _annotation(decisions[i]) for i in dropped})
    return form.write_cuts(
        [
            CutRecord(rows.ids[i], name, rows.lines[i], *cut, part.text[cut.start : cut.end], part.field)
            for i, decision in enumerate(decisions)
            for part, cut in decision.cuts
        ]
    )


def _annotation(decision: RecordDecision) -> dict[str, Any]:
    """The annotation of a dropped document; the reason can be its language."""
    return decision.annotation() | {"reason": decision.worst.reason}


def _errors(name: str, problems: list[Problem]) -> bytes:
    # Bytes that are not UTF-8 become lone surrogates, from which they can be restored.
    return b"".join(
        dumped({"file": name, "line": line, "reason": detail, "record": raw.decode("utf-8", "surrogateescape")}) + b"\n"
        for line, _, detail, raw in problems
    )


def _attributes(rows: Rows, i: int, name: str, model: str, decision: RecordDecision) -> dict[str, Any]:
    """A row of a dolma attribute file: spans with scores, by tagger and type."""
    (text,), report, tagger = decision.parts, decision.worst.report, f"garble__{model.replace('-', '_')}"
    return {
        "id": rows.ids[i] or f"{name}:{rows.lines[i]}",
        "attributes": {
            f"{tagger}__document": [[0, len(text.text), report.score]],
            f"{tagger}__sentence": [[s.start, s.end, s.score] for s in report.sentences],
            f"{tagger}__passage": [[p.start, p.end, p.score] for p in report.passages],
        },
    }


def _prefilter(plan: Plan, signature: str) -> Prefilter:
    """The pre-filter of the plan. Raises ModelError if its signature is not that of the run."""
    prefilter = Prefilter(unit=plan.unit, other_languages=plan.other_languages, **plan.settings)
    if prefilter.scorer.signature != signature:
        raise ModelError(f"model {plan.model}: changed during the run")
    return prefilter


@contextmanager
def _worker(plan: Plan, signature: str) -> Iterator[Connection]:
    """Start a worker process; yields the pipe for tasks and outcomes."""
    # Spawn, because a process with threads cannot be forked safely. No multiprocessing.Pool, because it can wait
    # forever for a worker that is killed while it receives a task.
    context = multiprocessing.get_context("spawn")
    own_end, worker_end = context.Pipe()
    process = context.Process(target=_serve, args=(worker_end, plan, signature), daemon=True)
    try:
        with _deferred_signals():
            process.start()
        worker_end.close()
        yield own_end
    finally:
        if process.pid is not None:
            process.terminate()
            process.join()
        own_end.close()


def _serve(pipe: Connection, plan: Plan, signature: str) -> None:
    """Process tasks until the pipe is closed. Ignores Ctrl-C, and exits with the parent process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_exit_with_parent, daemon=True).start()
    with suppress(EOFError, OSError, MemoryError):
        try:
            prefilter = _prefilter(plan, signature)
            while True:
                pipe.send(outcome(plan, pipe.recv(), prefilter))
        except GarbleError as error:
            pipe.send(error)


def _exit_with_parent() -> None:
    if (parent := multiprocessing.parent_process()) is not None:
        parent.join()
        os._exit(1)


@contextmanager
def _worker_errors() -> Iterator[None]:
    """Report an error of the pipe as an error of the worker."""
    try:
        yield
    except (EOFError, OSError) as error:
        raise InputError("worker died, possibly out of memory; use fewer --workers") from error


@contextmanager
def _deferred_signals() -> Iterator[None]:
    """Defer signals until the end of the block, and block Ctrl-C in processes started in it.

    A process that is interrupted while it starts would print a traceback.
    """
    if sys.platform == "win32":
        yield
        return
    # The first process also starts the resource tracker, which unblocks Ctrl-C.
    resource_tracker.ensure_running()
    received_signals: list[int] = []
    # Other threads still receive blocked signals, and Python passes them to the main thread, where a handler defers
    # them. The mask is for the new process.
    deferred = (signal.SIGINT, signal.SIGTERM) if current_thread() is main_thread() else ()
    handlers = {number: signal.signal(number, lambda number, _: received_signals.append(number)) for number in deferred}
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        for stop, handler in handlers.items():
            signal.signal(stop, signal.SIG_DFL if handler is None else handler)
        for first in received_signals[:1]:
            signal.raise_signal(first)
