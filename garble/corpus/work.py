"""What becomes of a block of records, and the workers that find it out."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections import Counter, deque
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from functools import cache
from itertools import chain, islice
from threading import Thread
from typing import Any, NamedTuple

from garble.corpus.plan import Plan
from garble.corpus.records import Block, Format, Listed, Problem, Rows, dumped
from garble.corpus.streams import compressed, name_parts
from garble.io import InputError, name_of
from garble.prefilter import Decision, Prefilter, Statistics, Unit, annotation

# Complaints of one block that are passed on; whoever wants all has the file of errors.
_COMPLAINTS = 10


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


def outcomes(plan: Plan, tasks: Iterator[Task], workers: int) -> Iterator[tuple[Task, Outcome]]:
    """What becomes of each task, in order; no more blocks are under way than keep the workers busy.

    A single worker needs no process of its own, nor does a single block.
    """
    ahead = list(islice(tasks, 2))
    tasks = chain(ahead, tasks)
    if workers == 1 or len(ahead) < 2:
        yield from ((task, outcome(plan, task)) for task in tasks)
        return
    # Spawned: a process with threads cannot be forked safely.
    pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _begin)
    waiting: deque[tuple[Task, Future[Outcome]]] = deque()
    try:
        for task in tasks:
            waiting.append((task, pool.submit(outcome, plan, task)))
            if len(waiting) > workers + 1:
                yield _done(waiting)
        while waiting:
            yield _done(waiting)
    finally:
        # Whoever stops early does not wait for what is under way.
        for process in multiprocessing.active_children() if waiting else []:
            process.terminate()
        pool.shutdown(cancel_futures=True)


def outcome(plan: Plan, task: Task) -> Outcome:
    """What becomes of a block."""
    name, form = name_of(plan.sources[task.input].path), plan.format(task.input)
    if isinstance(task.block, InputError):
        rows = Rows([], [], [], None, [Problem(0, "unreadable", task.block.args[-1], b"")])
        parts = {}
    else:
        rows = form.parse(task.block)
        parts = {"kept": _kept, "rejected": _rejected}
    decisions = _prefilter(plan.threshold, plan.unit, plan.model).decide(rows.texts)
    statistics = Statistics()
    for text, decision in zip(rows.texts, decisions, strict=True):
        statistics.add(decision, len(text))
    outputs = {}
    for role, path in plan.outputs(task.input).items():
        raw = parts[role](plan, form, name, rows, decisions) if role in parts else b""
        raw = _errors(name, rows.problems) if role == "errors" else raw
        outputs[role] = compressed(raw, name_parts(path)[1])
    complaints = [f"{name}:{p.line}: {p.detail}" if p.line else f"{name}: {p.detail}" for p in rows.problems]
    return Outcome(outputs, statistics, Counter(p.kind for p in rows.problems), complaints[:_COMPLAINTS])


def _kept(plan: Plan, form: Format, name: str, rows: Rows, decisions: list[Decision]) -> bytes:
    if plan.form == "dolma":
        model = _prefilter(plan.threshold, plan.unit, plan.model).scorer.card.name
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
def _prefilter(threshold: str | float, unit: Unit, model: str) -> Prefilter:
    return Prefilter(threshold, unit, model)


def _done(waiting: deque[tuple[Task, Future[Outcome]]]) -> tuple[Task, Outcome]:
    task, future = waiting.popleft()
    return task, future.result()


def _begin() -> None:
    """A worker leaves Ctrl-C to the process that began it, and does not outlive it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_follow, daemon=True).start()


def _follow() -> None:
    if (parent := multiprocessing.parent_process()) is not None:
        parent.join()
        os._exit(1)
