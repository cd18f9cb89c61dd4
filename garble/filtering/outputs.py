"""Files that are written beside their place, and a journal of how far they reach.

`kept.jsonl` is `kept.jsonl.part` until it is whole; `kept.jsonl.resume` says how many bytes of it count. As long as
a run has these files open, no other can write them.
"""

from __future__ import annotations

import errno
import json
import os
import stat
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any, BinaryIO

from garble.errors import InputError
from garble.filtering.decisions import Statistics
from garble.filtering.formats.base import Block, Format
from garble.filtering.plan import Plan
from garble.filtering.streams import compressed, is_stream, name_parts
from garble.filtering.work import Outcome, Task
from garble.io import STDIN
from garble.report.reasons import BINS

if sys.platform != "win32":
    import fcntl

# No link is followed, and no line end changed, where the system has such a choice.
_UNFOLLOWED = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
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

    settings: what the run does, by which a run can be told from another. path: None for no journal.
    Raises InputError when another run is at it.
    """

    def __init__(self, path: Path | None, settings: dict[str, Any]) -> None:
        self._settings = settings
        self._paths = (path, path.with_name(path.name + ".new")) if path else None
        self._file = held(path) if path else None

    def read(self) -> Progress | None:
        """The last entry; None where no run was stopped. Raises InputError when it is another run's."""
        if self._file is None or self._paths is None or not (raw := self._file.read()):
            return None
        name = str(self._paths[0])
        try:
            entry = json.loads(raw)
            found, settings = _progress(entry["progress"]), dict(entry["settings"])
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise InputError(name, "not a journal of garble filter; remove it to start again") from error
        changed = [name for name, value in self._settings.items() if settings.get(name) != value]
        if changed:
            problem = f"journal has different settings ({', '.join(changed)}); cannot resume"
            raise InputError(name, problem)
        return found

    def clear(self) -> None:
        """Forget the run before."""
        if self._file is not None:
            self._file.truncate(0)
            os.fsync(self._file.fileno())

    def write(self, progress: Progress) -> None:
        """A new entry, in one stroke."""
        if self._file is None or self._paths is None:
            return
        # A Counter is a dict to JSON; the statistics are not.
        entry = {**vars(progress), "statistics": progress.statistics.to_dict()}
        path, beside = self._paths
        file = held(beside)
        file.truncate(file.write(json.dumps({"settings": self._settings, "progress": entry}).encode()))
        file.flush()
        os.fsync(file.fileno())
        beside.replace(path)
        self._file.close()
        self._file = file

    def remove(self) -> None:
        """The run is done."""
        for path in self._paths or ():
            path.unlink(missing_ok=True)

    def close(self) -> None:
        """Leave it to others."""
        if self._file is not None:
            self._file.close()


def _progress(entry: dict[str, Any]) -> Progress:
    """The progress in an entry of a journal. Raises one of many errors for what is none."""
    counts = Statistics.of_dict(entry["statistics"]), Counter(entry["problems"])
    found = Progress(**{**entry, "statistics": counts[0], "problems": counts[1]})
    numbers = [found.input, found.place, found.line, found.read, found.unread, *found.sizes.values()]
    numbers += [*counts[0].counts.values(), *counts[0].histogram, *counts[1].values()]
    if not all(type(number) is int for number in numbers) or len(counts[0].histogram) != BINS:
        raise ValueError("no numbers")
    return found


class Output:
    """A file beside its place; or a stream, such as standard output.

    size: how many bytes of it count, from an earlier run; None to begin anew.
    Raises InputError for a file that has not so many, or that another run is writing.
    """

    def __init__(self, path: str, size: int | None = None) -> None:
        self._path = path
        self._is_stream = is_stream(path)
        if self._is_stream:
            self._file = _standard_output() if path == STDIN else Path(path).open("wb")  # noqa: SIM115
            return
        part = _part(path)
        if size and not (part.exists() and part.stat().st_size >= size):
            raise InputError(str(part), "shorter than the journal says; use --overwrite to start again")
        self._file = held(part)
        self._file.seek(self._file.truncate(size or 0))

    def write(self, raw: bytes) -> None:
        """Add to the end."""
        with _named(self._path):
            self._file.write(raw)

    def saved(self) -> int:
        """The bytes written so far, now safe on the disk; 0 of a stream."""
        with _named(self._path):
            self._file.flush()
            if self._is_stream:
                return 0
            os.fsync(self._file.fileno())
            return self._file.tell()

    def close(self) -> None:
        """Leave what there is."""
        if self._path != STDIN:
            # What cannot be written was told of when it was to be safe.
            with suppress(OSError):
                self._file.close()


