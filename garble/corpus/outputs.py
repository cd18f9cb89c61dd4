"""Files that are written beside their place, and a journal of how far they reach.

`kept.jsonl` is `kept.jsonl.part` until it is whole; `kept.jsonl.resume` says how many bytes of it count.
"""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any, BinaryIO, Self

from garble.corpus.plan import Plan, is_stream
from garble.corpus.records import Block, Format, JsonLines, Layout
from garble.corpus.streams import compressed, name_parts
from garble.corpus.work import Outcome, Task
from garble.io import STDIN, InputError
from garble.prefilter import Statistics

# Seconds between two entries in the journal.
_PAUSE = 1.0


@dataclass
class Progress:
    """How far a run has come.

    input, place, line: where it reads on; an input that could not be read further has the place -1. sizes: the bytes
    of each output so far. is_whole: whether the outputs of this input have all they will have. read: bytes of the
    inputs that are read, as they lie on the disk. unread: inputs that could not be read to their end. problems: bad
    records, by what is wrong with them.
    """

    input: int = 0
    place: int = 0
    line: int = 1
    sizes: dict[str, int] = field(default_factory=dict)
    is_whole: bool = False
    read: int = 0
    unread: int = 0
    statistics: Statistics = field(default_factory=Statistics)
    problems: Counter[str] = field(default_factory=Counter)

    @property
    def records(self) -> int:
        """Records seen, good and bad."""
        return self.statistics.counts["documents"] + self.problems.total()


class Journal:
    """How far a run has come, in a file that is there as long as the run is unfinished.

    settings: what the run does, by which a run can be told from another.
    """

    def __init__(self, path: Path | None, settings: dict[str, Any]) -> None:
        self._path = path
        self._settings = settings

    def read(self) -> Progress | None:
        """The last entry; None where no run was stopped. Raises InputError when it is another run's."""
        if self._path is None or not self._path.exists():
            return None
        try:
            entry = json.loads(self._path.read_text("utf-8"))
            progress, settings = entry["progress"], entry["settings"]
            statistics, problems = Statistics.of_dict(progress["statistics"]), Counter(progress["problems"])
            found = Progress(**{**progress, "statistics": statistics, "problems": problems})
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(str(self._path), "no journal of garble filter; remove it to begin anew") from error
        changed = [name for name, value in self._settings.items() if settings.get(name) != value]
        if changed:
            raise InputError(str(self._path), f"of a run with other {', '.join(changed)}; it cannot be gone on with")
        return found

    def write(self, progress: Progress) -> None:
        """A new entry, in one stroke."""
        if self._path is None:
            return
        # A Counter is a dict to JSON; the statistics are not.
        entry = {**vars(progress), "statistics": progress.statistics.to_dict()}
        beside = self._path.with_name(self._path.name + ".new")
        with beside.open("w", encoding="utf-8") as file:
            json.dump({"settings": self._settings, "progress": entry}, file)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self._path)

    def remove(self) -> None:
        """The run is done."""
        if self._path is not None:
            with suppress(FileNotFoundError):
                self._path.unlink()


class Output:
    """A file beside its place; or a stream, such as standard output.

    size: how many bytes of it count, from an earlier run; None to begin anew.
    """

    def __init__(self, path: str, size: int | None = None) -> None:
        self._is_stream = is_stream(path)
        if self._is_stream:
            self._file: BinaryIO = sys.stdout.buffer if path == STDIN else Path(path).open("wb")  # noqa: SIM115
            return
        part = _part(path)
        part.parent.mkdir(parents=True, exist_ok=True)
        self._file = part.open("wb" if size is None else "r+b")
        self._file.seek(self._file.truncate(size or 0))

    def write(self, raw: bytes) -> None:
        """Add to the end."""
        self._file.write(raw)

    def saved(self) -> int:
        """The bytes written so far, now safe on the disk; 0 of a stream."""
        self._file.flush()
        if self._is_stream:
            return 0
        os.fsync(self._file.fileno())
        return self._file.tell()

    def close(self) -> None:
        """Leave what there is."""
        self._file.flush()
        if self._file is not sys.stdout.buffer:
            self._file.close()


