"""Reading texts from files, folders and standard input; what cannot be read is said in one line.

Newlines are left as they stand, so that every offset garble reports is an offset of the decoded file.
"""

from __future__ import annotations

import codecs
import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from textwrap import shorten
from threading import current_thread, main_thread

from garble.errors import InputError, UsageError

STDIN = "-"
SUFFIXES = (".txt", ".text", ".md", ".markdown", ".html", ".htm", ".xhtml", ".srt", ".vtt")
# Files that hold text which is not read here, and what makes text of them.
_PANDOC = "pandoc -t markdown"
_PASSED_OVER = {".docx": _PANDOC, ".odt": _PANDOC, ".epub": _PANDOC, ".pdf": "pdftotext"}

# A text of more bytes than this is not read: what never ends would fill the memory.
LARGEST = 256 << 20

# A byte order mark, the encoding it announces, and the name people know that by. That of UTF-32 begins with UTF-16's.
_ENCODINGS = (
    (codecs.BOM_UTF8, "utf-8", "UTF-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le", "UTF-32"),
    (codecs.BOM_UTF32_BE, "utf-32-be", "UTF-32"),
    (codecs.BOM_UTF16_LE, "utf-16-le", "UTF-16"),
    (codecs.BOM_UTF16_BE, "utf-16-be", "UTF-16"),
    (b"", "utf-8", "UTF-8"),
)


def find_texts(paths: Iterable[str]) -> Iterator[str | InputError]:
    """The inputs that the paths stand for, in order; a folder stands for the texts in it.

    Those are its files with one of SUFFIXES at any depth, sorted, hidden files and folders left out. Each is `Inside`.
    What is wrong with a folder comes as an InputError in its place.
    """
    for path in paths:
        if path != STDIN and os.path.isdir(path):
            found = files_inside(path, is_text, f"text files ({', '.join(SUFFIXES)})")
            yield from (file if isinstance(file, InputError) else Inside(file) for file in found)
        else:
            yield path


class Inside(str):
    """The path of a file that was found in a folder, where an empty one is nothing to stop at."""

    __slots__ = ()


def read_texts(
    inputs: Iterable[str | InputError], encoding: str | None = None
) -> Iterator[tuple[str, str] | InputError]:
    """Each input's name and text, or what is wrong with it; in order, read only when asked for.

    encoding: as in `decode`. A file that was found in a folder may be empty.
    """
    for path in inputs:
        try:
            yield path if isinstance(path, InputError) else (name_of(path), read_text(path, encoding))
        except InputError as error:
            yield error


def read_text(path: str | Path, encoding: str | None = None) -> str:
    """The text of a file, or of standard input for `-`.

    UTF-8 with or without a byte order mark, or UTF-16 or UTF-32 with one, unless another encoding is given; the mark is
    no part of the text.
    Raises InputError for a file that is missing, unreadable, too large, binary, in another encoding, or empty; an empty
    one that was found in a folder is an empty text.
    """
    raw, name = read_bytes(path), name_of(path)
    return "" if isinstance(path, Inside) and is_empty(raw) else decode(raw, name, encoding)


def read_bytes(path: str | Path) -> bytes:
    """The bytes of a file, or of standard input for `-`. Raises InputError for one that is missing or unreadable."""
    try:
        raw = _read_standard_input() if str(path) == STDIN else _read_file(Path(path))
    except FileNotFoundError as error:
        raise InputError(name_of(path), "no such file") from error
    except OSError as error:
        raise InputError(name_of(path), problem_of(error)) from error
    if len(raw) > LARGEST:
        raise InputError(name_of(path), f"larger than {LARGEST:,} bytes")
    return raw


def is_empty(raw: bytes) -> bool:
    """Whether the bytes are none, or white space."""
    return not raw.removeprefix(codecs.BOM_UTF8).strip()


def encode(text: str, like: bytes, encoding: str | None = None) -> bytes:
    """The text in the encoding of the bytes, and under their mark, from which `decode` read one.

    Raises InputError for a character that the encoding lacks.
    """
    mark, known, _ = _encoding_of(like, encoding)
    try:
        return mark + text.encode(known)
    except UnicodeEncodeError as error:
        raise InputError("text", f"{known} cannot encode {text[error.start]!a}") from error


