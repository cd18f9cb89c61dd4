"""The plan of a filter run: inputs, outputs and settings, with the checks before it starts."""

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
from garble.errors import InputError, UsageError
from garble.filtering import streams
from garble.filtering.decisions import OtherLanguages, Unit
from garble.filtering.formats import SUFFIXES, format_of, is_archive
from garble.filtering.formats.base import Format, Layout, OutputFormat
from garble.filtering.formats.convert import Converter
from garble.filtering.formats.fields import is_list
from garble.filtering.formats.lines import JsonLines, Text
from garble.filtering.formats.whole import Whole
from garble.filtering.remote import exists, files_at, is_read_only, is_remote
from garble.filtering.streams import is_stream
from garble.io import STDIN, files_inside, is_text, name_of
from garble.scorer import Settings


class Source(NamedTuple):
    """An input: its path, and its name in an output folder."""

    path: str
    name: str


@dataclass(frozen=True)
class Plan:
    """The inputs, outputs and settings of a run.

    sources: the inputs, in order. kept: a file, "-" for standard output, or a folder (existing, or with a slash at the
    end of its name), which gets one file per input. rejected: the same for dropped records; None to discard them.
    errors: a JSON Lines file for bad records; None for no file. report: the file of the counts, which the caller
    writes; it must differ from all others.
    form: "records" filters; "annotated" keeps all records and adds the decision; "dolma" writes an attribute file.
    layout: the fields of text and id. unit, threshold, model, without, reader, markup, language,
    other_languages: as in `garble.filtering.decisions.Prefilter`.
    limit: read only the first records of the inputs; None for all. sample: the share of these that is scored, chosen by
    a hash of their texts and `seed`; the others are left out. dry_run: write nothing. columns: by role, those of an
    output in another format than the inputs; `run` finds them.
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
    limit: int | None = None
    sample: float = 1.0
    seed: int = 0
    dry_run: bool = False
    columns: dict[str, bytes] = field(default_factory=dict)

    @property
    def settings(self) -> Settings:
        """The settings of the scorer."""
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
        """Whether each input has its own outputs."""
        return _is_folder(self.kept)

    @property
    def places(self) -> list[str]:
        """The outputs: files, folders and streams."""
        return [path for path in (self.kept, self.rejected, self.errors) if path]

    @property
    def journal(self) -> Path | None:
        """The path of the journal; None for a dry run, and if an output is remote or a stream: it cannot be resumed."""
        if self.dry_run or any(map(is_remote, self.places)):
            return None
        if self.is_folder:
            return Path(self.kept) / ".resume"
        return None if is_stream(self.kept) else Path(f"{self.kept}.resume")

    def format(self, number: int) -> Format:
        """The format of an input; for a stream that of the outputs, or JSON Lines."""
        if self.whole:
            return Whole(self.layout)
        names = self.sources[number].path, self.kept
        return format_of(next((name for name in names if streams.name_parts(name)[0]), STDIN), self.layout)

    def outputs(self, number: int) -> dict[str, str]:
        """The outputs of an input by role: kept, rejected, errors."""
        places = {"kept": self.kept, "rejected": self.rejected, "errors": self.errors}
        name = self.sources[number].name
        return {
            role: os.path.join(position, name) if _is_folder(position) else position
            for role, position in places.items()
            if position
        }

    @property
    def lists_rejected(self) -> bool:
        """Whether dropped whole files are listed in one file instead of copied."""
        return self.whole and self.rejected is not None and not _is_folder(self.rejected)

    def shares_outputs(self, number: int) -> bool:
        """Whether the next input has the same outputs."""
        return not self.is_folder and number + 1 < len(self.sources)

    def output_format(self, role: str, number: int) -> OutputFormat:
        """The format of an output: that of its extension, of an output stream that of the input."""
        is_json = (
            role == "errors"
            or (role == "kept" and self.form == "dolma")
            or (role == "rejected" and self.lists_rejected)
        )
        if is_json:
            return JsonLines(self.layout)
        return self.converter(role, number) or self.format(number)

    def converter(self, role: str, number: int) -> Converter | None:
        """The converter to the format of an output; None if it has the format of the input."""
        path = self.outputs(number).get(role)
        # A stream has no extension in a worker, which may not see that it is one.
        if self.whole or path is None or is_stream(path) or not _is_record(path):
            return None
        reader, writer = self.format(number), format_of(path, self.layout)
        return None if reader.name == writer.name else Converter(reader, writer, self.columns.get(role, b""))


def check(plan: Plan) -> None:
    """Raises InputError or UsageError for a plan that cannot be executed, before anything is written."""
    if plan.limit is not None and plan.limit < 1:
        raise UsageError(f"limit {plan.limit}: expected 1 or more")
    if not 0 < plan.sample <= 1:
        raise UsageError(f"sample {plan.sample}: expected a share above 0 and at most 1")
    if plan.dry_run and plan.kept == os.devnull:
        check_inputs(plan)
        return
    if plan.whole:
        _check_whole(plan)
    elif plan.is_folder != _is_folder(plan.rejected or plan.kept):
        raise InputError(str(plan.rejected), "-o and --rejected must both be files or both be folders")
    for path in (plan.errors, plan.report):
        if path and _is_folder(path):
            raise InputError(path, "is a folder; expected a file")
    if plan.report and is_remote(plan.report):
        raise InputError(plan.report, "the report must be a local file")
    if plan.report and not os.path.isdir(os.path.dirname(os.path.realpath(plan.report))):
        raise InputError(plan.report, "no such folder")
    if plan.form != "records" and plan.rejected:
        raise InputError(plan.rejected, "--rejected has no effect with --annotate or --format dolma")
    if plan.form == "dolma" and is_list(plan.layout.text):
        raise InputError(f"--field {plan.layout.text}", "--format dolma requires a field with one text per record")
    numbers = range(len(plan.sources))
    for number in numbers:
        _check_input(plan, number)
        for role, path in plan.outputs(number).items():
            _check_output(plan, number, role, path)
    _check_apart(plan)
    _check_records(plan)
    for role in ("kept", "rejected"):
        _check_conversion(plan, role)
    if not plan.is_folder:
        # A stream can be read only once.
        heads = {
            n: plan.format(n).head(plan.sources[n].path)
            for n in numbers
            if not is_stream(plan.sources[n].path) and not plan.converter("kept", n)
        }
        for number, head in heads.items():
            if head != next(iter(heads.values())):
                raise InputError(plan.sources[number].path, f"columns differ from {plan.sources[min(heads)].path}")


def _check_conversion(plan: Plan, role: str) -> None:
    """Raises InputError if the inputs cannot be converted to the format of an output."""
    converters = [plan.converter(role, number) for number in range(len(plan.sources))]
    names = {converter.name for converter in converters if converter and not plan.is_folder}
    for number, converter in enumerate(converters):
        path = plan.sources[number].path
        if converter is None and names - {JsonLines.name}:
            raise InputError(name_of(path), "inputs of several formats can only be written to JSON Lines")
        if converter is None:
            continue
        if is_stream(path):
            raise InputError(name_of(path), f"a stream cannot be converted to {converter.name}")
        if problem := plan.format(number).conversion_problem(path, converter.name):
            raise InputError(path, problem)


def check_inputs(plan: Plan) -> None:
    """Raises InputError for inputs that cannot be read, or whose first records lack the text field."""
    for number in range(len(plan.sources)):
        _check_input(plan, number)
    _check_records(plan)


def check_free(plan: Plan, resume: bool) -> None:
    """Raises InputError for an existing output, and for a stopped run that is not resumed."""
    journal = plan.journal
    is_stopped = journal is not None and journal.is_file() and journal.stat().st_size > 0
    if is_stopped and not resume:
        raise InputError(str(journal), "found a stopped run; use --resume to continue or --overwrite to start again")
    # A resumed run may have completed some of its outputs.
    places = [] if is_stopped else [path for n in range(len(plan.sources)) for path in plan.outputs(n).values()]
    for path in dict.fromkeys([*places, *([plan.report] if plan.report else [])]):
        if not is_stream(path) and _exists(path):
            raise InputError(path, "exists; use --overwrite to replace it")


def find_sources(paths: Sequence[str], outputs: Sequence[str] = (), whole: bool = False) -> tuple[Source, ...]:
    """The inputs of paths, folders and globs, in order. Raises InputError for a folder without inputs.

    A folder is searched recursively for files with the extension of a record format; hidden files and output folders
    are skipped. whole: search for text files instead, which are one document each.
    """
    return tuple(source for path in paths for source in _sources(path, outputs, whole))


def marked_up(paths: Sequence[str]) -> str | None:
    """The first folder among the paths with text files that are not record files; None if there is none."""
    return next((path for path in paths if path != STDIN and os.path.isdir(path) and _has_markup(path)), None)


def _has_markup(folder: str) -> bool:
    files_found = files_inside(folder, lambda name: is_text(name) and not _is_record(name), "texts")
    return not isinstance(files_found[-1], InputError)


def _is_record(name: str) -> bool:
    return streams.name_parts(name)[0] in SUFFIXES


def _sources(path: str, outputs: Sequence[str], whole: bool) -> list[Source]:
    if is_remote(path):
        return _remote_sources(path, whole)
    if path != STDIN and os.path.isdir(path):
        own_outputs = tuple(
            _inside(output) for output in outputs if _is_folder(output) and _inside(output) != _inside(path)
        )
        noun = "texts" if whole else "records"
        files = files_inside(path, is_text if whole else _is_record, noun)
        if isinstance(files[0], InputError):
            raise files[0]
        files_found = [file for file in map(str, files) if not os.path.realpath(file).startswith(own_outputs)]
        if not files_found:
            raise InputError(path, f"contains no {noun}")
        return [Source(file, _output_name(os.path.relpath(file, path))) for file in files_found]
    exists = path == STDIN or os.path.exists(path)
    matches = [] if exists else [match for match in sorted(glob(path, recursive=True)) if os.path.isfile(match)]
    return [Source(match, _output_name(os.path.basename(match))) for match in matches or [path]]


def _remote_sources(url: str, whole: bool) -> list[Source]:
    """The files of a URL; of a folder those with a name that fits."""
    matches = is_text if whole else _is_record
    files = [(file, name) for file, name in files_at(url) if not url.endswith("/") or matches(name)]
    if not files:
        raise InputError(url, f"contains no {'texts' if whole else 'records'}")
    return [Source(file, _output_name(name)) for file, name in files]


def _output_name(name: str) -> str:
    """The name of an input in an output folder; the records of web archives become JSON Lines."""
    compression = streams.name_parts(name)[1]
    return f"{name[: len(name) - len(compression)]}.jsonl{compression}" if is_archive(name) else name


def _inside(folder: str) -> str:
    """The prefix of the paths of all files in a folder."""
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
    if path != STDIN and not _exists(path):
        raise InputError(path, "no such file")
    if plan.is_folder and is_stream(path):
        raise InputError(name_of(path), "a stream cannot be filtered into a folder")
    streams.check(path)
    if _is_endless(path):
        raise InputError(path, "is a device; expected a file")
    form = plan.format(number) if plan.whole or is_stream(path) else format_of(path, plan.layout)
    if plan.form == "annotated" and form.name == "text" and not plan.converter("kept", number):
        raise InputError(name_of(path), "plain text cannot be annotated; use .jsonl or --format dolma")
    if is_stream(path) and form.name == "parquet":
        raise InputError(name_of(path), "Parquet cannot be read from a stream")
    if is_stream(path) and form.name in ("csv", "tsv") and len(plan.sources) > 1:
        raise InputError(name_of(path), "CSV from a stream cannot be combined with other inputs")


def _check_records(plan: Plan) -> None:
    """Raises InputError if the first records of all inputs lack the text, or have a field for the annotation."""
    annotated = plan.form == "annotated" or (plan.rejected is not None and plan.unit == "document")
    faults = []
    for number, source in enumerate(plan.sources[:_CHECKED_INPUTS]):
        if is_stream(source.path):
            return
        fault = plan.format(number).first_problem(source.path, annotated)
        if not fault:
            return
        faults.append((name_of(source.path), fault))
    if faults:
        raise InputError(*faults[0])


# Inputs whose first records are checked, until one is valid.
_CHECKED_INPUTS = 20


def _check_output(plan: Plan, number: int, role: str, path: str) -> None:
    if is_read_only(path):
        raise InputError(path, "is read-only; write to an object store or a local file")
    streams.check(path)
    expected = plan.output_format(role, number).name
    if expected == Whole.name:
        return
    if not is_stream(path) and is_archive(path):
        raise InputError(path, "web archives can only be inputs; write .jsonl or another record format")
    if path == STDIN:
        if expected == "parquet":
            raise InputError("standard output", "Parquet is not supported; use a file")
    elif expected == Text.name != plan.format(number).name:
        raise InputError(path, f"plain text has no fields; write {plan.format(number).name} or another record format")
    elif not is_stream(path) and (actual := format_of(path, Layout()).name) != expected:
        raise InputError(path, f"the extension means {actual}, but the content would be {expected}")


def _check_apart(plan: Plan) -> None:
    """No file may be both input and output, or two outputs."""
    groups = range(len(plan.sources) if plan.is_folder else 1)
    shared = {"errors", "rejected"} if plan.lists_rejected else {"errors"}
    paths = [path for n in groups for role, path in plan.outputs(n).items() if role not in shared]
    paths += [path for path in (plan.errors, plan.report, plan.rejected if plan.lists_rejected else None) if path]
    inputs = {_identity(source.path) for source in plan.sources if source.path != STDIN}
    files = Counter(_identity(path) for path in paths if not is_stream(path))
    for file, count in [*files.items(), (STDIN, paths.count(STDIN))]:
        name = file if file == STDIN or is_remote(file) else os.path.relpath(file)
        if file in inputs:
            raise InputError(name, "is both an input and an output")
        if count > 1:
            raise InputError(name, "is used for two outputs")


def _is_endless(path: str) -> bool:
    """Whether the path is a device such as /dev/zero, but not a terminal or /dev/null."""
    if (
        path == STDIN
        or is_remote(path)
        or not stat.S_ISCHR(os.stat(path).st_mode)
        or os.path.samefile(path, os.devnull)
    ):
        return False
    with open(path, "rb", buffering=0) as file:
        return not file.isatty()


def _exists(path: str) -> bool:
    return exists(path) if is_remote(path) else os.path.exists(path)


def _identity(path: str) -> str:
    """The same name for all paths of a file."""
    return path if is_remote(path) else os.path.realpath(path)


def _is_folder(path: str) -> bool:
    return path.endswith(("/", os.sep)) or (path != STDIN and os.path.isdir(path))
