"""Web archives (WARC and WET) as inputs: one record per page.

Conversion records hold text, and response records HTML or text; others are skipped. The records are written as JSON
Lines or in another record format, with the fields url, date, id and text. A damaged record is a bad record, and
reading continues with the next one. Needs the extra `warc`.
"""

from __future__ import annotations

import codecs
import re
import zlib
from collections.abc import Iterator, Sequence
from enum import Enum, auto
from io import BytesIO
from itertools import islice
from typing import Any, BinaryIO

from warcio.archiveiterator import ArchiveIterator
from warcio.bufferedreaders import BufferedReader

from garble.columns.packets import packets
from garble.filtering.formats import base
from garble.filtering.formats.base import (
    BYTES_SHOWN,
    Annotations,
    BadRecord,
    Block,
    Problem,
    Rows,
    Texts,
    Values,
    size_of,
)
from garble.filtering.formats.fields import Part
from garble.filtering.formats.lines import JsonLines
from garble.filtering.streams import name_parts, opened

FIELDS = ("url", "date", "id", "text")
_CHUNK = 1 << 17
# A longer header is damaged.
_MAX_HEADER = 1 << 16
# Bytes of a response in which its content type is looked for, and of a page in which its charset is.
_HEAD = 1 << 14
# Bytes of a file that are read again after damage, which keeps the time linear.
_READ_AGAIN = 64 << 20
_MAGIC = b"\x1f\x8b\x08"
_START = b"WARC/"
_NEXT_START = re.compile(rb"\n(?=WARC/\d)")
_HEADER_END = re.compile(rb"\r?\n\r?\n")
_VERSION = re.compile(rb"WARC/\d\.\d\r?\n")
_LINES = re.compile(rb"[\r\n]+")
_LENGTH = re.compile(rb"(?im)^content-length:[ \t]*(\d{1,18})[ \t]*\r?$")
_TYPE = re.compile(rb"(?im)^warc-type:[ \t]*(\w+)")
_HTTP_TYPE = re.compile(rb"(?im)^content-type:[ \t]*(?:text/html|text/plain|application/xhtml\+xml)\b")
_CHARSET = re.compile(r"charset\s*=\s*[\"']?\s*([\w.:-]+)", re.IGNORECASE)
# Encodings of web pages; other codecs of Python are none.
_ENCODINGS = re.compile(
    r"(utf-?(8|16|16le|16be)|(us-)?ascii|(iso-?8859-|latin-?|windows-|cp-?|koi8-|iso-2022-|euc-|gb|big5|mac|x-mac-).*"
    r"|shift.?jis|x-sjis|tis-620)",
    re.IGNORECASE,
)
# Labels that browsers read as Windows-1252.
_WINDOWS = ("ascii", "iso8859-1")
_DAMAGED = "damaged", "damaged or truncated record"


class Warc(JsonLines):
    """Pages of a web archive, written as JSON Lines. Positions and lines are counted in records with text."""

    name = "warc"

    def first_problem(self, path: str, annotated: bool) -> str:
        """The text field has another name than in the output."""
        field = self.layout.text
        return "" if field in FIELDS else f"no field {field!r}; web archives have {', '.join(FIELDS)}"

    def blocks(self, path: str, start: int, line: int, more: bool) -> Iterator[Block]:
        """Blocks of whole records."""
        is_gzip = name_parts(path)[1] == ".gz"
        with opened(path, decompress=not is_gzip) as stream:
            chunks = gzip_chunks(stream.bytes) if is_gzip else _chunks(stream.bytes)
            position = start
            for packet in packets(islice(records(chunks), start, None), self.layout.block, size_of):
                first, position = position, position + len(packet)
                yield Block(first + 1, packet, b"", position, position + 1, stream.position())
            if position == 0:
                yield Block(1, [], b"", 0, 1, stream.position())

    def first_records(self, block: Block, limit: int) -> tuple[Block, int]:
        """The first records."""
        raw = block.raw[:limit]
        return block._replace(raw=raw), len(raw)

    def parse(self, block: Block) -> Rows:
        """Parse the records. The error of a bad record has only the start of it, because the archive still exists."""
        rows = Rows([], [], [], [], [])
        for line, raw in enumerate(block.raw, block.line):
            try:
                found = raw.problem if isinstance(raw, BadRecord) else page(raw)
            except Exception as error:
                found = "unreadable", " ".join(f"{type(error).__name__}: {error}".split())
            if isinstance(found, tuple):
                rows.problems.append(Problem(line, *found, raw[:BYTES_SHOWN]))
                continue
            markup = found.pop("markup")
            rows.lines.append(line)
            rows.texts.append((Part(found["text"], markup=markup),))
            rows.ids.append(found["id"])
            rows.rows.append((raw, found))
        return rows

    def raw(self, rows: Rows, i: int) -> bytes:
        """The start of the record."""
        raw: bytes = rows.rows[i][0]
        return raw[:BYTES_SHOWN]

    def columns(self, path: str) -> list[str]:
        """The fields of a page."""
        return list(FIELDS)

    def write(self, rows: Rows, chosen: Sequence[int], texts: Texts, annotations: Annotations | None) -> bytes:
        """One object per page."""
        found = None if annotations is None else [annotations[i] for i in chosen]
        return self.encode(self.values(rows, chosen, texts), found, b"")

    def values(self, rows: Rows, chosen: Sequence[int], texts: Texts) -> list[Values]:
        """The pages."""
        return [rows.rows[i][1] | ({"text": texts[i][0]} if i in texts else {}) for i in chosen]


