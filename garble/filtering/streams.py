"""Files by their names: `crawl.jsonl.gz` is records of one format within one compression.

What is written compressed is written in members that stand one behind the other, as gzip, bzip2, xz and Zstandard all
allow: each block of records is compressed by itself, wherever it was worked on, and a file can be cut off and gone on
with at the end of any member.
"""

from __future__ import annotations

import bz2
import gzip
import io
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
        raise InputError(name_of(path), f"truncated {COMPRESSIONS[compression]} data") from error
    except _damage(compression) as error:
        raise InputError(name_of(path), f"damaged or not {COMPRESSIONS[compression]}: {error}") from error
    except OSError as error:
        # The decompressor of bzip2 raises one that has no number.
        damage = f"damaged or not {COMPRESSIONS[compression]}: " if compression and not error.errno else ""
        raise InputError(name_of(path), damage + problem_of(error)) from error


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
    if compression == ".xz":
        return lzma.compress(raw)
    zstd = _zstd()
    # Without a checksum a damaged file reads as another.
    return bytes(zstd.compress(raw, options={zstd.CompressionParameter.checksum_flag: True}))


def check(path: str | Path) -> None:
    """Raises InputError when the file's name asks for a library that is not installed."""
    if name_parts(path)[1] == ".zst":
        try:
            _zstd()
        except ImportError as error:
            raise InputError(name_of(path), "Zstandard requires pip install 'garble-text[zstd]'") from error


def _decompressed(file: BinaryIO, compression: str) -> Any:
    if compression == ".gz":
        return gzip.GzipFile(fileobj=file)
    if compression == ".zst":
        return _zstd().ZstdFile(file)
    members = _Members(file, bz2.BZ2Decompressor) if compression == ".bz2" else _Members(file, _xz, padding=4)
    return io.BufferedReader(members, _PIECE)


# Bytes that are read and decompressed at a time.
_PIECE = 1 << 17

# A file may ask for a dictionary of 4 GB; "xz -9" needs 65 MB to decompress.
_XZ_MEMORY = 512 << 20


def _xz() -> lzma.LZMADecompressor:
    return lzma.LZMADecompressor(memlimit=_XZ_MEMORY)


class _Members(io.RawIOBase):
    """The bytes of a file of compressed members, one behind the other.

    Python's own readers end without a word at a member that is damaged, as at anything that is no member. Here both
    raise what the decompressor does. padding: zeros may stand between members, in multiples of this many bytes.
    """

    def __init__(self, file: BinaryIO, new: Callable[[], Any], padding: int = 0) -> None:
        self._file, self._new, self._padding = file, new, padding
        self._member: Any = None
        self._rest = b""

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any, /) -> int:
        """Decompress into the buffer; 0 at the end of the file."""
        data = self._read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def _read(self, size: int) -> bytes:
        while True:
            if self._member is None or self._member.eof:
                self._rest = self._member.unused_data if self._member else b""
                if not self._begin():
                    return b""
            data = b""
            if self._member.needs_input:
                data = self._rest or self._file.read(_PIECE)
                self._rest = b""
                if not data:
                    raise EOFError
            found: bytes = self._member.decompress(data, size)
            if found:
                return found

    def _begin(self) -> bool:
        """The next member; whether there is one."""
        zeros = 0
        while True:
            self._rest = self._rest or self._file.read(_PIECE)
            filled = self._rest.lstrip(b"\0") if self._padding and self._member else self._rest
            zeros += len(self._rest) - len(filled)
            if filled or not self._rest:
                break
            self._rest = b""
        if self._padding and zeros % self._padding:
            raise lzma.LZMAError("invalid padding")
        self._rest = filled
        self._member = self._new() if filled or self._member is None else self._member
        return bool(filled)


def _zstd() -> Any:
    """The module that is Python's own from 3.14 on."""
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd
    return zstd


def _damage(compression: str) -> tuple[type[Exception], ...]:
    return gzip.BadGzipFile, zlib.error, lzma.LZMAError, *([_zstd().ZstdError] if compression == ".zst" else [])
