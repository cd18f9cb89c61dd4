"""What becomes of a block of records, and the workers that find it out."""

from __future__ import annotations

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
from garble.filtering.decisions import Decision, Prefilter, Statistics, annotation
from garble.filtering.formats.base import Block, Format, Listed, Problem, Rows, dumped
from garble.filtering.plan import Plan
from garble.filtering.streams import compressed, name_parts
from garble.io import name_of
from garble.text.markups import markup_of

# Complaints of one block that are passed on, more than anybody is told; whoever wants all has the file of errors.
_COMPLAINTS = 20


class Task(NamedTuple):
    """A block of an input, by its number in the plan; or why that cannot be read, or not further."""

    input: int
    block: Block | InputError


class Outcome(NamedTuple):
    """What becomes of a block: the bytes for each output, what was counted, and what was wrong with records."""

    outputs: dict[str, bytes]
    statistics: Statistics
    problems: Counter[str]
    complaints: list[str]


def outcomes(
    plan: Plan, tasks: Iterator[Task], workers: int, signature: str
) -> Generator[tuple[Task, Outcome], None, None]:
    """What becomes of each task, in order; no more blocks are under way than keep the workers busy.

    signature: what every worker must score by. A single worker needs no process of its own, nor does a single block.
    Whoever closes the generator early does not wait for what is under way. Raises InputError when a worker is killed,
    and ModelError when the model changes meanwhile.
    """
    ahead = list(islice(tasks, 2))
    tasks = chain(ahead, tasks)
    if workers == 1 or len(ahead) < 2:
        prefilter = _prefilter(plan, signature)
        yield from ((task, outcome(plan, task, prefilter)) for task in tasks)
        return
    idle: list[Connection] = []
    # Each task has a place for what comes of it, and so has each worker that is at one.
    waiting: deque[tuple[Task, list[Outcome]]] = deque()
    busy: dict[Connection, list[Outcome]] = {}

    def answered() -> Iterator[tuple[Task, Outcome]]:
        for pipe in wait(busy):
            assert isinstance(pipe, Connection)
            with _alive():
                answer = pipe.recv()
            if isinstance(answer, GarbleError):
                raise answer
            busy.pop(pipe).append(answer)
            idle.append(pipe)
        while waiting and waiting[0][1]:
            task, found = waiting.popleft()
            yield task, found[0]

    with ExitStack() as stack:
        for number, task in enumerate(tasks):
            if number < workers:
                idle.append(stack.enter_context(_worker(plan, signature)))
            while not idle or len(waiting) > 2 * workers:
                yield from answered()
            pipe = idle.pop()
            busy[pipe] = []
            waiting.append((task, busy[pipe]))
            with _alive():
                pipe.send(task)
        while waiting:
            yield from answered()


def outcome(plan: Plan, task: Task, prefilter: Prefilter) -> Outcome:
    """What becomes of a block. A record that cannot be scored or written, for whatever reason, is a bad record."""
    name, form = name_of(plan.sources[task.input].path), plan.format(task.input)
    if isinstance(task.block, InputError):
        rows = Rows([], [], [], None, [Problem(0, "unreadable", task.block.args[-1], b"")])
        return _told(plan, task.input, name, {}, Statistics(), rows.problems)
    rows = form.parse(task.block)
    try:
        return _outcome(plan, task.input, form, name, rows, prefilter)
    except _STOPS:
        raise
    except BaseException:
        return _one_by_one(plan, task.input, form, name, rows, prefilter)


# What ends a run; all else that is raised over a record ends with the record, panics of a library among it.
_STOPS = (KeyboardInterrupt, SystemExit, GeneratorExit)


