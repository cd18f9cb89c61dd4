"""Baselines: files with the flagged sentences that are known, so that only new ones are reported.

A sentence is known by the hash of its text, so it stays known if it moves within its file.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from garble.errors import InputError
from garble.io import STDIN, name_of
from garble.report.findings import passages_of

if TYPE_CHECKING:
    from garble.report import Report
    from garble.report.findings import ScoredSentence

FORMAT = "garble-baseline/1"
# Limit of a file in bytes, and length of a hash in characters.
_LARGEST, _HASH_LENGTH = 64 << 20, 16


class Known(NamedTuple):
    """What is known of a file: whether it is garbled, and the number of flagged sentences by hash."""

    garbled: bool
    sentences: Mapping[str, int]


_NOTHING = Known(False, {})


class Baseline(NamedTuple):
    """The known files by path. folder: the folder that the paths are relative to."""

    folder: Path
    files: Mapping[str, Known]

    def without_known(self, name: str, report: Report) -> Report:
        """The report without the flagged sentences that are known; a note counts them.

        name: of the input. A document of which all flagged sentences are known is not garbled, nor is one that is known
        to be garbled without any.
        """
        known = self.files.get(relative(name, self.folder), _NOTHING)
        left = Counter(known.sentences)
        sentences = tuple(_unflagged(report.sentences, left))
        before, after = (sum(sentence.garbled for sentence in group) for group in (report.sentences, sentences))
        is_known = not after and bool(before or known.garbled)
        if before == after and not (report.garbled and is_known):
            return report
        note = f"flagged sentences in the baseline: {before - after}" if before else "document in the baseline"
        return replace(
            report,
            garbled=report.garbled and not is_known,
            sentences=sentences,
            passages=passages_of(report.text, sentences),
            notes=(*report.notes, note),
        )


def known_of(report: Report) -> Known:
    """What a baseline records of a report."""
    hashes = Counter(sentence_hash(sentence.text) for sentence in report.sentences if sentence.garbled)
    return Known(report.garbled, hashes)


def sentence_hash(text: str) -> str:
    """The hash of a sentence; line breaks and the width of spaces do not matter."""
    return sha256(" ".join(text.split()).encode("utf-8", "surrogatepass")).hexdigest()[:_HASH_LENGTH]


def relative(name: str, folder: Path) -> str:
    """The path of an input relative to a folder, with slashes; the name of standard input."""
    return name if name == name_of(STDIN) else Path(os.path.relpath(name, folder)).as_posix()


def to_json(known: Mapping[str, Known], folder: Path) -> str:
    """The content of the file; see docs/wire-schema.md. known: by name of the input."""
    files = {relative(name, folder): of_file._asdict() for name, of_file in known.items() if any(of_file)}
    return json.dumps({"format": FORMAT, "files": files}, indent=2, sort_keys=True) + "\n"


def load(path: Path) -> Baseline:
    """Read a baseline. Raises InputError, with the path and the field, for an invalid file."""
    from garble.models import fields

    try:
        record = fields.json_object(path, _LARGEST)
        if record["format"] != FORMAT:
            raise ValueError(f"unsupported format {fields.shown(record['format'])}; expected {FORMAT}")
        files = {name: _known(name, of_file) for name, of_file in record["files"].items()}
    except FileNotFoundError as error:
        raise InputError(str(path), "no such file") from error
    except fields.ERRORS as error:
        raise InputError(str(path), f"not a baseline ({fields.problem(error)})") from error
    return Baseline(path.absolute().parent, files)


def _known(name: str, record: Any) -> Known:
    """The checked entry of a file. Raises one of `fields.ERRORS`."""
    from garble.models import fields

    if not isinstance(garbled := record["garbled"], bool):
        raise ValueError(f"{name}: garbled: {fields.shown(garbled)} is not true or false")
    counts = {key: fields.number(count, f"{name}: sentences", 1) for key, count in record["sentences"].items()}
    return Known(garbled, {key: int(count) for key, count in counts.items()})


def _unflagged(sentences: Iterable[ScoredSentence], left: Counter[str]) -> Iterator[ScoredSentence]:
    """The sentences; those that are known are not flagged. left: how many of each are known; it is used up."""
    for sentence in sentences:
        key = sentence_hash(sentence.text) if sentence.garbled and left else ""
        if left[key]:
            left[key] -= 1
            yield replace(sentence, garbled=False, findings=())
        else:
            yield sentence