def page(raw: bytes) -> dict[str, Any] | tuple[str, str]:
    """The fields and the markup of a record with text; or the kind and the detail of its problem."""
    record = next(ArchiveIterator(BytesIO(raw)))
    http = record.http_headers
    header = record.rec_headers.get_header
    kind = (http.get_header("content-type") if http else "") or ""
    encoding = ((http.get_header("content-encoding") if http else "") or "identity").lower()
    if encoding != "identity" and encoding not in BufferedReader.get_supported_decompressors():
        return "unreadable", f"content encoding {encoding!r} is not supported"
    content = _read(record.content_stream())
    if len(content) > base.MAX_RECORD_BYTES:
        return "too long", f"too long: more than {base.MAX_RECORD_BYTES:,} bytes"
    is_html = "html" in kind.lower()
    text = decoded(content, kind, is_html)
    if isinstance(text, tuple):
        return text
    return {
        "url": (header("WARC-Target-URI") or "").strip("<>"),
        "date": header("WARC-Date") or "",
        "id": header("WARC-Record-ID") or "",
        "text": text,
        "markup": "html" if is_html else "text",
    }


def _read(stream: Any) -> bytes:
    """The content of a record, or a bit more than the limit of it."""
    content = b""
    while len(content) <= base.MAX_RECORD_BYTES and (chunk := stream.read(1 << 20)):
        content += chunk
    return content


def decoded(content: bytes, kind: str, is_html: bool) -> str | tuple[str, str]:
    """The text of a page by its byte order mark, its content type, its meta element, or as UTF-8.

    For a page that cannot be decoded, the kind and the detail of its problem.
    """
    marks = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
    marked = next((encoding for mark, encoding in marks.items() if content.startswith(mark)), "")
    named = _CHARSET.search(kind) or (_CHARSET.search(content[:_HEAD].decode("latin-1")) if is_html else None)
    label = marked or (named[1] if named else "utf-8")
    try:
        if not _ENCODINGS.match(label):
            raise LookupError
        encoding = codecs.lookup(label).name
        return content.decode("cp1252" if encoding in _WINDOWS else encoding)
    except LookupError:
        return "unreadable", f"unknown charset {label[:40]!r}"
    except UnicodeError as error:
        return "not decodable", f"not {label}: {' '.join(str(error).split())[:200]}"


class Damage(Enum):
    """Damage in an archive: in a gzip member of which no bytes were read, or after some of its bytes."""

    BEFORE = auto()
    INSIDE = auto()


def gzip_chunks(file: BinaryIO) -> Iterator[bytes | Damage]:
    """The decompressed bytes of gzip members, and where one is damaged or cut off.

    After damage, reading continues with the next member that starts with a record.
    """
    budget = _READ_AGAIN
    data = file.read(_CHUNK)
    while data := data.lstrip(b"\0") or file.read(_CHUNK):
        member, damage = zlib.decompressobj(wbits=31), Damage.BEFORE
        start = file.tell() - len(data) if file.seekable() else 0
        try:
            while not member.eof:
                decompressed = member.decompress(data, 8 * _CHUNK)
                if decompressed:
                    damage = Damage.INSIDE
                    yield decompressed
                if member.eof:
                    break
                if not (member.unconsumed_tail or decompressed or data):
                    raise EOFError
                data = member.unconsumed_tail or file.read(_CHUNK)
            data = member.unused_data
        except (zlib.error, EOFError):
            yield damage
            data = data[1:]
            # The members after it may have been read as part of the damaged one.
            if file.seekable() and (count := file.tell() - start) <= budget:
                budget -= count
                file.seek(start + 1)
                data = b""
            data = _next_member(file, data)


def _next_member(file: BinaryIO, data: bytes) -> bytes:
    """The data from the next gzip member on that starts with a record."""
    position = 0
    while True:
        position = data.find(_MAGIC, position)
        if position < 0 or len(data) - position < _HEADER_BYTES:
            # The mark can begin at the end of the data.
            data = data[position:] if position >= 0 else data[-2:]
            rest = file.read(_CHUNK)
            if not rest and position < 0:
                return b""
            data, position = data + rest, 0
            if not rest:
                return next((data[i:] for i in range(len(data)) if _is_member(data, i)), b"")
            continue
        if _is_member(data, position):
            return data[position:]
        position += 1


def _is_member(data: bytes, start: int) -> bool:
    """Whether a gzip member begins here, with a record in it."""
    if not data.startswith(_MAGIC, start):
        return False
    try:
        member = data[start : start + _HEADER_BYTES]
        return zlib.decompressobj(wbits=31).decompress(member, len(_START)) == _START
    except zlib.error:
        return False