def _outcome(plan: Plan, number: int, form: Format, name: str, rows: Rows, prefilter: Prefilter) -> Outcome:
    markup = markup_of(name) if plan.whole and plan.markup == "auto" else None
    decisions = prefilter.decide(rows.texts, [markup] * len(rows.texts))
    statistics = Statistics()
    for text, decision in zip(rows.texts, decisions, strict=True):
        statistics.add(decision, len(text))
    written = {
        "kept": _kept(plan, form, name, rows, decisions, prefilter),
        "rejected": _rejected(plan, form, name, rows, decisions) if plan.rejected else b"",
    }
    return _told(plan, number, name, written, statistics, rows.problems)


def _one_by_one(plan: Plan, number: int, form: Format, name: str, rows: Rows, prefilter: Prefilter) -> Outcome:
    """The same of records of which at least one fails: each is tried by itself."""
    # Of no record an output may have something all the same, such as the names of its columns.
    parts = [_outcome(plan, number, form, name, form.some(rows, 0, 0), prefilter)]
    problems = list(rows.problems)
    for i, line in enumerate(rows.lines):
        try:
            parts.append(_outcome(plan, number, form, name, form.some(rows, i, i + 1), prefilter))
        except _STOPS:
            raise
        except BaseException as error:
            problems.append(Problem(line, "not scored", _reason(error), form.raw(rows, i)))
    problems.sort(key=lambda problem: problem.line)
    told = _told(plan, number, name, {}, Statistics(), problems)
    for part in parts:
        told.statistics.merge(part.statistics)
    # Members that stand one behind the other are a file in all compressions, and so are Arrow streams.
    outputs = {
        role: b"".join([*(part.outputs[role] for part in parts if role != "errors"), raw])
        for role, raw in told.outputs.items()
    }
    return told._replace(outputs=outputs)


def _told(
    plan: Plan, number: int, name: str, written: dict[str, bytes], statistics: Statistics, problems: list[Problem]
) -> Outcome:
    """With what is written, compressed as each output is, and what is wrong with records."""
    outputs = {}
    for role, path in plan.outputs(number).items():
        raw = _errors(name, problems) if role == "errors" else written.get(role, b"")
        outputs[role] = raw and compressed(raw, name_parts(path)[1])
    complaints = [f"{name}:{p.line}: {p.detail}" if p.line else f"{name}: {p.detail}" for p in problems]
    return Outcome(outputs, statistics, Counter(p.kind for p in problems if p.line), complaints[:_COMPLAINTS])


def _reason(error: BaseException) -> str:
    """What failed, in one line."""
    said = " ".join(str(error).split())
    return said if isinstance(error, GarbleError) else f"{type(error).__name__}: {shorten(said, 200)}"


def _kept(plan: Plan, form: Format, name: str, rows: Rows, decisions: list[Decision], prefilter: Prefilter) -> bytes:
    if plan.form == "dolma":
        model = prefilter.scorer.card.name
        return b"".join(dumped(_attributes(rows, i, name, model, decisions[i])) + b"\n" for i in range(len(decisions)))
    if plan.form == "annotated":
        return form.write(rows, range(len(decisions)), {}, {i: annotation(d.report) for i, d in enumerate(decisions)})
    staying = [i for i, decision in enumerate(decisions) if decision.keep]
    return form.write(rows, staying, {i: decisions[i].kept(rows.texts[i]) for i in staying if decisions[i].cuts}, None)


def _rejected(plan: Plan, form: Format, name: str, rows: Rows, decisions: list[Decision]) -> bytes:
    if plan.lists:
        dropped = [_note(decision) for decision in decisions if not decision.keep]
        return b"".join(dumped({"file": name, **note}) + b"\n" for note in dropped)
    if plan.unit == "document":
        going = [i for i, decision in enumerate(decisions) if not decision.keep]
        return form.write(rows, going, {}, {i: _note(decisions[i]) for i in going})
    return form.listing(
        [
            Listed(rows.ids[i], name, rows.lines[i], *cut, rows.texts[i][cut.start : cut.end])
            for i, decision in enumerate(decisions)
            for cut in decision.cuts
        ]
    )