def put(path: str, form: Format) -> None:
    """What was written beside a file takes its place, unless it has already."""
    part = _part(path)
    if not is_stream(path) and part.exists():
        form.whole(part).replace(path)
        part.unlink(missing_ok=True)


def discard(path: str) -> None:
    """Nothing takes the place of a file of which nothing was written."""
    if not is_stream(path):
        _part(path).unlink(missing_ok=True)


def _part(path: str) -> Path:
    return Path(f"{path}.part")


class Writer:
    """Writes what becomes of the blocks of a plan, into the same outputs for all inputs or into some for each.

    progress: is kept up to date, and entered in the journal now and then.
    """

    def __init__(self, plan: Plan, journal: Journal, progress: Progress) -> None:
        self._plan = plan
        self._journal = journal
        self._progress = progress
        self._outputs: dict[str, Output] = {}
        self._entered = monotonic()
        if progress.is_whole:
            self._put()
        else:
            self._open()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        # A run that is broken off has its last entry to go by: what came after may be half done.
        if kind is None:
            self._journal.remove()
        for output in self._outputs.values():
            # Of a full disk the run itself complains.
            with suppress(OSError):
                output.close()

    def write(self, task: Task, outcome: Outcome) -> None:
        """What became of the next block."""
        while self._progress.input < task.input:
            self._leave_input()
        progress = self._progress
        if isinstance(task.block, Block):
            if "kept" not in progress.sizes:
                self._begin(task.block.head)
            progress.place, progress.line = task.block.place, task.block.after
        else:
            progress.place = -1
            progress.unread += 1
        for role, raw in outcome.outputs.items():
            self._outputs[role].write(raw)
        progress.statistics.merge(outcome.statistics)
        progress.problems.update(outcome.problems)
        if monotonic() - self._entered > _PAUSE:
            self._enter()

    def finish(self) -> None:
        """Put everything into its place."""
        while self._progress.input < len(self._plan.sources):
            self._leave_input()

    def _open(self) -> None:
        for role, path in self._plan.outputs(self._progress.input).items():
            if role not in self._outputs:
                self._outputs[role] = Output(path, self._progress.sizes.get(role))

    def _begin(self, head: bytes) -> None:
        """Write what stands before the records."""
        plan, form = self._plan, self._plan.format(self._progress.input)
        kept = b"" if plan.form == "dolma" else form.begin(head, plan.form == "annotated")
        rejected = form.begin(head, True) if plan.unit == "document" else form.begin_listing()
        for role, raw in {"kept": kept, "rejected": rejected}.items():
            if role in self._outputs:
                compression = name_parts(plan.outputs(self._progress.input)[role])[1]
                self._outputs[role].write(compressed(raw, compression))
                self._progress.sizes[role] = 0

    def _enter(self) -> None:
        """Make safe what is written, and note in the journal that it is."""
        saved = {role: output.saved() for role, output in self._outputs.items()}
        # Of an input that could not be read at all nothing is begun but its complaint.
        self._progress.sizes = {r: size for r, size in saved.items() if r in self._progress.sizes or r == "errors"}
        self._journal.write(self._progress)
        self._entered = monotonic()

    def _leave_input(self) -> None:
        if self._plan.follows(self._progress.input):
            self._go_on()
            return
        self._progress.is_whole = True
        self._enter()
        self._put()

    def _put(self) -> None:
        """Put the outputs that are whole into their places, and open those of the next input."""
        plan, progress = self._plan, self._progress
        following = plan.outputs(progress.input + 1) if progress.input + 1 < len(plan.sources) else {}
        for role, path in plan.outputs(progress.input).items():
            if following.get(role) == path:
                continue
            if role in self._outputs:
                self._outputs.pop(role).close()
            if role in progress.sizes:
                put(path, JsonLines(Layout()) if role == "errors" else plan.format(progress.input))
            else:
                discard(path)
        progress.sizes = {role: size for role, size in progress.sizes.items() if role in following and role == "errors"}
        progress.is_whole = False
        self._go_on()
        if following:
            self._open()

    def _go_on(self) -> None:
        self._progress.input += 1
        self._progress.place, self._progress.line = 0, 1
