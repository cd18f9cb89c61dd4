"""Output files with atomic replacement, and the journal for --resume.

`kept.jsonl` is written to `kept.jsonl.part` and renamed when it is complete. `kept.jsonl.resume` records how many bytes
of it are valid. The files are locked, so that no other run can write them.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import stat
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from typing import Any, BinaryIO

from garble.errors import InputError
from garble.filtering.decisions import Statistics
from garble.filtering.formats.base import Block, OutputFormat
from garble.filtering.plan import Plan
from garble.filtering.remote import check_writable, is_remote, remove, upload
from garble.filtering.streams import compressed, is_stream, name_parts
from garble.filtering.work import Outcome, Task
from garble.io import STDIN
from garble.report.reasons import BINS

if sys.platform != "win32":
    import fcntl

# Do not follow links or convert line endings, where the system supports these flags.
_OPEN_FLAGS = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
# Seconds between two entries in the journal: frequent enough to lose little, rare enough to cost little.
_SECONDS_BETWEEN_ENTRIES = 1.0


@dataclass
class Progress:
    """The progress of a run.

    input, position, line: where to continue reading; position is -1 if the input cannot be read further. sizes: bytes
    written to each output. is_whole: whether the outputs of this input are complete. bytes_read: bytes of
    the input files that are read, before decompression. taken: records read, only with a limit. unread: inputs that
    could not be read completely. problems: bad records by kind of problem.
    """

    input: int = 0
    position: int = 0
    line: int = 1
    sizes: dict[str, int] = field(default_factory=dict)
    is_whole: bool = False
    bytes_read: int = 0
    taken: int = 0
    unread: int = 0
    statistics: Statistics = field(default_factory=Statistics)
    problems: Counter[str] = field(default_factory=Counter)

    @property
    def records(self) -> int:
        """Records processed, including bad ones."""
        return self.statistics.counts["documents"] + self.problems.total()


class Journal:
    """A file with the progress of a run, which exists until the run is finished.

    settings: those of the run; they must be the same to resume it. path: None for no journal.
    Raises InputError if another run uses the file.
    """

    def __init__(self, path: Path | None, settings: dict[str, Any]) -> None:
        self._settings = settings
        self._paths = (path, path.with_name(path.name + ".new")) if path else None
        self._file = open_locked(path) if path else None

    def read(self) -> Progress | None:
        """The last entry; None if no run was stopped. Raises InputError for a run with other settings."""
        if self._file is None or self._paths is None or not (raw := self._file.read()):
            return None
        name = str(self._paths[0])
        try:
            entry = json.loads(raw)
            progress, settings = _progress(entry["progress"]), dict(entry["settings"])
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise InputError(name, "not a journal of garble filter; remove it to start again") from error
        changed = [name for name, value in self._settings.items() if settings.get(name) != value]
        if changed:
            problem = f"journal has different settings ({', '.join(changed)}); cannot resume"
            raise InputError(name, problem)
        return progress

    def clear(self) -> None:
        """Delete the entry of an earlier run."""
        if self._file is not None:
            self._file.truncate(0)
            os.fsync(self._file.fileno())

    def write(self, progress: Progress) -> None:
        """Replace the entry atomically."""
        if self._file is None or self._paths is None:
            return
        # JSON writes a Counter as a dict, but cannot write Statistics.
        entry = {**vars(progress), "statistics": progress.statistics.to_dict()}
        path, new_path = self._paths
        file = open_locked(new_path)
        file.truncate(file.write(json.dumps({"settings": self._settings, "progress": entry}).encode()))
        file.flush()
        os.fsync(file.fileno())
        new_path.replace(path)
        self._file.close()
        self._file = file

    def remove(self) -> None:
        """Remove the journal of a finished run."""
        for path in self._paths or ():
            path.unlink(missing_ok=True)

    def close(self) -> None:
        """Close the file and release the lock."""
        if self._file is not None:
            self._file.close()


def _progress(entry: dict[str, Any]) -> Progress:
    """The progress in a journal entry. Raises several kinds of errors for an invalid entry."""
    counts = Statistics.of_dict(entry["statistics"]), Counter(entry["problems"])
    progress = Progress(**{**entry, "statistics": counts[0], "problems": counts[1]})
    numbers = [
        progress.input,
        progress.position,
        progress.line,
        progress.bytes_read,
        progress.taken,
        progress.unread,
        *progress.sizes.values(),
    ]
    numbers += [*counts[0].counts.values(), *counts[0].histogram, *counts[1].values()]
    if not all(type(number) is int for number in numbers) or len(counts[0].histogram) != BINS:
        raise ValueError("no numbers")
    return progress


class Output:
    """An output file, written to its .part file; or a stream, such as standard output.

    part: the .part file. size: number of valid bytes of an earlier run; None to start again.
    Raises InputError if the file is shorter, or if another run writes it.
    """

    def __init__(self, path: str, part: Path, size: int | None = None) -> None:
        self._path = path
        self._is_stream = is_stream(path)
        if self._is_stream:
            self._file = _standard_output() if path == STDIN else Path(path).open("wb")  # noqa: SIM115
            return
        if size and not (part.exists() and part.stat().st_size >= size):
            raise InputError(str(part), "shorter than the journal says; use --overwrite to start again")
        self._file = open_locked(part)
        self._file.seek(self._file.truncate(size or 0))

    def write(self, raw: bytes) -> None:
        """Append bytes."""
        with _naming(self._path):
            self._file.write(raw)

    def sync(self) -> int:
        """Flush to disk and return the number of bytes written; 0 for a stream."""
        with _naming(self._path):
            self._file.flush()
            if self._is_stream:
                return 0
            os.fsync(self._file.fileno())
            return self._file.tell()

    def close(self) -> None:
        """Close the file and leave it in place."""
        if self._path != STDIN:
            # A write error was already reported by `sync`.
            with suppress(OSError):
                self._file.close()


def open_locked(path: Path) -> BinaryIO:
    """Open a new or existing file for reading and writing, and lock it.

    Raises InputError if another run has locked it, and for a link, whose target may belong to another user.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        number = os.open(path, os.O_RDWR | os.O_CREAT | _OPEN_FLAGS, 0o666)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise InputError(str(path), "is a symbolic link; remove it") from error
        raise
    status = os.fstat(number)
    if not stat.S_ISREG(status.st_mode) or status.st_nlink > 1:
        os.close(number)
        raise InputError(str(path), "not a regular file, or has several hard links; remove it")
    file = open(number, "r+b")  # noqa: SIM115
    if not _lock(file, path):
        file.close()
        raise InputError(str(path), "in use by another run")
    return file


