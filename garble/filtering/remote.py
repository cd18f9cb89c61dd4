"""Files by URL, such as `s3://bucket/crawl.jsonl.gz`, through fsspec. Needs the extra `remote`.

An output is written to a local file first, then uploaded under a temporary name and moved to its own.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BufferedReader, RawIOBase
from pathlib import Path
from typing import Any, BinaryIO
from uuid import uuid4

from garble.errors import GarbleError, InputError
from garble.io import problem_of

_URL = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)
_GLOB = re.compile(r"[*?\[]")
# Protocols that are only for reading.
_READ_ONLY = ("http://", "https://")


def is_remote(path: str) -> bool:
    """Whether a path is a URL."""
    return bool(_URL.match(path))


def is_read_only(url: str) -> bool:
    """Whether the protocol of a URL is only for reading."""
    return url.lower().startswith(_READ_ONLY)


def file_name(path: str) -> str:
    """The last part of a path or URL, without parameters of the server."""
    return (re.split(r"[?#]", path)[0] if is_read_only(path) else path).rpartition("/")[2]


def opened_remote(url: str) -> BinaryIO:
    """Open a file for reading. Raises InputError; while it is read, errors of any library are OSErrors."""
    with _errors(url):
        file_system, key = _place(url)
        return BufferedReader(_RemoteFile(file_system.open(key, "rb")))


class _RemoteFile(RawIOBase):
    """A file of fsspec whose errors are OSErrors."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def readable(self) -> bool:
        """True."""
        return True

    def seekable(self) -> bool:
        """Whether the server can send parts of the file."""
        return bool(self._file.seekable())

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Change the position."""
        return int(self._file.seek(offset, whence))

    def tell(self) -> int:
        """The position."""
        return int(self._file.tell())

    def readinto(self, buffer: Any, /) -> int:
        """Read into the buffer; 0 at the end of the file."""
        try:
            data = self._file.read(len(buffer))
        except OSError:
            raise
        except Exception as error:
            raise OSError(errno.EIO, f"{type(error).__name__}: {error}") from error
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        """Close the file."""
        if not self.closed:
            self._file.close()
        super().close()


def exists(url: str) -> bool:
    """Whether there is a file."""
    with _errors(url):
        file_system, key = _place(url)
        return bool(file_system.exists(key))


def size_of_remote(url: str) -> int:
    """The size of a file in bytes; 0 if the server does not say."""
    with _errors(url):
        file_system, key = _place(url)
        return int(file_system.size(key) or 0)


def version_of(url: str) -> str:
    """A name of the content of a file, which changes with it, as far as the server tells."""
    with _errors(url):
        file_system, key = _place(url)
        return str(file_system.ukey(key))


def files_at(url: str) -> list[tuple[str, str]]:
    """The files of a folder (a URL that ends with a slash) at any depth, of a pattern, or the file itself.

    Each with its URL and its path in the folder, or its name; sorted, without hidden ones.
    """
    if url.endswith("/"):
        with _errors(url):
            file_system, key = _place(url)
            folder = key.rstrip("/")
            keys = [found[len(folder) :].lstrip("/") for found in sorted(file_system.find(folder))]
        return [(url + name, name) for name in keys if not any(part.startswith(".") for part in name.split("/"))]
    if not _GLOB.search(url) or is_read_only(url):
        return [(url, file_name(url))]
    with _errors(url):
        file_system, key = _place(url)
        found = [file_system.unstrip_protocol(name) for name in sorted(file_system.glob(key))]
    return [(match, file_name(match)) for match in found] or [(url, file_name(url))]


def check_writable(url: str) -> None:
    """Raises InputError if no file can be written next to the output."""
    with _errors(url):
        file_system, key = _place(url)
        temporary = _temporary(key)
        file_system.pipe_file(temporary, b"")
        file_system.rm_file(temporary)


def upload(local: Path, url: str) -> None:
    """Upload a file under a temporary name, and move it to its own."""
    with _errors(url):
        file_system, key = _place(url)
        temporary = _temporary(key)
        try:
            file_system.put_file(str(local), temporary)
            file_system.mv(temporary, key)
        except BaseException:
            with suppress(Exception):
                file_system.rm_file(temporary)
            raise


def remove(url: str) -> None:
    """Remove a file, if there is one."""
    with _errors(url):
        file_system, key = _place(url)
        if file_system.exists(key):
            file_system.rm_file(key)


def _place(url: str) -> tuple[Any, str]:
    """The file system of a URL, and the key in it."""
    try:
        import fsspec
    except ImportError as error:
        raise InputError(url, "requires pip install 'garble-text[remote]'") from error
    file_system, key = fsspec.core.url_to_fs(url)
    return file_system, key


@contextmanager
def _errors(url: str) -> Iterator[None]:
    """Report any error as an InputError in one line. File systems raise errors of many libraries."""
    try:
        yield
    except GarbleError:
        raise
    except FileNotFoundError as error:
        raise InputError(url, "no such file") from error
    except OSError as error:
        raise InputError(url, " ".join(problem_of(error).split())) from error
    except Exception as error:
        raise InputError(url, " ".join(str(error).split()) or type(error).__name__) from error


def _temporary(key: str) -> str:
    return f"{key}.{uuid4().hex}.part"
