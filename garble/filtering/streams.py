"""Compressed files and streams; `crawl.jsonl.gz` has the format .jsonl and the compression .gz.

Compressed files are written as concatenated members, which gzip, bzip2, xz and Zstandard all support. So each worker
compresses its blocks on its own, and a file can be truncated and continued at the end of any member.
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
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any, BinaryIO

from garble.errors import InputError
from garble.filtering.remote import file_name, is_remote, opened_remote, size_of_remote
from garble.io import STDIN, name_of, problem_of

COMPRESSIONS = {".gz": "gzip", ".bz2": "bzip2", ".xz": "xz", ".zst": "Zstandard"}


@dataclass
class Stream:
    """An open input.

    bytes: the decompressed content. position: returns the offset in the file itself, before decompression; 0 for a
    pipe. broken: the error that stopped reading; it is raised after the records before it are processed.
    """

    bytes: BinaryIO
    position: Callable[[], int]
    broken: Exception | None = None


def name_parts(path: str | Path) -> tuple[str, str]:
    """The extensions (format, compression) of a file name, such as (".jsonl", ".gz"); "" for none."""
    name = PurePath(file_name(str(path)).lower())
    compression = name.suffix if name.suffix in COMPRESSIONS else ""
    return PurePath(name.stem if compression else name).suffix, compression


def is_stream(path: str) -> bool:
    """Whether the path is standard input or output, a pipe or a device, which can be read only once."""
    return path == STDIN or (os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path))


@contextmanager
def opened(path: str, decompress: bool = True) -> Iterator[Stream]:
    """Open a file, decompressed by its extension unless told otherwise, or standard input for `-`.

    Raises InputError for a file that cannot be read, and while reading one that is truncated or damaged.
    """
    compression = name_parts(path)[1] if decompress else ""
    if path == STDIN and sys.stdin is None:
        raise InputError(name_of(path), "closed")
    try:
        with ExitStack() as stack:
            file = sys.stdin.buffer if path == STDIN else stack.enter_context(_opened(path))
            content = stack.enter_context(_decompressed(file, compression)) if compression else file
            stream = Stream(content, file.tell if file.seekable() else int)
            yield stream
            if stream.broken:
                raise stream.broken
    except FileNotFoundError as error:
        raise InputError(name_of(path), "no such file") from error
    except EOFError as error:
        raise InputError(name_of(path), f"truncated {COMPRESSIONS[compression]} data") from error
    except _decompression_errors(compression) as error:
        raise InputError(name_of(path), f"damaged or not {COMPRESSIONS[compression]}: {error}") from error
    except OSError as error:
        # The bzip2 decompressor raises an OSError without errno.
        damage = f"damaged or not {COMPRESSIONS[compression]}: " if compression and not error.errno else ""
        raise InputError(name_of(path), damage + problem_of(error)) from error


def size_on_disk(path: str) -> int:
    """The size of a file in bytes, before decompression; 0 for a stream."""
    return size_of_remote(path) if is_remote(path) else 0 if is_stream(path) else os.path.getsize(path)


def _opened(path: str) -> AbstractContextManager[BinaryIO]:
    return opened_remote(path) if is_remote(path) else open(path, "rb")


def skip(stream: BinaryIO, count: int) -> None:
    """Skip `count` bytes; in a pipe they are read."""
    if stream.seekable():
        stream.seek(count, os.SEEK_CUR)
        return
    while count and (skipped := len(stream.read(min(count, 1 << 20)))):
        count -= skipped


def compressed(raw: bytes, compression: str) -> bytes:
    """The bytes, compressed as one member for an extension such as ".gz". The result is deterministic."""
    if not compression:
        return raw
    if compression == ".gz":
        return gzip.compress(raw, compresslevel=6, mtime=0)
    if compression == ".bz2":
        return bz2.compress(raw)
    if compression == ".xz":
        return lzma.compress(raw)
    zstd = _zstd()
    # Without a checksum, damage would go unnoticed.
    return bytes(zstd.compress(raw, options={zstd.CompressionParameter.checksum_flag: True}))


def check(path: str | Path) -> None:
    """Raises InputError if the extension needs a library that is not installed."""
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
    return io.BufferedReader(members, _CHUNK)


# Bytes to read and decompress at a time.
_CHUNK = 1 << 17

# Memory limit of the decompressor: a file can request 4 GB; "xz -9" needs 65 MB.
_XZ_MEMORY = 512 << 20


def _xz() -> lzma.LZMADecompressor:
    return lzma.LZMADecompressor(memlimit=_XZ_MEMORY)


class _Members(io.RawIOBase):
    """The decompressed bytes of a file of concatenated members.

    Python's own readers stop silently at a damaged member, and at data that is not a member. Here both raise the error
    of the decompressor. padding: zeros between members are allowed in multiples of this many bytes.
    """

    def __init__(self, file: BinaryIO, decompressor: Callable[[], Any], padding: int = 0) -> None:
        self._file, self._decompressor, self._padding = file, decompressor, padding
        self._member: Any = None
        self._unused = b""

    def readable(self) -> bool:
        """True."""
        return True

    def readinto(self, buffer: Any, /) -> int:
        """Decompress into the buffer; 0 at the end of the file."""
        data = self._read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def _read(self, size: int) -> bytes:
        while True:
            if self._member is None or self._member.eof:
                self._unused = self._member.unused_data if self._member else b""
                if not self._begin():
                    return b""
            data = b""
            if self._member.needs_input:
                data = self._unused or self._file.read(_CHUNK)
                self._unused = b""
                if not data:
                    raise EOFError
            decompressed: bytes = self._member.decompress(data, size)
            if decompressed:
                return decompressed

    def _begin(self) -> bool:
        """Start the next member; returns whether there is one."""
        zeros = 0
        while True:
            self._unused = self._unused or self._file.read(_CHUNK)
            data_left = self._unused.lstrip(b"\0") if self._padding and self._member else self._unused
            zeros += len(self._unused) - len(data_left)
            if data_left or not self._unused:
                break
            self._unused = b""
        if self._padding and zeros % self._padding:
            raise lzma.LZMAError("invalid padding")
        self._unused = data_left
        self._member = self._decompressor() if data_left or self._member is None else self._member
        return bool(data_left)


def _zstd() -> Any:
    """The zstd module, which is part of Python from 3.14 on."""
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd
    return zstd


def _decompression_errors(compression: str) -> tuple[type[Exception], ...]:
    return gzip.BadGzipFile, zlib.error, lzma.LZMAError, *([_zstd().ZstdError] if compression == ".zst" else [])