def move_into_place(path: str, part: Path, form: OutputFormat) -> None:
    """Rename the .part file to its final name, or upload it, unless that is done."""
    if is_stream(path) or not part.exists():
        return
    if not part.stat().st_size:
        # An empty archive still needs a header.
        part.write_bytes(compressed(b"", name_parts(path)[1]))
    with _naming(path):
        finished = form.finish(part)
        if is_remote(path):
            upload(finished, path)
            finished.unlink()
        else:
            finished.replace(_target(path))
    part.unlink(missing_ok=True)


def discard(path: str, part: Path) -> None:
    """Remove the .part file of an output without content."""
    if not is_stream(path):
        part.unlink(missing_ok=True)


@contextmanager
def _naming(path: str) -> Iterator[None]:
    """Add the file name to an OSError."""
    try:
        yield
    except OSError as error:
        error.filename = path
        raise


def _part(path: str) -> Path:
    return _target(path).with_name(f"{_target(path).name}.part")


def _target(path: str) -> Path:
    """The final path; for a link, its target, so that the link is kept."""
    return Path(os.path.realpath(path) if os.path.islink(path) else path)


def _lock(file: BinaryIO, path: Path) -> bool:
    try:
        if sys.platform != "win32":
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # The other run may just have renamed it.
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except (BlockingIOError, FileNotFoundError):
        return False
    except OSError:
        # Some file systems do not support locks.
        return True


def _standard_output() -> BinaryIO:
    if sys.stdout is None:
        raise InputError("standard output", "closed")
    return sys.stdout.buffer