def _note(decision: Decision) -> dict[str, Any]:
    """What is said of a document that is dropped; it may be for its language alone."""
    return annotation(decision.report) | {"reason": decision.reason}


def _errors(name: str, problems: list[Problem]) -> bytes:
    # Bytes that are no UTF-8 become lone surrogates, from which they can be had back.
    return b"".join(
        dumped({"file": name, "line": line, "reason": detail, "record": raw.decode("utf-8", "surrogateescape")}) + b"\n"
        for line, _, detail, raw in problems
    )


def _attributes(rows: Rows, i: int, name: str, model: str, decision: Decision) -> dict[str, Any]:
    """A row of a dolma attribute file: spans with scores, by experiment, tagger and type."""
    report, tagger = decision.report, f"garble__{model.replace('-', '_')}"
    return {
        "id": rows.ids[i] or f"{name}:{rows.lines[i]}",
        "attributes": {
            f"{tagger}__document": [[0, len(rows.texts[i]), report.score]],
            f"{tagger}__sentence": [[s.start, s.end, s.score] for s in report.sentences],
            f"{tagger}__passage": [[p.start, p.end, p.score] for p in report.passages],
        },
    }


def _prefilter(plan: Plan, signature: str) -> Prefilter:
    """What decides. Raises ModelError where it would not score as the run began."""
    prefilter = Prefilter(unit=plan.unit, other_languages=plan.other_languages, **plan.settings)
    if prefilter.scorer.signature != signature:
        raise ModelError(f"model {plan.model}: changed during the run")
    return prefilter


@contextmanager
def _worker(plan: Plan, signature: str) -> Iterator[Connection]:
    """A process that answers what becomes of a task, at the other end of a pipe."""
    # Spawned: a process with threads cannot be forked safely. Nor would a pool do, which can wait for ever on a worker
    # that is killed while it is sent a task.
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_answer, args=(theirs, plan, signature), daemon=True)
    try:
        with _stopping_put_off():
            process.start()
        theirs.close()
        yield ours
    finally:
        if process.pid is not None:
            process.terminate()
            process.join()
        ours.close()


def _answer(pipe: Connection, plan: Plan, signature: str) -> None:
    """Answer until nobody asks; Ctrl-C is for who began this process, and it does not outlive that."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_follow, daemon=True).start()
    with suppress(EOFError, OSError, MemoryError):
        try:
            prefilter = _prefilter(plan, signature)
            while True:
                pipe.send(outcome(plan, pipe.recv(), prefilter))
        except GarbleError as error:
            pipe.send(error)


def _follow() -> None:
    if (parent := multiprocessing.parent_process()) is not None:
        parent.join()
        os._exit(1)


@contextmanager
def _alive() -> Iterator[None]:
    """What goes wrong with a pipe goes wrong with the worker."""
    try:
        yield
    except (EOFError, OSError) as error:
        raise InputError("worker died, possibly out of memory; use fewer --workers") from error


@contextmanager
def _stopping_put_off() -> Iterator[None]:
    """Being asked to stop comes when this is over, and Ctrl-C never to the processes that begin meanwhile.

    A process whose start is broken off half-way would complain of it.
    """
    if sys.platform == "win32":
        yield
        return
    # With the first process comes one that keeps track of them all, and that lets Ctrl-C in again.
    resource_tracker.ensure_running()
    asked: list[int] = []
    # What is blocked here other threads take, and Python passes on to the main one: there a handler puts it off. The
    # mask is for the process that begins.
    put_off = (signal.SIGINT, signal.SIGTERM) if current_thread() is main_thread() else ()
    handlers = {number: signal.signal(number, lambda number, _: asked.append(number)) for number in put_off}
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        for stop, handler in handlers.items():
            signal.signal(stop, signal.SIG_DFL if handler is None else handler)
        for first in asked[:1]:
            signal.raise_signal(first)