def decode(raw: bytes, name: str, encoding: str | None = None) -> str:
    """The text in the bytes of the input called `name`.

    encoding: None for UTF-8, or what a byte order mark says; the name of one that Python knows; or "auto" for a guess,
    which needs the extra `encodings`.
    Raises InputError as `read_text` does.
    """
    mark, encoding, known_as = _encoding_of(raw, encoding)
    if encoding == "utf-8" and b"\0" in raw:
        raise InputError(name, "a binary file")
    body = raw.removeprefix(mark)
    try:
        text = body.decode(encoding)
    except UnicodeDecodeError as error:
        line = body[: error.start].decode(encoding, "replace").count("\n") + 1
        place = f"byte {body[error.start]:#04x} at offset {len(mark) + error.start} (line {line})"
        raise InputError(name, f"not {known_as}: {place}") from error
    except UnicodeError as error:
        raise InputError(name, f"not {known_as}: {' '.join(str(error).split())}") from error
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
        return [InputError(folder, f"contains no {what}")]
    return [*problems, *map(str, sorted(files))]


def check_encoding(name: str | None) -> None:
    """Raises UsageError for an encoding that does not exist, or no text has, and for a guess without its library."""
    if name == "auto":
        if not find_spec("charset_normalizer"):
            raise UsageError("encoding auto requires pip install 'garble-text[encodings]'")
        return
    try:
        # Codecs such as "rot13" and "zip" turn no text into bytes.
        known = name is None or isinstance("a".encode(name), bytes)
    except (LookupError, ValueError):
        known = False
    if not known:
        raise UsageError(f"unknown encoding {shorten(repr(name), 60)}; use a Python codec, such as cp1252, or auto")


def _encoding_of(raw: bytes, given: str | None = None) -> tuple[bytes, str, str]:
    mark, encoding, known_as = next(row for row in _ENCODINGS if raw.startswith(row[0]))
    if given is None or mark:
        return mark, encoding, known_as
    if given == "auto":
        given = _guessed(raw)
    # These put a mark before what they write, and there was none.
    unmarked = {"utf-16": "utf-16-le", "utf-32": "utf-32-le", "utf-8-sig": "utf-8"}
    return b"", unmarked.get(codecs.lookup(given).name, given), given


def _guessed(raw: bytes) -> str:
    from charset_normalizer import from_bytes

    best = from_bytes(raw[:_GUESSED_FROM]).best()
    return best.encoding if best else "utf-8"


# Bytes that an encoding is guessed from.
_GUESSED_FROM = 1 << 20


def passed_over(paths: Iterable[str]) -> Iterator[str]:
    """A line for each file in the folders among the paths that holds text and is not read: what makes text of it."""
    for folder in paths:
        if folder == STDIN or not os.path.isdir(folder):
            continue
        for file in files_inside(folder, lambda name: Path(name.lower()).suffix in _PASSED_OVER, "other texts"):
            if isinstance(file, str):
                yield f"{file}: skipped; convert it to text first: {_PASSED_OVER[Path(file.lower()).suffix]}"


def is_text(name: str) -> bool:
    """Whether a file of that name is a text that is read."""
    return name.lower().endswith(SUFFIXES)


def _read_standard_input() -> bytes:
    if sys.stdin is None:
        raise InputError(name_of(STDIN), "closed")
    return sys.stdin.buffer.read(LARGEST + 1)


def _read_file(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(LARGEST + 1)


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """The path of a file to be made anew beside `target`, which takes its place when it is whole.

    Where it does not become whole nothing is left of it, also when the process is asked to end.
    """
    part = target.with_name(f"{target.name}.{os.getpid()}.part")
    is_main = current_thread() is main_thread()
    before = signal.signal(signal.SIGTERM, signal.default_int_handler) if is_main else None
    is_own = not os.path.lexists(part)
    try:
        yield part
        part.replace(target)
    finally:
        if is_own:
            part.unlink(missing_ok=True)
        if is_main:
            signal.signal(signal.SIGTERM, signal.SIG_DFL if before is None else before)
