"""Reading texts from files, folders and standard input; what cannot be read is said in one line.

Newlines are left as they stand, so that every offset garble reports is an offset of the decoded file.
"""

from __future__ import annotations

import codecs
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

STDIN = "-"
SUFFIXES = (".txt", ".text", ".md", ".markdown", ".html", ".htm", ".xhtml", ".srt", ".vtt")
# Files that hold text which is not read here, and what makes text of them.
_PANDOC = "pandoc -t markdown"
_PASSED_OVER = {".docx": _PANDOC, ".odt": _PANDOC, ".epub": _PANDOC, ".pdf": "pdftotext"}

# A byte order mark, the encoding it announces, and the name people know that by.
_ENCODINGS = (
    (codecs.BOM_UTF8, "utf-8", "UTF-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le", "UTF-16"),
    (codecs.BOM_UTF16_BE, "utf-16-be", "UTF-16"),
    (b"", "utf-8", "UTF-8"),
)


class InputError(ValueError):
    """An input that cannot be read: `InputError(name, problem)`, shown as the one line `name: problem`."""

    def __str__(self) -> str:
        return ": ".join(self.args)


def find_texts(paths: Iterable[str]) -> Iterator[str | InputError]:
    """The inputs that the paths stand for, in order; a folder stands for the texts in it.

    Those are its files with one of SUFFIXES at any depth, sorted, hidden files and folders left out.
    What is wrong with a folder comes as an InputError in its place.
    """
    for path in paths:
        if path != STDIN and os.path.isdir(path):
            yield from files_inside(path, _is_text, f"text files ({', '.join(SUFFIXES)})")
        else:
            yield path


def read_texts(inputs: Iterable[str | InputError]) -> Iterator[tuple[str, str] | InputError]:
    """Each input's name and text, or what is wrong with it; in order, read only when asked for."""
    for path in inputs:
        try:
            yield path if isinstance(path, InputError) else (name_of(path), read_text(path))
        except InputError as error:
            yield error


def read_text(path: str | Path) -> str:
    """The text of a file, or of standard input for `-`.

    UTF-8 with or without a byte order mark, or UTF-16 with one; the mark is no part of the text.
    Raises InputError for a file that is missing, unreadable, binary, in another encoding, or empty.
    """
    return decode(read_bytes(path), name_of(path))


def read_bytes(path: str | Path) -> bytes:
    """The bytes of a file, or of standard input for `-`. Raises InputError for one that is missing or unreadable."""
    try:
        return _read_standard_input() if str(path) == STDIN else Path(path).read_bytes()
    except FileNotFoundError as error:
        raise InputError(name_of(path), "no such file") from error
    except OSError as error:
        raise InputError(name_of(path), problem_of(error)) from error


def encode(text: str, like: bytes) -> bytes:
    """The text in the encoding of the bytes, and under their mark, from which `decode` read one."""
    mark, encoding, _ = _encoding_of(like)
    return mark + text.encode(encoding)


def decode(raw: bytes, name: str) -> str:
    """The text in the bytes of the input called `name`. Raises InputError as `read_text` does."""
    mark, encoding, known_as = _encoding_of(raw)
    if encoding == "utf-8" and b"\0" in raw:
        raise InputError(name, "a binary file")
    body = raw.removeprefix(mark)
    try:
        text = body.decode(encoding)
    except UnicodeDecodeError as error:
        line = body[: error.start].decode(encoding).count("\n") + 1
        place = f"byte {body[error.start]:#04x} at offset {len(mark) + error.start} (line {line})"
        raise InputError(name, f"not {known_as}: {place}") from error
    if not text.strip():
        raise InputError(name, "empty")
    return text


def name_of(path: str | Path) -> str:
    """What an input is called in messages and reports."""
    return "<stdin>" if str(path) == STDIN else str(path)


def problem_of(error: OSError) -> str:
    """What the operating system had against it, such as "permission denied"."""
    return (error.strerror or str(error)).lower()


def files_inside(folder: str, wanted: Callable[[str], bool], what: str) -> list[str | InputError]:
    """The files in a folder, at any depth, with a name that is wanted; sorted, hidden files and folders left out.

    what: what they are called where there are none. What is wrong with a folder comes first, as an InputError.
    """
    unreadable: list[OSError] = []
    files: list[Path] = []
    for root, folders, names in os.walk(folder, onerror=unreadable.append):
        # os.walk enters the folders that are left in its list.
        folders[:] = [name for name in folders if not name.startswith(".")]
        files += [Path(root, name) for name in names if not name.startswith(".") and wanted(name)]
    problems = [InputError(str(error.filename), problem_of(error)) for error in unreadable]
    if not files and not problems:
        return [InputError(folder, f"no {what} inside")]
    return [*problems, *map(str, sorted(files))]


def _encoding_of(raw: bytes) -> tuple[bytes, str, str]:
    return next(row for row in _ENCODINGS if raw.startswith(row[0]))


def passed_over(paths: Iterable[str]) -> Iterator[str]:
    """A line for each file in the folders among the paths that holds text and is not read: what makes text of it."""
    for folder in paths:
        if folder == STDIN or not os.path.isdir(folder):
            continue
        for file in files_inside(folder, lambda name: Path(name.lower()).suffix in _PASSED_OVER, "other texts"):
            if isinstance(file, str):
                yield f"{file}: passed over; make text of it first: {_PASSED_OVER[Path(file.lower()).suffix]}"


def _is_text(name: str) -> bool:
    return name.lower().endswith(SUFFIXES)


def _read_standard_input() -> bytes:
    if sys.stdin is None:
        raise InputError(name_of(STDIN), "closed")
    return sys.stdin.buffer.read()
