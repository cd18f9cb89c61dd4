"""Files by their names: `crawl.jsonl.gz` is records of one format within one compression.

What is written compressed is written in members that stand one behind the other, as gzip, bzip2, xz and Zstandard all
allow: each block of records is compressed by itself, wherever it was worked on, and a file can be cut off and gone on
with at the end of any member.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any, BinaryIO

from garble.errors import InputError
from garble.io import STDIN, name_of, problem_of

COMPRESSIONS = {".gz": "gzip", ".bz2": "bzip2", ".xz": "xz", ".zst": "Zstandard"}


@dataclass
class Stream:
    """A file that is being read.

    bytes: what it holds, decompressed. place: asks how far the file itself has been read, 0 in a pipe. broken: why it
    cannot be read further, which is raised when all that was read before is through.
    """

    bytes: BinaryIO
    place: Callable[[], int]
    broken: Exception | None = None


def name_parts(path: str | Path) -> tuple[str, str]:
    """The suffixes that say how a file is written: (format, compression), such as (".jsonl", ".gz"); "" for none."""
    name = PurePath(str(path).lower())
    compression = name.suffix if name.suffix in COMPRESSIONS else ""
    return PurePath(name.stem if compression else name).suffix, compression


def is_stream(path: str) -> bool:
    """Whether what stands there passes once, as through standard input or output, a pipe or /dev/null."""
    return path == STDIN or (os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path))


@contextmanager
def opened(path: str) -> Iterator[Stream]:
    """The bytes of a file, decompressed as its name says, or of standard input for `-`.

    Raises InputError for what cannot be read, also midway: for a file that is cut off or damaged.
    """
    compression = name_parts(path)[1]
    if path == STDIN and sys.stdin is None:
        raise InputError(name_of(path), "closed")
    try:
        with ExitStack() as stack:
            file = sys.stdin.buffer if path == STDIN else stack.enter_context(open(path, "rb"))
            inner = stack.enter_context(_decompressed(file, compression)) if compression else file
            stream = Stream(inner, file.tell if file.seekable() else int)
            yield stream
            if stream.broken:
                raise stream.broken
    except FileNotFoundError as error:
        raise InputError(name_of(path), "no such file") from error
    except EOFError as error:
        raise InputError(name_of(path), f"cut off: {COMPRESSIONS[compression]} data ends too early") from error
    except _damage(compression) as error:
        raise InputError(name_of(path), f"damaged or no {COMPRESSIONS[compression]} file: {error}") from error
    except OSError as error:
        raise InputError(name_of(path), problem_of(error)) from error


def skip(stream: BinaryIO, count: int) -> None:
    """Pass over so many bytes; in a pipe they are read."""
    if stream.seekable():
        stream.seek(count, os.SEEK_CUR)
        return
    while count and (passed := len(stream.read(min(count, 1 << 20)))):
        count -= passed


def compressed(raw: bytes, compression: str) -> bytes:
    """The bytes as one member of a file with this suffix, such as ".gz"; the same bytes give the same member."""
    if not compression:
        return raw
    if compression == ".gz":
        return gzip.compress(raw, compresslevel=6, mtime=0)
    if compression == ".bz2":
        return bz2.compress(raw)
    return lzma.compress(raw) if compression == ".xz" else bytes(_zstd().compress(raw))


def check(path: str | Path) -> None:
    """Raises InputError when the file's name asks for a library that is not installed."""
    if name_parts(path)[1] == ".zst":
        try:
            _zstd()
        except ImportError as error:
            raise InputError(name_of(path), "Zstandard needs: pip install 'garble[zstd]'") from error


def _decompressed(file: BinaryIO, compression: str) -> Any:
    if compression == ".gz":
        return gzip.GzipFile(fileobj=file)
    if compression == ".bz2":
        return bz2.BZ2File(file)
    return lzma.LZMAFile(file) if compression == ".xz" else _zstd().ZstdFile(file)


def _zstd() -> Any:
    """The module that is Python's own from 3.14 on."""
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd
    return zstd


def _damage(compression: str) -> tuple[type[Exception], ...]:
    return gzip.BadGzipFile, zlib.error, lzma.LZMAError, *([_zstd().ZstdError] if compression == ".zst" else [])