class Writer:
    """Writes the outcomes of a plan, to the same outputs for all inputs or to separate ones for each.

    progress: is updated, and written to the journal every second.
    """

    def __init__(self, plan: Plan, journal: Journal, progress: Progress) -> None:
        self._plan = plan
        self._journal = journal
        self._progress = progress
        self._outputs: dict[str, Output] = {}
        self._last_entry = monotonic()
        self._spool: TemporaryDirectory[str] | None = None

    def begin(self) -> None:
        """Open the outputs at the position of the progress."""
        for url in filter(is_remote, self._plan.places):
            check_writable(url)
        if self._progress.is_whole:
            self._move_into_place()
        else:
            self._open_outputs()

    def write(self, task: Task, outcome: Outcome) -> None:
        """Write the outcome of the next block."""
        while self._progress.input < task.input:
            self._finish_input()
        progress = self._progress
        progress.taken = task.taken
        if isinstance(task.block, Block):
            if self._plan.whole:
                self._mark_whole_files(outcome.statistics)
            elif "kept" not in progress.sizes:
                self._write_headers(task.block.head)
            progress.position, progress.line = task.block.position, task.block.after
        else:
            progress.position = -1
            progress.unread += 1
        for role, raw in outcome.outputs.items():
            self._outputs[role].write(raw)
        progress.statistics.merge(outcome.statistics)
        progress.problems.update(outcome.problems)
        if monotonic() - self._last_entry > _SECONDS_BETWEEN_ENTRIES:
            self._write_entry()

    def finish(self) -> None:
        """Rename all outputs to their final names and remove the journal."""
        while self._progress.input < len(self._plan.sources):
            self._finish_input()
        self._journal.remove()

    def close(self) -> None:
        """Close the outputs. A stopped run can be resumed from its last journal entry."""
        for output in self._outputs.values():
            output.close()
        if self._spool:
            self._spool.cleanup()

    def _part(self, path: str) -> Path:
        """The .part file of an output; that of a remote one is in a temporary folder."""
        if not is_remote(path):
            return _part(path)
        self._spool = self._spool or TemporaryDirectory(prefix="garble-")
        return Path(self._spool.name, hashlib.sha256(path.encode()).hexdigest())

    def _open_outputs(self) -> None:
        for role, path in self._plan.outputs(self._progress.input).items():
            if role not in self._outputs:
                self._outputs[role] = Output(path, self._part(path), self._progress.sizes.get(role))

    def _write_headers(self, head: bytes) -> None:
        """Write the headers of the outputs."""
        plan, number = self._plan, self._progress.input
        rejected = plan.output_format("rejected", number)
        heads = {
            "kept": plan.output_format("kept", number).begin(head, plan.form == "annotated"),
            "rejected": rejected.begin(head, True) if plan.unit == "document" else rejected.begin_cuts(),
        }
        for role, raw in heads.items():
            if role in self._outputs:
                self._outputs[role].write(raw and compressed(raw, name_parts(plan.outputs(number)[role])[1]))
                self._progress.sizes[role] = 0

    def _mark_whole_files(self, statistics: Statistics) -> None:
        """Mark the output of a whole file as written; the list of dropped files always is."""
        roles = [role for role, count in (("kept", "kept"), ("rejected", "dropped")) if statistics.counts[count]]
        for role in [*roles, *(["rejected"] if self._plan.lists_rejected else [])]:
            if role in self._outputs:
                self._progress.sizes[role] = 0

    def _write_entry(self) -> None:
        """Flush the outputs to disk and write a journal entry."""
        saved = {role: output.sync() for role, output in self._outputs.items()}
        # An input that could not be read at all has no output but its error.
        self._progress.sizes = {r: size for r, size in saved.items() if r in self._progress.sizes or r == "errors"}
        self._journal.write(self._progress)
        self._last_entry = monotonic()

    def _finish_input(self) -> None:
        if self._plan.shares_outputs(self._progress.input):
            self._next_input()
            return
        self._progress.is_whole = True
        self._write_entry()
        self._move_into_place()

    def _move_into_place(self) -> None:
        """Rename complete outputs to their final names, and open those of the next input."""
        plan, progress = self._plan, self._progress
        following = plan.outputs(progress.input + 1) if progress.input + 1 < len(plan.sources) else {}
        for role, path in plan.outputs(progress.input).items():
            if following.get(role) == path:
                continue
            if role in progress.sizes:
                move_into_place(path, self._part(path), plan.output_format(role, progress.input))
            else:
                discard(path, self._part(path))
                if plan.whole and role != "errors":
                    # From an earlier run with another decision.
                    remove(path) if is_remote(path) else Path(path).unlink(missing_ok=True)
            if role in self._outputs:
                self._outputs.pop(role).close()
        places = plan.outputs(progress.input)
        progress.sizes = {role: size for role, size in progress.sizes.items() if following.get(role) == places[role]}
        progress.is_whole = False
        self._next_input()
        if following:
            self._open_outputs()

    def _next_input(self) -> None:
        self._progress.input += 1
        self._progress.position, self._progress.line = 0, 1