# Bytes of a gzip member that hold its header and the first bytes of a record.
_HEADER_BYTES = 4096


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    return iter(lambda: file.read(_CHUNK), b"")


def records(chunks: Iterator[bytes | Damage]) -> Iterator[bytes]:
    """The records with text, each with its header; a damaged one, or one that is too long, is a BadRecord."""
    reader = _Reader(chunks)
    while True:
        try:
            record = reader.record()
        except _DamageError as error:
            yield BadRecord.of(error.start, error.size, *_DAMAGED)
            continue
        if record is None:
            return
        if record:
            yield record


class _DamageError(Exception):
    """A damaged record: its first bytes, and its size."""

    def __init__(self, start: bytes, size: int) -> None:
        super().__init__()
        self.start, self.size = start, size


class _Reader:
    """Splits the bytes of an archive, in chunks, into records."""

    def __init__(self, chunks: Iterator[bytes | Damage]) -> None:
        self._chunks = chunks
        self._buffer = bytearray()
        # Damage after the buffer.
        self._damage: Damage | None = None

    def record(self) -> bytes | None:
        """The next record; b"" for one without text; None at the end. Raises _DamageError."""
        self._skip_lines()
        if not self._buffer and self._damage is None:
            return None
        header = self._header()
        length = _LENGTH.search(header)
        kind = _TYPE.search(header)
        is_one = header.startswith(_START) and not _VERSION.search(header, len(_START))
        if not is_one or length is None or kind is None:
            raise self._skip_damage()
        size = len(header) + int(length[1])
        self._fill(min(size, len(header) + _HEAD))
        name = kind[1].lower()
        is_text = name == b"conversion" or (
            name == b"response" and _is_page(bytes(self._buffer[len(header) : len(header) + _HEAD]))
        )
        if not is_text or size > base.MAX_RECORD_BYTES:
            start = bytes(self._buffer[:BYTES_SHOWN])
            self._discard(size)
            if not self._is_end(0):
                raise self._skip_damage()
            problem = "too long", f"too long: {size:,} bytes; limit {base.MAX_RECORD_BYTES:,}"
            return BadRecord.of(start, size, *problem) if is_text else b""
        self._fill(size)
        if len(self._buffer) < size or not self._is_end(size):
            raise self._skip_damage()
        record = bytes(self._buffer[:size])
        del self._buffer[:size]
        return record + b"\r\n\r\n"

    def _is_end(self, position: int) -> bool:
        """Whether a record ends here: empty lines, another record, or nothing follows, and no damage."""
        self._fill(position + len(_START))
        following = bytes(self._buffer[position : position + len(_START)])
        if self._damage is Damage.INSIDE and not following.strip(b"\r\n"):
            return False
        return following.startswith((b"\r\n\r\n", b"\n\n")) or _START.startswith(following.lstrip(b"\r\n"))

    def _header(self) -> bytes:
        """The header of a record, with the empty line after it."""
        size = 1 << 12
        while True:
            self._fill(size)
            following = _NEXT_START.search(self._buffer, 1)
            end = _HEADER_END.search(self._buffer, 0, following.end() if following else len(self._buffer))
            if end or following or len(self._buffer) < size or size > _MAX_HEADER:
                return bytes(self._buffer[: end.end()]) if end else b""
            size *= 4

    def _fill(self, size: int) -> None:
        """Read until the buffer has `size` bytes, the end, or damage."""
        while len(self._buffer) < size and self._damage is None:
            chunk = next(self._chunks, None)
            if chunk is None:
                return
            if isinstance(chunk, Damage):
                self._damage = chunk
            else:
                self._buffer += chunk

    def _discard(self, size: int) -> None:
        """Skip `size` bytes without holding them."""
        while size:
            self._fill(1)
            if not self._buffer:
                return
            skipped = min(size, len(self._buffer))
            del self._buffer[:skipped]
            size -= skipped

    def _skip_lines(self) -> None:
        """Skip the empty lines between two records."""
        self._fill(len(_START))
        while lines := _LINES.match(self._buffer):
            del self._buffer[: lines.end()]
            self._fill(len(_START))

    def _skip_damage(self) -> _DamageError:
        """Skip to the next record; returns the error for what was skipped."""
        start, size = b"", 0

        def skip(count: int) -> None:
            nonlocal start, size
            start += bytes(self._buffer[: max(BYTES_SHOWN - len(start), 0)][:count])
            size += count
            del self._buffer[:count]

        while not (found := _NEXT_START.search(self._buffer, 1)):
            # The start of a record can be divided between two chunks.
            skip(max(len(self._buffer) - len(_START) - 2, 0))
            before = len(self._buffer)
            self._fill(before + 1)
            if len(self._buffer) == before:
                # The next chunk begins with a record, or there is none.
                skip(before)
                self._damage = None
                return _DamageError(start, size)
        skip(found.end())
        return _DamageError(start, size)


def _is_page(response: bytes) -> bool:
    """Whether an HTTP response holds HTML or text."""
    end = _HEADER_END.search(response)
    return bool(_HTTP_TYPE.search(response[: end.start()] if end else response))
