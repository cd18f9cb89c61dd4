"""Read texts from files, folders and standard input, with one-line errors.

Newlines are not converted, so that offsets refer to the decoded file.
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
# Formats that are not supported, and the command that converts them to text.
_PANDOC = "pandoc -t markdown"
_CONVERTERS = {".docx": _PANDOC, ".odt": _PANDOC, ".epub": _PANDOC, ".pdf": "pdftotext"}

# Maximum size of a text in bytes: an endless input would fill the memory.
MAX_TEXT_BYTES = 256 << 20

# Byte order mark, encoding, name for messages. The mark of UTF-32 starts with that of UTF-16, so it comes first.
_ENCODINGS = (
    (codecs.BOM_UTF8, "utf-8", "UTF-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le", "UTF-32"),
    (codecs.BOM_UTF32_BE, "utf-32-be", "UTF-32"),
    (codecs.BOM_UTF16_LE, "utf-16-le", "UTF-16"),
    (codecs.BOM_UTF16_BE, "utf-16-be", "UTF-16"),
    (b"", "utf-8", "UTF-8"),
)


def find_texts(paths: Iterable[str]) -> Iterator[str | InputError]:
    """The inputs of the paths, in order. A folder is searched for text files.

    These are files with one of SUFFIXES at any depth, sorted, without hidden files and folders; each is a
    `FileInFolder`. A folder that cannot be read gives an InputError.
    """
    for path in paths:
        if path != STDIN and os.path.isdir(path):
            files = files_inside(path, is_text, f"text files ({', '.join(SUFFIXES)})")
            yield from (file if isinstance(file, InputError) else FileInFolder(file) for file in files)
        else:
            yield path


class FileInFolder(str):
    """The path of a file in a folder, which may be empty."""

    __slots__ = ()


def read_texts(
    inputs: Iterable[str | InputError], encoding: str | None = None
) -> Iterator[tuple[str, str] | InputError]:
    """The name and text of each input, or an InputError; in order, read lazily.

    encoding: as in `decode`. A file in a folder may be empty.
    """
    for path in inputs:
        try:
            yield path if isinstance(path, InputError) else (name_of(path), read_text(path, encoding))
        except InputError as error:
            yield error


def read_text(path: str | Path, encoding: str | None = None) -> str:
    """The text of a file, or of standard input for `-`.

    The encoding is UTF-8 with or without a byte order mark, UTF-16 or UTF-32 with one, or `encoding`. The mark is not
    part of the text.
    Raises InputError for a file that is missing, unreadable, too large, binary, in another encoding, or empty. An empty
    file in a folder gives an empty text.
    """
    raw, name = read_bytes(path), name_of(path)
    return "" if isinstance(path, FileInFolder) and is_empty(raw) else decode(raw, name, encoding)


def read_bytes(path: str | Path) -> bytes:
    """The bytes of a file, or of standard input for `-`. Raises InputError for a missing or unreadable file."""
    try:
        raw = _read_standard_input() if str(path) == STDIN else _read_file(Path(path))
    except FileNotFoundError as error:
        raise InputError(name_of(path), "no such file") from error
    except OSError as error:
        raise InputError(name_of(path), problem_of(error)) from error
    if len(raw) > MAX_TEXT_BYTES:
        raise InputError(name_of(path), f"larger than {MAX_TEXT_BYTES:,} bytes")
    return raw


def is_empty(raw: bytes) -> bool:
    """Whether there are no bytes but whitespace."""
    return not raw.removeprefix(codecs.BOM_UTF8).strip()


def encode(text: str, like: bytes, encoding: str | None = None) -> bytes:
    """Encode a text like the bytes that `decode` read, with the same byte order mark.

    Raises InputError for a character that the encoding lacks.
    """
    mark, codec, _ = _encoding_of(like, encoding)
    try:
        return mark + text.encode(codec)
    except UnicodeEncodeError as error:
        raise InputError("text", f"{codec} cannot encode {text[error.start]!a}") from error


def decode(raw: bytes, name: str, encoding: str | None = None) -> str:
    """Decode the bytes of the input `name`.

    encoding: None for UTF-8, or the encoding of the byte order mark; the name of a Python codec; or "auto" to guess,
    which needs the extra `encodings`.
    Raises InputError as `read_text` does.
    """
    mark, encoding, display_name = _encoding_of(raw, encoding)
    if encoding == "utf-8" and b"\0" in raw:
        raise InputError(name, "a binary file")
    body = raw.removeprefix(mark)
    try:
        text = body.decode(encoding)
    except UnicodeDecodeError as error:
        line = body[: error.start].decode(encoding, "replace").count("\n") + 1
        place = f"byte {body[error.start]:#04x} at offset {len(mark) + error.start} (line {line})"
        raise InputError(name, f"not {display_name}: {place}") from error
    except UnicodeError as error:
        raise InputError(name, f"not {display_name}: {' '.join(str(error).split())}") from error
    if not text.strip():
        raise InputError(name, "empty")
    return text


def name_of(path: str | Path) -> str:
    """The name of an input in messages and reports."""
    return "<stdin>" if str(path) == STDIN else str(path)


def problem_of(error: OSError) -> str:
    """The message of an OSError, such as "permission denied"."""
    return (error.strerror or str(error)).lower()


def files_inside(folder: str, matches: Callable[[str], bool], noun: str) -> list[str | InputError]:
    """The files in a folder, at any depth, with a matching name; sorted, without hidden files and folders.

    noun: name of the files for the error if there are none. Unreadable folders come first, as InputErrors.
    """
    unreadable: list[OSError] = []
    files: list[Path] = []
    for root, folders, names in os.walk(folder, onerror=unreadable.append):
        # os.walk descends only into the folders that remain in its list.
        folders[:] = [name for name in folders if not name.startswith(".")]
        files += [Path(root, name) for name in names if not name.startswith(".") and matches(name)]
    problems = [InputError(str(error.filename), problem_of(error)) for error in unreadable]
    if not files and not problems:
        return [InputError(folder, f"contains no {noun}")]
    return [*problems, *map(str, sorted(files))]


def check_encoding(name: str | None) -> None:
    """Raises UsageError for an unknown or unsuitable encoding, and for "auto" without its library."""
    if name == "auto":
        if not find_spec("charset_normalizer"):
            raise UsageError("encoding auto requires pip install 'garble-text[encodings]'")
        return
    try:
        # Codecs such as "rot13" and "zip" do not encode text to bytes.
        is_known = name is None or isinstance("a".encode(name), bytes)
    except (LookupError, ValueError):
        is_known = False
    if not is_known:
        raise UsageError(f"unknown encoding {shorten(repr(name), 60)}; use a Python codec, such as cp1252, or auto")


def _encoding_of(raw: bytes, encoding_option: str | None = None) -> tuple[bytes, str, str]:
    mark, encoding, display_name = next(row for row in _ENCODINGS if raw.startswith(row[0]))
    if encoding_option is None or mark:
        return mark, encoding, display_name
    if encoding_option == "auto":
        encoding_option = _guess_encoding(raw)
    # These codecs would write a byte order mark, but the input has none.
    unmarked = {"utf-16": "utf-16-le", "utf-32": "utf-32-le", "utf-8-sig": "utf-8"}
    return b"", unmarked.get(codecs.lookup(encoding_option).name, encoding_option), encoding_option


def _guess_encoding(raw: bytes) -> str:
    from charset_normalizer import from_bytes

    best = from_bytes(raw[:_GUESS_BYTES]).best()
    return best.encoding if best else "utf-8"


# Bytes from which the encoding is guessed: more would be slow, and of no use.
_GUESS_BYTES = 1 << 20


def skipped_files(paths: Iterable[str]) -> Iterator[str]:
    """A message for each unsupported file in the folders among the paths, with the command to convert it."""
    for folder in paths:
        if folder == STDIN or not os.path.isdir(folder):
            continue
        for file in files_inside(folder, lambda name: Path(name.lower()).suffix in _CONVERTERS, "other texts"):
            if isinstance(file, str):
                yield f"{file}: skipped; convert it to text first: {_CONVERTERS[Path(file.lower()).suffix]}"


def is_text(name: str) -> bool:
    """Whether a file with this name is read as text."""
    return name.lower().endswith(SUFFIXES)


def _read_standard_input() -> bytes:
    if sys.stdin is None:
        raise InputError(name_of(STDIN), "closed")
    return sys.stdin.buffer.read(MAX_TEXT_BYTES + 1)


def _read_file(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MAX_TEXT_BYTES + 1)


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """The path of a temporary file next to `target`, which replaces it at the end of the block.

    After an error, or on SIGTERM, the temporary file is removed and `target` is unchanged.
    """
    temporary = target.with_name(f"{target.name}.{os.getpid()}.part")
    is_main = current_thread() is main_thread()
    previous_handler = signal.signal(signal.SIGTERM, signal.default_int_handler) if is_main else None
    is_new = not os.path.lexists(temporary)
    try:
        yield temporary
        temporary.replace(target)
    finally:
        if is_new:
            temporary.unlink(missing_ok=True)
        if is_main:
            signal.signal(signal.SIGTERM, signal.SIG_DFL if previous_handler is None else previous_handler)
