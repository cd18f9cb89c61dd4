"""What becomes of a block of records, and the workers that find it out."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections import Counter, deque
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from itertools import chain, islice
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from threading import Thread, current_thread, main_thread
from typing import Any, NamedTuple

from garble.corpus.plan import Plan
from garble.corpus.records import Block, Format, Listed, Problem, Rows, dumped
from garble.corpus.streams import compressed, name_parts
from garble.errors import InputError
from garble.io import name_of
from garble.prefilter import Decision, Prefilter, Statistics, Unit, annotation

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


def outcomes(plan: Plan, tasks: Iterator[Task], workers: int) -> Generator[tuple[Task, Outcome], None, None]:
    """What becomes of each task, in order; no more blocks are under way than keep the workers busy.

    A single worker needs no process of its own, nor does a single block. Whoever closes the generator early does not
    wait for what is under way. Raises InputError when a worker is killed.
    """
    ahead = list(islice(tasks, 2))
    tasks = chain(ahead, tasks)
    if workers == 1 or len(ahead) < 2:
        yield from ((task, outcome(plan, task)) for task in tasks)
        return
    idle: list[Connection] = []
    # Each task has a place for what comes of it, and so has each worker that is at one.
    waiting: deque[tuple[Task, list[Outcome]]] = deque()
    busy: dict[Connection, list[Outcome]] = {}

    def answered() -> Iterator[tuple[Task, Outcome]]:
        for pipe in wait(busy):
            assert isinstance(pipe, Connection)
            with _alive():
                busy.pop(pipe).append(pipe.recv())
            idle.append(pipe)
        while waiting and waiting[0][1]:
            task, found = waiting.popleft()
            yield task, found[0]

    with ExitStack() as stack:
        for number, task in enumerate(tasks):
            if number < workers:
                idle.append(stack.enter_context(_worker(plan)))
            while not idle or len(waiting) > 2 * workers:
                yield from answered()
            pipe = idle.pop()
            busy[pipe] = []
            waiting.append((task, busy[pipe]))
            with _alive():
                pipe.send(task)
        while waiting:
            yield from answered()


def outcome(plan: Plan, task: Task) -> Outcome:
    """What becomes of a block."""
    name, form = name_of(plan.sources[task.input].path), plan.format(task.input)
    if isinstance(task.block, InputError):
        rows = Rows([], [], [], None, [Problem(0, "unreadable", task.block.args[-1], b"")])
        parts = {}
    else:
        rows = form.parse(task.block)
        parts = {"kept": _kept, "rejected": _rejected}
    decisions = _prefilter(plan.threshold, plan.unit, plan.model, plan.without).decide(rows.texts)
    statistics = Statistics()
    for text, decision in zip(rows.texts, decisions, strict=True):
        statistics.add(decision, len(text))
    outputs = {}
    for role, path in plan.outputs(task.input).items():
        raw = parts[role](plan, form, name, rows, decisions) if role in parts else b""
        raw = _errors(name, rows.problems) if role == "errors" else raw
        outputs[role] = raw and compressed(raw, name_parts(path)[1])
    complaints = [f"{name}:{p.line}: {p.detail}" if p.line else f"{name}: {p.detail}" for p in rows.problems]
    return Outcome(outputs, statistics, Counter(p.kind for p in rows.problems if p.line), complaints[:_COMPLAINTS])


def _kept(plan: Plan, form: Format, name: str, rows: Rows, decisions: list[Decision]) -> bytes:
    if plan.form == "dolma":
        model = _prefilter(plan.threshold, plan.unit, plan.model, plan.without).scorer.card.name
        return b"".join(dumped(_attributes(rows, i, name, model, decisions[i])) + b"\n" for i in range(len(decisions)))
    if plan.form == "annotated":
        return form.write(rows, range(len(decisions)), {}, {i: annotation(d.report) for i, d in enumerate(decisions)})
    staying = [i for i, decision in enumerate(decisions) if decision.keep]
    return form.write(rows, staying, {i: decisions[i].kept(rows.texts[i]) for i in staying if decisions[i].cuts}, None)


def _rejected(plan: Plan, form: Format, name: str, rows: Rows, decisions: list[Decision]) -> bytes:
    if plan.unit == "document":
        going = [i for i, decision in enumerate(decisions) if not decision.keep]
        return form.write(rows, going, {}, {i: annotation(decisions[i].report) for i in going})
    return form.listing(
        [
            Listed(rows.ids[i], name, rows.lines[i], *cut, rows.texts[i][cut.start : cut.end])
            for i, decision in enumerate(decisions)
            for cut in decision.cuts
        ]
    )


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


@cache
def _prefilter(threshold: str | float, unit: Unit, model: str, without: tuple[str, ...]) -> Prefilter:
    return Prefilter(threshold, unit, model, without)


@contextmanager
def _worker(plan: Plan) -> Iterator[Connection]:
    """A process that answers what becomes of a task, at the other end of a pipe."""
    # Spawned: a process with threads cannot be forked safely. Nor would a pool do, which can wait for ever on a worker
    # that is killed while it is sent a task.
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_answer, args=(theirs, plan), daemon=True)
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


def _answer(pipe: Connection, plan: Plan) -> None:
    """Answer until nobody asks; Ctrl-C is for who began this process, and it does not outlive that."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_follow, daemon=True).start()
    with suppress(EOFError, OSError, MemoryError):
        while True:
            pipe.send(outcome(plan, pipe.recv()))


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
        raise InputError("a worker was killed, perhaps for want of memory; use fewer --workers") from error


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
