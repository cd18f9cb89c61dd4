"""The interface of record formats, and functions that they share.

A file is read in blocks of whole records. The blocks depend only on the file, so that the output is the same for any
number of workers. Kept records are the bytes that were read.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from garble.columns.packets import packets
from garble.errors import InputError
from garble.filtering.formats.fields import FieldError, Part
from garble.filtering.streams import Stream
from garble.io import name_of

# Name of the field with the annotation of a record.
ANNOTATION = "garble"
ANNOTATION_FIELDS = ("score", "garbled", "reason", "passages")
ANNOTATION_COLUMNS = [f"{ANNOTATION}_{part}" for part in ANNOTATION_FIELDS]
# Longer records are bad records.
MAX_RECORD_BYTES = 16 << 20
# Bytes of a record that is too long that are shown in --errors.
BYTES_SHOWN = 200
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
# Byte order marks of encodings that are not supported, longer ones first.
_OTHER_ENCODINGS = (
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)

Annotation = dict[str, Any]
# Texts, id and row of a record.
Record = tuple[tuple[Part, ...], str, Any]
# A record as JSON values.
Values = dict[str, Any]
Texts = Mapping[int, Sequence[str]]
Annotations = Mapping[int, Annotation]


class Layout(NamedTuple):
    """The fields of text and id, and the size of a block in bytes. The text can be a path, as in `formats.fields`."""

    text: str = "text"
    id: str = "id"
    block: int = 1 << 20


class BadRecord(bytes):
    """A record that could not be read: its first bytes, with its size in bytes and the problem."""

    size: int
    problem: tuple[str, str]

    @classmethod
    def of(cls, raw: bytes, size: int, kind: str, detail: str) -> BadRecord:
        """Create a bad record with the kind and the detail of its problem."""
        record = cls(raw)
        record.size, record.problem = size, (kind, detail)
        return record


class Block(NamedTuple):
    """A block of records for a worker.

    line: line number of the first record, from 1. raw: the bytes of each record. head: the header of the file, such as
    the names of the columns. position, after: position (in units of the format) and line number of the next block.
    bytes_read: bytes of the file that are read so far, before decompression.
    """

    line: int
    raw: list[bytes]
    head: bytes
    position: int
    after: int
    bytes_read: int


class Problem(NamedTuple):
    """A record that cannot be scored: its line, the kind and the detail of the problem, and its bytes."""

    line: int
    kind: str
    detail: str
    raw: bytes


class Rows(NamedTuple):
    """The valid records of a block, with line, texts and id ("" for none) of each; and the problems of the others.

    rows: the data that the format needs to write the records.
    """

    lines: list[int]
    texts: list[tuple[Part, ...]]
    ids: list[str]
    rows: Any
    problems: list[Problem]


class CutRecord(NamedTuple):
    """A cut: the document, its file and line, start and end in characters, score, reason and text.

    field: the path of the text in a record with several texts; otherwise "".
    """

    id: str
    file: str
    line: int
    start: int
    end: int
    score: float
    reason: str
    text: str
    field: str = ""


class ConversionError(InputError):
    """A value that the format of an output cannot hold: `ConversionError("column 'n'", problem)`."""


class OutputFormat(Protocol):
    """A record format as that of an output."""

    name: str

    def begin(self, head: bytes, annotated: bool) -> bytes:
        """The header of an output. annotated: its records have annotations."""

    def begin_cuts(self) -> bytes:
        """The header of a file of cuts."""

    def write(self, rows: Rows, chosen: Sequence[int], texts: Texts, annotations: Annotations | None) -> bytes:
        """The chosen rows, with new texts and annotations where given, and otherwise unchanged."""

    def write_cuts(self, records: Sequence[CutRecord]) -> bytes:
        """The records of cuts."""

    def finish(self, part: Path) -> Path:
        """Complete a file that was written block by block; returns its path, which can differ from `part`."""


class Format(OutputFormat, Protocol):
    """A record format."""

    def head(self, path: str) -> bytes:
        """What inputs of one output must have in common. Raises InputError for a file without the text column."""

    def first_problem(self, path: str, annotated: bool) -> str:
        """The problem of all first records of a file, or of its columns; "" for none.

        annotated: annotations will be added to the records.
        """

    def blocks(self, path: str, start: int, line: int, more: bool) -> Iterator[Block]:
        """The records from position `start` on, which is line `line`; for an empty file one empty block.

        more: other files follow in the same output.
        """

    def parse(self, block: Block) -> Rows:
        """Parse the records of a block."""

    def first_records(self, block: Block, limit: int) -> tuple[Block, int]:
        """The block with at most `limit` of its records, and their number."""

    def select(self, rows: Rows, chosen: Sequence[int]) -> Rows:
        """The chosen rows, without the problems."""

    def raw(self, rows: Rows, i: int) -> bytes:
        """The bytes of a row, for --errors."""

    def conversion_problem(self, path: str, target: str) -> str:
        """Why the records of a file cannot be written in the format named `target`; "" if they can."""

    def columns(self, path: str) -> list[str] | None:
        """The columns of a file; None if its records can have any fields."""

    def values(self, rows: Rows, chosen: Sequence[int], texts: Texts) -> list[Values]:
        """The chosen rows as JSON values, with new texts where given, for another format.

        Raises ConversionError for a value that JSON lacks.
        """

    def columns_of(self, names: Sequence[str], records: Iterator[list[Values]], annotated: bool) -> bytes:
        """The columns of an output in this format.

        names: columns of strings. records: those that the columns have to hold. annotated: as in `begin`. Raises
        ValueError if a column has the name of one of the annotation.
        """

    def head_of(self, columns: bytes) -> bytes:
        """The header of a file with these columns."""

    def encode(self, records: Sequence[Values], annotations: Sequence[Annotation] | None, columns: bytes) -> bytes:
        """The records of another format, with annotations if given.

        Raises ConversionError for a value that this format cannot hold.
        """


def undecodable(error: UnicodeDecodeError) -> tuple[str, str]:
    """The kind and the detail of the problem of bytes that are not UTF-8."""
    return "not UTF-8", f"not UTF-8: byte {error.object[error.start]:#04x} at offset {error.start}"


def dumped(value: Any) -> bytes:
    """JSON in UTF-8, or in ASCII if the value has a lone surrogate."""
    try:
        return json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return json.dumps(value).encode()


def lines_of(stream: Stream, more: bool) -> Iterator[bytes]:
    """Lines with their ends; more: add a missing end to the last. A line that is too long is a BadRecord.

    Stops where the file cannot be read further, and sets `stream.broken`.
    """
    try:
        while line := stream.bytes.readline(MAX_RECORD_BYTES + 1):
            if len(line) > MAX_RECORD_BYTES:
                size = len(line)
                while not line.endswith(b"\n") and (rest := stream.bytes.readline(1 << 20)):
                    size += len(rest)
                    line = line[:BYTES_SHOWN] + rest[-1:]
                yield BadRecord.of(
                    line[:BYTES_SHOWN], size, "too long", f"too long: {size:,} bytes; limit {MAX_RECORD_BYTES:,}"
                )
            else:
                yield line if line.endswith(b"\n") or not more else line + b"\n"
    except Exception as error:
        stream.broken = error


def checked_utf8(lines: Iterator[bytes], path: str) -> Iterator[bytes]:
    """The lines from the start of a file. Raises InputError if it starts with the mark of another encoding."""
    first = next(lines, b"")
    if other := other_encoding(first):
        raise InputError(name_of(path), other)
    return chain([first], lines) if first else lines


def other_encoding(raw: bytes) -> str:
    """The problem of bytes that start with the byte order mark of another encoding than UTF-8; "" for none."""
    name = next((name for mark, name in _OTHER_ENCODINGS if raw.startswith(mark)), "")
    return name and f"{name}; records must be UTF-8. Convert with iconv -f {name} -t UTF-8"


def blocks_of(
    records: Iterator[bytes], size: int, stream: Stream, head: bytes, position: int, line: int
) -> Iterator[Block]:
    block = None
    for packet in packets(records, size, size_of):
        first, line = line, line + sum(map(count_lines, packet))
        position += sum(map(size_of, packet))
        block = Block(first, packet, head, position, line, stream.position())
        yield block
    if block is None and not stream.broken:
        yield Block(line, [], head, position, line, stream.position())


def selected(rows: Rows, chosen: Sequence[int], data: Any = None) -> Rows:
    """The chosen rows, without the problems. data: their `rows`; by default chosen from a list."""
    data = [rows.rows[i] for i in chosen] if data is None else data
    return Rows(
        [rows.lines[i] for i in chosen], [rows.texts[i] for i in chosen], [rows.ids[i] for i in chosen], data, []
    )


def first_of(block: Block, limit: int, blank: bytes) -> tuple[Block, int]:
    """As `Format.first_records`, for records that are bytes; those of only the bytes `blank` are not counted."""
    count, raws = 0, []
    for raw in block.raw:
        is_record = bool(raw.strip(blank))
        if is_record and count == limit:
            break
        raws.append(raw)
        count += is_record
    return block._replace(raw=raws), count


def is_annotation(value: object) -> bool:
    """Whether the value is an earlier annotation, which may be replaced."""
    return isinstance(value, dict) and set(value) - {"texts"} == set(ANNOTATION_FIELDS)


def field_conflict(*names: str) -> str:
    listed = ", ".join(map(repr, names))
    return f"the records already have {listed}, which the decision would replace; rename it first"


def rows_of_block(block: Block, parse: Callable[[bytes, bool], Record | tuple[str, str] | None]) -> Rows:
    """parse: returns a record; or the kind and detail of its problem; or None for no record."""
    rows = Rows([], [], [], [], [])
    line = block.line
    for raw in block.raw:
        try:
            result = raw.problem if isinstance(raw, BadRecord) else parse(raw, line == 1)
        except FieldError as error:
            result = error.args[0], error.args[1]
        except UnicodeDecodeError as error:
            result = undecodable(error)
        except (ValueError, RecursionError) as error:
            result = "unreadable", " ".join(str(error).split())
        if result is not None and len(result) == 2:
            rows.problems.append(Problem(line, *result, raw))
        elif result is not None:
            rows.lines.append(line)
            for column, value in zip((rows.texts, rows.ids, rows.rows), result, strict=True):
                column.append(value)
        line += count_lines(raw)
    return rows


def size_of(raw: bytes) -> int:
    return raw.size if isinstance(raw, BadRecord) else len(raw)


def count_lines(raw: bytes) -> int:
    return max(raw.count(b"\n"), 1)