def held(path: Path) -> BinaryIO:
    """A file that is this run's alone, new or as it is, to be read and written.

    Raises InputError if another has it, and for a link: what that stands for is somebody else's.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        number = os.open(path, os.O_RDWR | os.O_CREAT | _UNFOLLOWED, 0o666)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise InputError(str(path), "is a symbolic link; remove it") from error
        raise
    about = os.fstat(number)
    if not stat.S_ISREG(about.st_mode) or about.st_nlink > 1:
        os.close(number)
        raise InputError(str(path), "not a regular file, or has several hard links; remove it")
    file = open(number, "r+b")  # noqa: SIM115
    if not _is_free(file, path):
        file.close()
        raise InputError(str(path), "in use by another run")
    return file


def put(path: str, form: Format) -> None:
    """What was written beside a file takes its place, unless it has already."""
    part = _part(path)
    if is_stream(path) or not part.exists():
        return
    if not part.stat().st_size:
        # An empty archive still needs a header.
        part.write_bytes(compressed(b"", name_parts(path)[1]))
    with _named(path):
        form.whole(part).replace(_target(path))
    part.unlink(missing_ok=True)


def discard(path: str) -> None:
    """Nothing takes the place of a file of which nothing was written."""
    if not is_stream(path):
        _part(path).unlink(missing_ok=True)


@contextmanager
def _named(path: str) -> Iterator[None]:
    """What goes wrong names the file."""
    try:
        yield
    except OSError as error:
        error.filename = path
        raise


def _part(path: str) -> Path:
    return _target(path).with_name(f"{_target(path).name}.part")


def _target(path: str) -> Path:
    """A link stays one, and what it stands for is written."""
    return Path(os.path.realpath(path) if os.path.islink(path) else path)


def _is_free(file: BinaryIO, path: Path) -> bool:
    try:
        if sys.platform != "win32":
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # The other run may just have put it into its place.
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except (BlockingIOError, FileNotFoundError):
        return False
    except OSError:
        # Not every file system can lock.
        return True


def _standard_output() -> BinaryIO:
    if sys.stdout is None:
        raise InputError("standard output", "closed")
    return sys.stdout.buffer


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

    def begin(self) -> None:
        """Open the outputs where the run is to go on."""
        if self._progress.is_whole:
            self._put()
        else:
            self._open()

    def write(self, task: Task, outcome: Outcome) -> None:
        """What became of the next block."""
        while self._progress.input < task.input:
            self._leave_input()
        progress = self._progress
        if isinstance(task.block, Block):
            if self._plan.whole:
                self._place_whole(outcome.statistics)
            elif "kept" not in progress.sizes:
                self._head(task.block.head)
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
        """Put everything into its place; the run is done."""
        while self._progress.input < len(self._plan.sources):
            self._leave_input()
        self._journal.remove()

    def close(self) -> None:
        """Leave what there is: a run that is broken off has its last entry to go by."""
        for output in self._outputs.values():
            output.close()

    def _open(self) -> None:
        for role, path in self._plan.outputs(self._progress.input).items():
            if role not in self._outputs:
                self._outputs[role] = Output(path, self._progress.sizes.get(role))

    def _head(self, head: bytes) -> None:
        """Write what stands before the records."""
        plan, number = self._plan, self._progress.input
        rejected = plan.written("rejected", number)
        heads = {
            "kept": plan.written("kept", number).begin(head, plan.form == "annotated"),
            "rejected": rejected.begin(head, True) if plan.unit == "document" else rejected.begin_listing(),
        }
        for role, raw in heads.items():
            if role in self._outputs:
                self._outputs[role].write(raw and compressed(raw, name_parts(plan.outputs(number)[role])[1]))
                self._progress.sizes[role] = 0

    def _place_whole(self, statistics: Statistics) -> None:
        """Of a whole file one output is made; a list of dropped ones is made in any case."""
        roles = [role for role, count in (("kept", "kept"), ("rejected", "dropped")) if statistics.counts[count]]
        for role in [*roles, *(["rejected"] if self._plan.lists else [])]:
            if role in self._outputs:
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
            if role in progress.sizes:
                put(path, plan.written(role, progress.input))
            else:
                discard(path)
                if plan.whole and role != "errors":
                    # Of an earlier run, which decided otherwise.
                    Path(path).unlink(missing_ok=True)
            if role in self._outputs:
                self._outputs.pop(role).close()
        places = plan.outputs(progress.input)
        progress.sizes = {role: size for role, size in progress.sizes.items() if following.get(role) == places[role]}
        progress.is_whole = False
        self._go_on()
        if following:
            self._open()

    def _go_on(self) -> None:
        self._progress.input += 1
        self._progress.place, self._progress.line = 0, 1
