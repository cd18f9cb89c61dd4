"""What is to be done with a corpus: which files come in, where the outputs go, and what is decided by."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from glob import glob
from pathlib import Path
from typing import NamedTuple

from garble.calibration import Threshold
from garble.errors import InputError
from garble.filtering import streams
from garble.filtering.decisions import OtherLanguages, Unit
from garble.filtering.formats import SUFFIXES, format_of
from garble.filtering.formats.base import Format, Layout
from garble.filtering.formats.lines import JsonLines
from garble.filtering.formats.whole import Whole
from garble.filtering.streams import is_stream
from garble.io import STDIN, files_inside, is_text, name_of
from garble.scorer import Settings


class Source(NamedTuple):
    """An input: its path, and the name it has within a folder of outputs."""

    path: str
    name: str


@dataclass(frozen=True)
class Plan:
    """What is to be done.

    sources: the inputs, in order. kept: a file, "-" for standard output, or a folder (one that is there, or named with
    a slash at its end), which takes a file for every input. rejected: the same for what is dropped. errors: a file of
    JSON Lines for records that cannot be read. Without them neither is written. report: a file that somebody else
    writes; no other may be that file.
    form: "records" filters; "annotated" keeps every record and notes what was found; "dolma" writes an attribute file.
    layout: where a record has its text and its id. unit, threshold, model, without, reader, markup, language,
    other_languages: as in `garble.filtering.decisions.Prefilter`.
    fail_fast: stop at the first bad record. whole: each input is one document. It is copied to the folder `kept` or
    the folder `rejected`, or listed in the file `rejected` as JSON Lines.
    """

    sources: tuple[Source, ...]
    kept: str
    rejected: str | None = None
    errors: str | None = None
    report: str | None = None
    form: str = "records"
    layout: Layout = field(default_factory=Layout)
    unit: Unit = "document"
    threshold: Threshold = "balanced"
    model: str = "en"
    without: tuple[str, ...] = ()
    reader: str = "unsure"
    markup: str = "auto"
    language: str = "auto"
    other_languages: OtherLanguages = "score"
    fail_fast: bool = False
    whole: bool = False

    @property
    def settings(self) -> Settings:
        """Those of the scorer."""
        return {
            "model": self.model,
            "threshold": self.threshold,
            "without": self.without,
            "reader": self.reader,
            "markup": self.markup,
            "language": self.language,
        }

    @property
    def is_folder(self) -> bool:
        """Whether every input has outputs of its own."""
        return _is_folder(self.kept)

    @property
    def journal(self) -> Path | None:
        """Where is written how far a run has come; None where the output is a stream and cannot be gone on with."""
        if self.is_folder:
            return Path(self.kept) / ".resume"
        return None if is_stream(self.kept) else Path(f"{self.kept}.resume")

    def format(self, number: int) -> Format:
        """How an input keeps its records; a stream of no such name does as the outputs do, and may be JSON Lines."""
        if self.whole:
            return Whole(self.layout)
        names = self.sources[number].path, self.kept
        return format_of(next((name for name in names if streams.name_parts(name)[0]), STDIN), self.layout)

    def outputs(self, number: int) -> dict[str, str]:
        """Where what comes of an input is written: kept, rejected, errors."""
        places = {"kept": self.kept, "rejected": self.rejected, "errors": self.errors}
        name = self.sources[number].name
        return {
            role: os.path.join(place, name) if _is_folder(place) else place for role, place in places.items() if place
        }

    @property
    def lists(self) -> bool:
        """Whether whole files that are dropped are listed in one file, and not copied."""
        return self.whole and self.rejected is not None and not _is_folder(self.rejected)

    def follows(self, number: int) -> bool:
        """Whether the input after this one goes into the same outputs."""
        return not self.is_folder and number + 1 < len(self.sources)

    def written(self, role: str, number: int) -> Format:
        """How an output keeps its records."""
        is_json = role == "errors" or (role == "kept" and self.form == "dolma") or (role == "rejected" and self.lists)
        return JsonLines(self.layout) if is_json else self.format(number)


def check(plan: Plan) -> None:
    """Raises InputError for what cannot go well, before anything is written."""
    if plan.whole:
        _check_whole(plan)
    elif plan.is_folder != _is_folder(plan.rejected or plan.kept):
        raise InputError(str(plan.rejected), "-o and --rejected must both be files or both be folders")
    for path in (plan.errors, plan.report):
        if path and _is_folder(path):
            raise InputError(path, "is a folder; expected a file")
    if plan.report and not os.path.isdir(os.path.dirname(os.path.realpath(plan.report))):
        raise InputError(plan.report, "no such folder")
    if plan.form != "records" and plan.rejected:
        raise InputError(plan.rejected, "--rejected has no effect with --annotate or --format dolma")
    numbers = range(len(plan.sources))
    for number in numbers:
        _check_input(plan, number)
        for role, path in plan.outputs(number).items():
            _check_output(plan, number, role, path)
    _check_apart(plan)
    _check_records(plan)
    if not plan.is_folder:
        # What is read of a stream is gone.
        heads = {n: plan.format(n).head(plan.sources[n].path) for n in numbers if not is_stream(plan.sources[n].path)}
        for number, head in heads.items():
            if head != next(iter(heads.values())):
                raise InputError(plan.sources[number].path, f"columns differ from {plan.sources[min(heads)].path}")


def check_inputs(plan: Plan) -> None:
    """Raises InputError for inputs that cannot be read, or whose first records have no text."""
    for number in range(len(plan.sources)):
        _check_input(plan, number)
    _check_records(plan)


def check_free(plan: Plan, resume: bool) -> None:
    """Raises InputError for an output that is there already, and for a run that was stopped and is not gone on with."""
    journal = plan.journal
    is_stopped = journal is not None and journal.is_file() and journal.stat().st_size > 0
    if is_stopped and not resume:
        raise InputError(str(journal), "found a stopped run; use --resume to continue or --overwrite to start again")
    # A run that is gone on with has put some of its outputs into their places.
    places = [] if is_stopped else [path for n in range(len(plan.sources)) for path in plan.outputs(n).values()]
    for path in dict.fromkeys([*places, *([plan.report] if plan.report else [])]):
        if not is_stream(path) and os.path.exists(path):
            raise InputError(path, "exists; use --overwrite to replace it")


def find_sources(paths: Sequence[str], outputs: Sequence[str] = (), whole: bool = False) -> tuple[Source, ...]:
    """The inputs that paths, folders and globs stand for, in order. Raises InputError for one that stands for none.

    A folder stands for the files in it, at any depth, whose names say that they hold records; hidden ones are left out,
    and so is what lies in those of the outputs that are folders within it. whole: or hold texts, which are documents.
    """
    return tuple(source for path in paths for source in _sources(path, outputs, whole))


def marked_up(paths: Sequence[str]) -> str | None:
    """The first of the folders among the paths with texts in it that hold no records; None where there is none."""
    return next((path for path in paths if path != STDIN and os.path.isdir(path) and _has_markup(path)), None)


def _has_markup(folder: str) -> bool:
    found = files_inside(folder, lambda name: is_text(name) and not _is_record(name), "texts")
    return not isinstance(found[-1], InputError)


def _is_record(name: str) -> bool:
    return streams.name_parts(name)[0] in SUFFIXES


def _sources(path: str, outputs: Sequence[str], whole: bool) -> list[Source]:
    if path != STDIN and os.path.isdir(path):
        own = tuple(_inside(output) for output in outputs if _is_folder(output) and _inside(output) != _inside(path))
        what = "texts" if whole else "records"
        files = files_inside(path, is_text if whole else _is_record, what)
        if isinstance(files[0], InputError):
            raise files[0]
        found = [file for file in map(str, files) if not os.path.realpath(file).startswith(own)]
        if not found:
            raise InputError(path, f"contains no {what}")
        return [Source(file, os.path.relpath(file, path)) for file in found]
    is_there = path == STDIN or os.path.exists(path)
    matches = [] if is_there else [match for match in sorted(glob(path, recursive=True)) if os.path.isfile(match)]
    return [Source(match, os.path.basename(match)) for match in matches or [path]]


def _inside(folder: str) -> str:
    """How the paths of all that lies in a folder begin."""
    return os.path.join(os.path.realpath(folder), "")


def _check_whole(plan: Plan) -> None:
    if not plan.is_folder:
        raise InputError(plan.kept, "--whole-files writes to a folder; end its name with /")
    if plan.form != "records":
        raise InputError(
            plan.kept, "--whole-files copies files unchanged; for scores and reasons use --rejected FILE.jsonl"
        )
    if plan.unit != "document":
        raise InputError(plan.kept, f"--whole-files keeps or drops whole files; --unit {plan.unit} is not supported")


def _check_input(plan: Plan, number: int) -> None:
    path = plan.sources[number].path
    if path != STDIN and not os.path.exists(path):
        raise InputError(path, "no such file")
    if plan.is_folder and is_stream(path):
        raise InputError(name_of(path), "a stream cannot be filtered into a folder")
    streams.check(path)
    if _is_endless(path):
        raise InputError(path, "is a device; expected a file")
    form = plan.format(number) if plan.whole or is_stream(path) else format_of(path, plan.layout)
    if plan.form == "annotated" and form.name == "text":
        raise InputError(name_of(path), "plain text cannot be annotated; use .jsonl or --format dolma")
    if is_stream(path) and form.name == "parquet":
        raise InputError(name_of(path), "Parquet cannot be read from a stream")
    if is_stream(path) and form.name in ("csv", "tsv") and len(plan.sources) > 1:
        raise InputError(name_of(path), "CSV from a stream cannot be combined with other inputs")


def _check_records(plan: Plan) -> None:
    """The first records must have their text in the field, in one input at least, and no field where a note goes."""
    noted = plan.form == "annotated" or (plan.rejected is not None and plan.unit == "document")
    faults = []
    for number, source in enumerate(plan.sources[:_LOOKED_AT]):
        if is_stream(source.path):
            return
        fault = plan.format(number).first_fault(source.path, noted)
        if not fault:
            return
        faults.append((name_of(source.path), fault))
    if faults:
        raise InputError(*faults[0])


# Inputs whose first records are looked at, until one is as it must be.
_LOOKED_AT = 20


def _check_output(plan: Plan, number: int, role: str, path: str) -> None:
    streams.check(path)
    wanted = plan.written(role, number).name
    if wanted == Whole.name:
        return
    if path == STDIN:
        if wanted == "parquet":
            raise InputError("standard output", "Parquet is not supported; use a file")
    elif not is_stream(path) and (named := format_of(path, Layout()).name) != wanted:
        raise InputError(path, f"the extension means {named}, but the content would be {wanted}")


def _check_apart(plan: Plan) -> None:
    """No output may be an input, or be written twice."""
    groups = range(len(plan.sources) if plan.is_folder else 1)
    shared = {"errors", "rejected"} if plan.lists else {"errors"}
    paths = [path for n in groups for role, path in plan.outputs(n).items() if role not in shared]
    paths += [path for path in (plan.errors, plan.report, plan.rejected if plan.lists else None) if path]
    inputs = {os.path.realpath(source.path) for source in plan.sources if source.path != STDIN}
    files = Counter(os.path.realpath(path) for path in paths if not is_stream(path))
    for file, count in [*files.items(), (STDIN, paths.count(STDIN))]:
        name = STDIN if file == STDIN else os.path.relpath(file)
        if file in inputs:
            raise InputError(name, "is both an input and an output")
        if count > 1:
            raise InputError(name, "is used for two outputs")


def _is_endless(path: str) -> bool:
    """Whether it is a device such as /dev/zero, and no terminal, nor /dev/null."""
    if path == STDIN or not stat.S_ISCHR(os.stat(path).st_mode) or os.path.samefile(path, os.devnull):
        return False
    with open(path, "rb", buffering=0) as file:
        return not file.isatty()


def _is_folder(path: str) -> bool:
    return path.endswith(("/", os.sep)) or (path != STDIN and os.path.isdir(path))
